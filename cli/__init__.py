"""`ecp`: the product at a terminal. It speaks to the bus, in the name of the account `operator`."""
