"""The control plane of a virtual cluster: controllers, scheduler and kubelets, in one package per subject.

`runtime` is the base of all of them (work queue, events, ownership); the other packages are named for what they
control. `virtual_cluster` starts them for one cluster. Controllers use the store, never the API.
"""
