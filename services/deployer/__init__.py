"""The deployer: makes clusters agree with the desired state of tenants, and reports the progress.

It owns the desired state of every tenant (key-value bucket `desired`), the applied state (`applied`) and the leases. It
consumes `manifest.rendered` and `operation.requested`, and publishes `deploy.started`, `.progressed`, `.completed`,
`.failed`, `.rolled_back`, `.superseded`, `.drifted` and `tenant.deleted`.

    handlers.py      events become desired state, by compare-and-set: the highest generation wins
    mode_context.py  the adapters of one mode
    state/           records of a tenant, the rules between generations, and the events about them
    cluster/         the port to a cluster, its Kubernetes adapter, caches and capacity
    health/          the health of objects, kind by kind
    reconcile/       the controller: which tenants need work; apply, watch until healthy, prune, undo, stop, delete
    drift/           what no longer matches the deployment: compared, reported, healed
"""
