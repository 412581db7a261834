"""`ecp`: the product at a terminal. It calls the gateway, the databases, or the bus by the account `operator`."""
