"""Access to clusters: the API that the deployer needs, its Kubernetes adapter, and what a cluster holds at a moment."""
