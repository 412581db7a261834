"""What the deployer answers: `rpc.capacity` and `rpc.room`."""

from collections.abc import Iterator

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
    """A target's nodes, some seconds ago at most."""

    target: str
    nodes: tuple[NodeCapacity, ...]


class PodDemand(Model):
    """Equal pods that are to run: a workload's, at its least number of replicas."""

    name: str
    count: int = Field(ge=0)
    requests: dict[str, str]
    """Of one pod, by resource."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[dict[str, str], ...] = ()
    labels: dict[str, str]
    """By which those of them that run are found: only what comes on top needs room."""


class RoomRequest(Model):
    """`rpc.room`: is there room for a tenant's pods beside what runs? Answered with a `RoomReply`.

    With `digest`, for those of a stored manifest instead of `pods`.
    """

    target: str
    tenant_id: str
    pods: tuple[PodDemand, ...] = ()
    digest: str | None = None


class Shortage(Model):
    """A resource of which the cluster has too little: cores, a binary quantity of memory, or whole GPUs."""

    resource: str
    """`cpu`, `memory` or `gpu`."""
    gpu_type: str | None = None
    """The node label `nvidia.com/gpu.product` of the GPUs that are needed; None where any would do."""
    needed: str
    free: str
    """What no pod uses or waits for, on all nodes together."""
    total: str


class Unplaced(Model):
    """Pods of a workload that fit on no node."""

    workload: str
    pods: int
    replicas: int
    reason: str


class RoomReply(Model):
    """What is short; nothing where there is room, or where that can't be known, for which `unchecked` is the reason."""

    target: str
    unchecked: str | None = None
    short: tuple[Shortage, ...] = ()
    unplaced: tuple[Unplaced, ...] = ()

    @property
    def is_short(self) -> bool:
        return bool(self.short or self.unplaced)

    @property
    def sentence(self) -> str:
        """What is short, in words."""
        return "; ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        for each in self.short:
            of_type = f" of type {each.gpu_type}" if each.gpu_type else ""
            yield f"{each.resource}{of_type}: {each.needed} needed, {each.free} free of {each.total}"
        for pods in self.unplaced:
            yield f"{pods.workload}: {pods.pods} of {pods.replicas} pods fit on no node ({pods.reason})"
