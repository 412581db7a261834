"""The cluster itself: nodes, namespaces, quotas, garbage collection, and the availability of tenants."""
