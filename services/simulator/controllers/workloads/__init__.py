"""Controllers that keep pods running: Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, and disruption budgets."""
