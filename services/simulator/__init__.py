"""The simulator: Kubernetes clusters in one process, behind the real Kubernetes API.

It owns the virtual clusters `default` and `demo`: their objects, their nodes, the controllers that run workloads on
them, and the resource usage of the pods. It consumes and publishes nothing on the bus: `kubectl`, the deployer and
the monitor use it like any other cluster. Its state is in a PostgreSQL database of its own.
"""
