"""The six services. They never import each other: what two of them need is in `shared`."""
