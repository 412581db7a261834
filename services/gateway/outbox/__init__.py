"""Events on their way from the database to NATS, and published again after a loss."""
