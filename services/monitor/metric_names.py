"""Names of the metrics and sources that the monitor itself gives a meaning to. Pure."""

KUBERNETES = "kubernetes"
"""The source of samples that the monitor takes from a cluster. Only these count as observed availability."""
PROMETHEUS = "prometheus"
"""The source of samples that the monitor takes from Prometheus."""

LONGEST_SERVICE = 100
"""Characters of a service's name in our tables; Kubernetes permits 253."""

AVAILABLE = "available"
"""1 while a tenant is up, 0 while it is down: what the SLA is computed from."""
REQUEST_COUNT, ERROR_COUNT = "request_count", "error_count"
"""Requests, and failed ones, since the sample before."""
