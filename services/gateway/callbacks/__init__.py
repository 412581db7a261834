"""What CI pipelines report of a deployment that they make themselves."""
