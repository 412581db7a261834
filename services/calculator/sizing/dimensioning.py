"""How many replicas one service needs, and what decided that.

Constraints are applied in order, and each can only raise the number of replicas:

    throughput      the load itself: concurrent sessions, or a stable queue
    blocking        of a blocked service: few sessions are rejected (Erlang B)
    response-time   of a queued or deferred service: few requests are slow (Erlang C)
    availability    spare replicas, so that the number above is available often enough (k of n)
    minimum         the catalogue's `min_replicas`

The last constraint that raised the number is reported as the deciding one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from services.calculator.sizing import erlang
from services.calculator.sizing.availability import replicas_for, share, unavailability
from services.calculator.sizing.capacity import HolderCapacity
from services.calculator.sizing.load import Load
from shared.catalog import Catalog, CatalogService, Discipline
from shared.tenants import SlaTarget


@dataclass(frozen=True, slots=True)
class Goal:
    """The service levels that each service of a tenant must meet. Fractions are between 0 and 1."""

    response_seconds: float
    slow: float
    blocking: float
    unavailability: float
    """The fraction of time in which one service may have too few replicas."""
    replica_availability: float
    min_replicas: int


@dataclass(frozen=True, slots=True)
class Performance:
    """The service levels that a number of replicas reaches. None: doesn't apply, or unmeasured."""

    p95_seconds: float | None
    blocked: float | None
    unavailability: float


@dataclass(frozen=True, slots=True)
class Dimension:
    """The replicas of one service."""

    replicas: int
    needed: int
    """How many of them must be available to meet the load, blocking and response time."""
    constraints: Mapping[str, int]
    """Replicas after each constraint, in order."""
    decided_by: str
    erlangs: float
    sized: "Dimension | None" = None
    """What was sized, where a tenant chose its replicas itself; None where it didn't."""


class TooSlow(Exception):
    """The target is below the service time itself: `possible` is the lowest reachable response time, in seconds."""

    def __init__(self, possible: float) -> None:
        super().__init__(f"possible above {possible:g} s")
        self.possible = possible


def goal(target: SlaTarget, services: int, catalog: Catalog) -> Goal:
    """The goal of each of a tenant's services, so that all of them together meet the target."""
    quality = catalog.quality
    return Goal(
        response_seconds=target.response_time_seconds,
        slow=float(quality.slow.value),
        blocking=float(quality.blocking.value),
        unavailability=share(float(1 - Fraction(target.availability.rstrip("%")) / 100), services),
        replica_availability=float(quality.replica_availability.value),
        min_replicas=catalog.min_replicas.value,
    )


def dimension(service: CatalogService, load: Load, capacity: HolderCapacity, goal: Goal) -> Dimension:
    """The fewest replicas that satisfy every constraint. Raises TooSlow if no number does."""
    offered = erlangs(service, load, capacity)
    constraints = {"throughput": _replicas(_throughput(service, offered), capacity)}
    name, servers = _served(service, load, capacity, goal, offered)
    needed = constraints[name] = max(constraints["throughput"], _replicas(servers, capacity))
    constraints["availability"] = replicas_for(needed, goal.unavailability, goal.replica_availability)
    replicas = constraints["minimum"] = max(constraints["availability"], goal.min_replicas)
    return Dimension(
        replicas=replicas,
        needed=needed,
        constraints=constraints,
        decided_by=_deciding(constraints),
        erlangs=offered,
    )


def erlangs(service: CatalogService, load: Load, capacity: HolderCapacity) -> float:
    """The offered load in erlangs: mean concurrent sessions, or mean busy servers."""
    return float(load.amount * capacity.servers / capacity.amount) if service.is_serial else float(load.amount)


def performance(
    service: CatalogService, load: Load, capacity: HolderCapacity, goal: Goal, *, replicas: int, needed: int
) -> Performance:
    """The performance of `replicas`; response time and blocking are those of `needed` of them, the worst case."""
    offered = erlangs(service, load, capacity)
    servers = needed * capacity.servers
    p95 = blocked = None
    if service.discipline is Discipline.BLOCKED:
        blocked = 0.0 if load.limit is not None and servers >= load.limit else erlang.erlang_b(servers, offered)
    elif capacity.own_seconds is not None:
        p95 = erlang.percentile(goal.slow, servers, offered, capacity.own_seconds)
    return Performance(p95, blocked, unavailability(needed, replicas, goal.replica_availability))


def _throughput(service: CatalogService, offered: float) -> int:
    return int(offered) + 1 if service.discipline is not Discipline.BLOCKED else ceil(offered)


def _served(
    service: CatalogService, load: Load, capacity: HolderCapacity, goal: Goal, offered: float
) -> tuple[str, int]:
    """The constraint of the service's discipline, and the servers that it requires."""
    if service.discipline is Discipline.BLOCKED:
        slots = erlang.slots_for_blocking(offered, goal.blocking)
        return "blocking", slots if load.limit is None else min(slots, load.limit)
    if capacity.own_seconds is None:
        return "response-time", erlang.servers_for_waiting(offered, goal.slow)
    within = float(service.within_seconds.value) if service.within_seconds else goal.response_seconds
    possible = erlang.own_percentile(goal.slow, capacity.own_seconds)
    if within <= possible:
        raise TooSlow(possible)
    return "response-time", erlang.servers_for_response(offered, capacity.own_seconds, within, goal.slow)


def _replicas(servers: int, capacity: HolderCapacity) -> int:
    return max(1, -(-servers // capacity.servers))


def _deciding(constraints: Mapping[str, int]) -> str:
    """The last constraint that raised the number; `throughput` if none did."""
    decided, before = "throughput", 0
    for name, replicas in constraints.items():
        if replicas > before:
            decided, before = name, replicas
    return decided
