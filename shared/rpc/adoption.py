"""What the deployer answers about a namespace that is to be adopted: `rpc.inspect`."""

from pydantic import Field

from shared.model import Model


class InspectRequest(Model):
    """`rpc.inspect`: what is in the tenant's namespace, and what would an adoption do? Answered with `InspectReply`."""

    target: str
    tenant_id: str


class FoundWorkload(Model):
    """A workload with what a tenant can choose, of the container with its name, else of the first one."""

    kind: str
    name: str
    replicas: int = Field(ge=0)
    """Its own; of an autoscaled one the autoscaler's minimum."""
    max_replicas: int | None = None
    """The autoscaler's maximum; None without one."""
    target_cpu_percent: int | None = None
    image: str
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables with a value of their own; those from Secrets and ConfigMaps are left out."""
    requests: dict[str, str] = Field(default_factory=dict)
    limits: dict[str, str] = Field(default_factory=dict)
    port: int | None = None
    is_labelled: bool = True
    """Whether its pods have the tenant's label, by which their usage is measured."""


class LeftObject(Model):
    """An object that an adoption leaves alone."""

    object: str
    """`Job import`."""
    reason: str


class InspectReply(Model):
    """What is there. Nothing is changed by asking."""

    target: str
    exists: bool
    adopted: tuple[str, ...] = ()
    """The objects that would become the tenant's, such as `Deployment callbot`."""
    left_alone: tuple[LeftObject, ...] = ()
    foreign: tuple[str, ...] | None = None
    """Objects that others created, of the kinds that a deployment can change; None of an older deployer."""
    conflicts: tuple[str, ...] = ()
    """Labels with another value, which only `force_conflicts` replaces."""
    workloads: tuple[FoundWorkload, ...] = ()
