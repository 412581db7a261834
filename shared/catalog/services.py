"""What a service is: its sessions, what it asks of others, what a replica of it carries and takes."""

from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Self

from pydantic import Field, model_validator

from shared.catalog.figures import CatalogRecord, Count, Exact, Figure, Sourced


class Session(Sourced):
    """One call, chat or consultation."""

    seconds: Exact


class Day(Sourced):
    """The sessions of a channel in a working day, over which deferred work is spread."""

    sessions: Exact
    hours: Exact = Field(le=24)

    @property
    def sessions_a_second(self) -> Fraction:
        return self.sessions / (self.hours * 3600)


class Ask(Sourced):
    """What one session of a service needs of another: channels for as long as it lasts, or requests meanwhile."""

    channels: Exact | None = None
    requests: Exact | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.channels is None) == (self.requests is None):
            raise ValueError("give either channels or requests")
        return self


class ReplicaCapacity(CatalogRecord):
    """What a replica carries, in the service's unit: by its cores, or by its one GPU."""

    per_core: Figure | None = None
    per_gpu: dict[str, Figure] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.per_core is None) == (self.per_gpu is None):
            raise ValueError("give either per_core or per_gpu")
        return self


class Replica(Sourced):
    """Requests and limits of one replica; disk is what image and models take of a node's."""

    cpu_request_m: int = Field(gt=0)
    cpu_limit_m: int = Field(gt=0)
    memory_request_mib: int = Field(gt=0)
    memory_limit_mib: int = Field(gt=0)
    disk_gib: int = Field(gt=0)
    gpus: int = Field(ge=1, default=1)
    """Whole GPUs, of a service that uses them; each carries as much."""

    @cached_property
    def disk_gb(self) -> Fraction:
        """The same in GB, as storage is sold (10^9 bytes)."""
        return Fraction(self.disk_gib * 2**30, 10**9)

    @model_validator(mode="after")
    def _requests_within_limits(self) -> Self:
        if self.cpu_request_m > self.cpu_limit_m or self.memory_request_mib > self.memory_limit_mib:
            raise ValueError("a request is larger than its limit")
        return self


class Storage(Sourced):
    """What a session leaves behind: so many MB (10^6 bytes) a day, kept so many days."""

    mb_a_day: Exact
    days: int = Field(ge=1)


class Image(CatalogRecord):
    """A container image with a fixed tag."""

    repository: str = Field(min_length=1)
    tag: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if self.tag == "latest":
            raise ValueError("`latest` can't be rolled back to: pin a tag")
        return self


class Discipline(StrEnum):
    """What happens to a session that finds every server busy."""

    BLOCKED = "blocked"
    """Is turned away."""
    QUEUED = "queued"
    """Waits for a server, and a caller waits for the answer."""
    DEFERRED = "deferred"
    """Waits for a server, and no caller waits for the answer."""


class CatalogService(CatalogRecord):
    """One AI service."""

    unit: str
    """What its capacity and load are counted in: `channels`, `users`, or a rate such as `queries/s`."""
    discipline: Discipline
    session: Session | None = None
    day: Day | None = None
    own_seconds: Figure | None = None
    """What one request takes of a server: a core, or a GPU. Of a service with a rate it follows from the capacity."""
    within_seconds: Figure | None = None
    """A deferred service's own limit, at the percentile of `Quality.slow`."""
    entry_point: bool = False
    """Whether customers reach it from outside."""
    autoscaled: bool = False
    """Whether it has an HPA: CPU doesn't reflect a GPU's load."""
    asks: dict[str, Ask] = Field(default_factory=dict)
    capacity: ReplicaCapacity
    replica: Replica
    gpu_memory_gib: Figure | None = None
    """What a replica needs of a GPU's memory, where it shares one."""
    storage: Storage | None = None
    startup_seconds: Count
    max_sessions: Count
    image: Image
    port: int = Field(ge=1, le=65535)

    @cached_property
    def is_rate(self) -> bool:
        """Whether its load is in requests a second instead of in sessions."""
        return self.unit.endswith("/s")

    @cached_property
    def is_serial(self) -> bool:
        """Whether a server (a core, a GPU) takes one request at a time, instead of holding many sessions."""
        return self.is_rate or self.own_seconds is not None

    def carries(self, gpu_type: str | None) -> Fraction | None:
        """What one replica carries, in the service's unit; None if that hasn't been measured on this GPU type."""
        if self.capacity.per_core is not None:
            return self.capacity.per_core.value * Fraction(self.replica.cpu_request_m, 1000)
        figure = (self.capacity.per_gpu or {}).get(gpu_type or "")
        return figure.value if figure else None

    @cached_property
    def uses_gpu(self) -> bool:
        return self.capacity.per_gpu is not None

    @model_validator(mode="after")
    def _agrees_with_its_day(self) -> Self:
        """Where the capacity follows from a working day, it must be what follows."""
        if self.day is None:
            return self
        if self.own_seconds is None or self.capacity.per_core is None:
            raise ValueError("a day's sessions are spread over cores: they need own_seconds and per_core")
        busy = self.day.sessions_a_second * self.own_seconds.value * self.capacity.per_core.value
        if busy != 1:
            raise ValueError(f"per_core channels are {float(busy):g} cores' work, going by day and own_seconds")
        return self

    @model_validator(mode="after")
    def _has_what_its_discipline_needs(self) -> Self:
        if self.discipline is Discipline.QUEUED and not self.is_serial:
            raise ValueError("a queued service needs own_seconds, or a rate as its unit")
        if self.discipline is Discipline.BLOCKED and self.is_serial:
            raise ValueError("a blocked service holds sessions: its unit is no rate, and it has no own_seconds")
        if self.discipline is Discipline.DEFERRED and self.is_serial and self.within_seconds is None:
            raise ValueError("a deferred service with a time of its own needs within_seconds")
        if self.session is None and any(ask.requests is not None for ask in self.asks.values()):
            raise ValueError("requests of a session need a session, since its length gives their rate")
        return self
