"""All SQL of the gateway. Functions take a connection of `Database.begin`; the caller owns the transaction."""
