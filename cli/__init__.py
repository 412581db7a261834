"""`ecp`: the product at a terminal. It calls the gateway, or the bus in the name of the account `operator`."""
