"""Events on their way from the database to NATS: written with a transaction, published after it."""
