"""What runs in a virtual cluster: its controllers, scheduler and kubelets, each in the room of its subject.

`runtime` is what all of them build on (work queue, events, ownership). The other rooms are named for what they
control. `virtual_cluster` starts them for one cluster. Controllers read and write the store and never the API.
"""
