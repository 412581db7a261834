"""What the deployer answers: `rpc.capacity`."""

from pydantic import Field

from shared.tenants import Model


class CapacityRequest(Model):
    """`rpc.capacity`: what does the target have, and what of it is free? Answered with a `CapacityReply`."""

    target: str = "simulator"


class NodeCapacity(Model):
    """A node that takes pods. Quantities by resource: `{"cpu": "15750m", "memory": "63Gi", "nvidia.com/gpu": "4"}`."""

    name: str
    allocatable: dict[str, str]
    free: dict[str, str]
    """What no pod on it has asked for."""
    labels: dict[str, str] = Field(default_factory=dict)
    taints: tuple[dict[str, str], ...] = ()
    """Those that keep pods off: effects NoSchedule and NoExecute."""


class CapacityReply(Model):
    """A target's nodes, now."""

    target: str
    nodes: tuple[NodeCapacity, ...]
