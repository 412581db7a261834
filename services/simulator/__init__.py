"""The simulator: Kubernetes clusters in one process, behind the real Kubernetes API.

It owns virtual clusters (`default` and `demo`): their objects, their nodes, the controllers that run Deployments
and pods on them, and the numbers those pods use. It consumes and publishes nothing on the bus: `kubectl`, the
deployer and the monitor talk to it as to any cluster. Its state lives in a PostgreSQL database of its own.
"""
