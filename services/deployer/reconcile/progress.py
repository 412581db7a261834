"""Where a deployment is, in percent and in a sentence. Pure.

    10 creating-namespace   20 creating-configuration   30 creating-services
    65 scaling-services     95 waiting-healthy         100 done

What comes below 10 is sizing and rendering. From 65 to 95 the ready replicas count, since starting them is what takes
time.
"""

from collections.abc import Sequence
from typing import NamedTuple

from services.deployer.cluster.api import Kind, Obj, kind_of, ref_of
from services.deployer.cluster.manifest_objects import phase_of
from services.deployer.health.snapshot import WORKLOADS, ObjectStatus
from shared.events import Phase, ResourceState

STARTED = 10
"""Percent at which the deployer takes over."""
_BOUNDS = {
    Phase.CREATING_NAMESPACE: (STARTED, 20),
    Phase.CREATING_CONFIGURATION: (20, 30),
    Phase.CREATING_SERVICES: (30, 65),
    Phase.SCALING_SERVICES: (65, 95),
    Phase.WAITING_HEALTHY: (95, 99),
}
_NAMED_AT_MOST = 5


class ProgressReport(NamedTuple):
    """What there is to say of a running deployment."""

    phase: Phase
    progress: int
    message: str
    resources: tuple[ResourceState, ...] = ()


def report_applied(objects: Sequence[Obj], count: int, skipped: frozenset[Kind]) -> ProgressReport:
    """After the first `count` (1 or more) of `objects`, which are in the order of apply."""
    last = objects[count - 1]
    phase = phase_of(last["kind"])
    first = next(index for index, obj in enumerate(objects) if phase_of(obj["kind"]) is phase)
    total = sum(1 for obj in objects if phase_of(obj["kind"]) is phase)
    done = "is unknown to the cluster and skipped" if kind_of(last) in skipped else "is applied"
    resources = tuple(_state(obj, index < count, skipped) for index, obj in enumerate(objects))
    return ProgressReport(phase, _percent(phase, count - first, total), f"{ref_of(last)} {done}", resources)


def report_waiting(items: Sequence[ObjectStatus]) -> ProgressReport:
    """After everything is applied: by ready replicas first, by health then."""
    resources = tuple(item.state for item in items)
    workloads = [item for item in items if item.is_workload and not item.skipped]
    ready, wanted = sum(item.ready for item in workloads), sum(item.wanted for item in workloads)
    message = _waiting_message(items, workloads)
    if ready < wanted:
        return ProgressReport(
            Phase.SCALING_SERVICES, _percent(Phase.SCALING_SERVICES, ready, wanted), message, resources
        )
    done = sum(1 for item in items if item.is_done)
    return ProgressReport(Phase.WAITING_HEALTHY, _percent(Phase.WAITING_HEALTHY, done, len(items)), message, resources)


def report_done(items: Sequence[ObjectStatus], notes: Sequence[str]) -> ProgressReport:
    """When nothing is waited for any more; with `notes` and what is tolerated, which a person should know of."""
    waiting = report_waiting(items)
    warnings = [f"{item.ref} doesn't scale: {item.health.reason}" for item in items if item.tolerated]
    message = "; ".join([waiting.message, *(f"note: {each}" for each in (*notes, *warnings))])
    return ProgressReport(Phase.DONE, 100, message, waiting.resources)


def describe(item: ObjectStatus) -> str:
    """What an object waits for: `tts 1/4 (ContainerCreating)`."""
    if not item.is_workload:
        return f"{item.ref} ({item.health.reason})"
    troubled = next((note for note in item.waiting if note.trouble), None)
    note = troubled or next(iter(item.waiting), None)
    reason = (note.trouble.reason if note.trouble else note.doing) if note else item.health.reason
    return f"{item.ref.name} {item.ready}/{item.wanted} ({reason})"


def _waiting_message(items: Sequence[ObjectStatus], workloads: Sequence[ObjectStatus]) -> str:
    done = f"{sum(1 for item in workloads if item.is_done)} of {len(workloads)} workloads are available"
    open_items = [describe(item) for item in items if not item.is_done]
    if not open_items:
        return done
    more = len(open_items) - _NAMED_AT_MOST
    named = ", ".join(open_items[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
    return f"{done}; waiting for {named}"


def _state(obj: Obj, done: bool, skipped: frozenset[Kind]) -> ResourceState:
    """An object before anybody has looked at its health: pods take longer than applying does."""
    word = "Pending" if not done or obj["kind"] in WORKLOADS else "Active"
    return ResourceState(
        type=obj["kind"], name=obj["metadata"]["name"], status="Skipped" if kind_of(obj) in skipped else word
    )


def _percent(phase: Phase, done: int, total: int) -> int:
    low, high = _BOUNDS[phase]
    return low + (high - low) * min(done, total) // max(total, 1)
