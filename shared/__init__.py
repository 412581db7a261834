"""The contract between the services and the plumbing that each of them needs.

`events` and `subjects` are the contract: which events exist, on which subject, and from which service. The rest is
plumbing: `bus` (broker, middlewares, bootstrap), `database`, `settings`, `errors`, `logging`.
`catalog` holds data about AI services, GPUs and prices; `kube` what more than one service must
know of Kubernetes objects. Nothing here imports a service, and each part imports without the
others' dependencies, so that a worker's image has only what it needs.
"""
