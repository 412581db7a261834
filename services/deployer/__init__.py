"""The deployer: makes a cluster agree with what was asked of it, and says how it goes.

It owns the desired state of every tenant (key-value bucket `desired`), what has come of it (`applied`) and the leases.
It consumes `manifest.rendered` and `operation.requested`, and publishes `deploy.started`, `.progressed`, `.completed`,
`.failed`, `.rolled_back`, `.superseded` and `tenant.deleted`.

    handlers.py     an event becomes desired state, by compare-and-set: the highest generation wins
    controller.py   which tenants need work, and who does it (a lease each)
    reconciler.py   one tenant: apply, watch until healthy, prune; undo, stop or delete; safe to kill and to repeat
    apply.py        the writes; view.py the watches; newest.py what stops them
    ledger.py       what is recorded and said of one generation
    desired, manifest, health, pods, survey, scaling, progress, patience, explanation    pure: judging and wording
    cluster.py      the port to a cluster; kubernetes.py, states.py, leases.py, manifests.py, targets.py the adapters
"""
