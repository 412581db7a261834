"""What a deployment of a tenant's current revision would change in its cluster."""
