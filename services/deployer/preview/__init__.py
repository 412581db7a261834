"""Shows what an operation would change in a cluster, without changing anything."""
