"""The product's own endpoints beside the Kubernetes API: health, Prometheus metrics, and numbers of tenants."""
