"""The result of sizing, as it travels from the calculator to rendering, storage and the API.

Formulas stay with the calculator; this is only their result. CPU is in millicores, memory in MiB, storage in GiB,
money in US dollars a month of 730 hours.
"""

from typing import Literal

from pydantic import Field

from shared.messages import Message
from shared.tenants import Model

GpuSharing = Literal["none", "time-slicing", "mig"]
AlternativeKind = Literal["preset", "gpu_type", "availability"]


class ServiceSizing(Model):
    """One workload of a tenant. Requests are per replica."""

    service: str
    sessions: int = Field(ge=0)
    """Concurrent sessions (channels, users) that reach it, its dependants' included."""
    replicas: int = Field(ge=1)
    max_replicas: int = Field(ge=1)
    cpu_request_m: int = Field(gt=0)
    cpu_limit_m: int = Field(gt=0)
    memory_request_mib: int = Field(gt=0)
    memory_limit_mib: int = Field(gt=0)
    gpu: int = Field(ge=0, default=0)
    """Whole GPUs of a replica."""
    gpu_type: str | None = None
    image: str
    port: int = Field(ge=1, le=65535)
    reason: str
    """Why so many, in a sentence."""
    reason_messages: tuple[Message, ...] = ()
    """The parts of `reason` for translation, as with every field of this ending; none from an older calculator."""
    erlangs: float = 0.0
    """The offered load: sessions held on average in the busy hour, or servers kept busy by requests."""
    needed: int = 0
    """How many of the replicas must be there for response time and blocking to hold; the others are spare."""
    constraints: dict[str, int] = Field(default_factory=dict)
    """Replicas after each constraint in turn: throughput, blocking or response-time, availability, minimum."""
    decided_by: str = ""
    """The constraint that raised the number last."""
    response_time_p95_ms: float | None = None
    """Of its own answer, with `needed` replicas; None where its own time is unmeasured or it holds sessions."""
    blocked: float | None = None
    """The part of sessions that find no free slot in the busy hour, with `needed` replicas; None where they wait."""
    availability: float | None = None
    """Percent of the time that `needed` replicas are there."""
    gpu_slices: int = 1
    """How many replicas share one GPU; `gpu` then counts slices."""
    monthly_cost_usd: float = 0.0
    """Its cores and memory, or its part of the rented GPUs, with its disks and recordings, on demand."""
    confidence: str | None = None
    """How far the capacity that this rests on can be trusted."""
    source: str | None = None


class ResourceTotals(Model):
    """The sums over all replicas, in the documented form."""

    cpu: str
    """`"45000m"`"""
    memory: str
    """`"64Gi"`"""
    gpu: int
    """Whole GPUs, shared ones counted once."""
    storage: str
    """`"2.0TB"`"""


class Money(Model):
    """An amount a month, in both currencies."""

    usd: float
    krw: int


class CostItem(Model):
    """What is paid for one kind of thing, a month on demand."""

    item: Literal["gpu", "cpu", "memory", "storage"]
    name: str
    """`"t4 (g4dn.xlarge)"`, `"cores"`"""
    quantity: float
    unit: str
    usd: float
    krw: int


class Cost(Model):
    """A month of 730 hours, by item, and in the three ways in which it can be bought."""

    items: tuple[CostItem, ...]
    on_demand: Money
    spot: Money
    reserved: Money
    krw_per_usd: float


class Alternative(Model):
    """A cheaper or safer neighbour of the recommendation."""

    preset: str
    resources: ResourceTotals
    cost: str
    performance_impact: str
    performance_impact_messages: tuple[Message, ...] = ()
    kind: AlternativeKind = "preset"
    gpu_type: str | None = None
    monthly_cost_usd: float = 0.0
    monthly_cost_krw: int = 0
    availability: float | None = None
    """Percent, computed."""
    response_time_p95_ms: float | None = None
    """The slowest service's; None where nothing is measured, or where requests would pile up without an end."""
    blocked: float | None = None
    """The part of sessions that the scarcest service turns away."""


class Sizing(Model):
    """What a tenant needs, and what that costs."""

    catalog_version: str | None = None
    """The catalogue and exchange rate that it was made with; None for a sizing that can't be deployed as it is."""

    recommended_preset: str
    preset: str
    """The preset in force: the user's, or the recommended one."""
    services: tuple[ServiceSizing, ...]
    resources: ResourceTotals
    gpu_type: str | None = None
    estimated_cost: str
    """`"$450/month"`"""
    monthly_cost_usd: float
    deployment_time: str
    """`"15-20 minutes"`"""
    cost: Cost | None = None
    availability: float | None = None
    """Percent of the time that every service has as many replicas as it needs, computed."""
    response_time_p95_ms: float | None = None
    """Of the slowest service whose answer a caller waits for."""
    gpus: dict[str, int] = Field(default_factory=dict)
    """Whole GPUs by type; more than one type where a mix is cheapest."""
    gpu_nodes: dict[str, int] = Field(default_factory=dict)
    """Instances that are rented for them."""
    gpu_sharing: GpuSharing = "none"
    alternatives: tuple[Alternative, ...] = ()
    warnings: tuple[str, ...] = ()
    warning_messages: tuple[Message, ...] = ()
    """One for each warning."""
