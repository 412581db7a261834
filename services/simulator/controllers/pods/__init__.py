"""The life of one pod on its node: what a kubelet does, how long it takes, and the faults that can be injected."""
