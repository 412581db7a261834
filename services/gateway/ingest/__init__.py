"""Projects the workers' events into rows."""
