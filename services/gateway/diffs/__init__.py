"""What a deployment has changed, against an earlier one or a cluster."""
