"""The history of a run under faults, and the check for violations. Pure: the nemesis records, this module checks.

A history has four parts: requests with their responses, the events of the streams, the final deployments and tenants
of the databases, and what the cluster runs. It is checked after the run, when all operations should have ended:

    lost        accepted but not carried out: no record, a failure, or a tenant that the cluster doesn't have
    doubled     executed twice: two operations for one key, two completions of one deployment, a generation used twice
    pending     still in progress although everything else has ended
    backwards   a lower generation after a higher one: in responses, in events, or in the cluster
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal, NamedTuple, TypeVar

T = TypeVar("T")
K = TypeVar("K")
Kind = Literal["lost", "doubled", "pending", "backwards"]

OPEN: Final = frozenset({"pending", "deploying"})
GOOD: Final = frozenset({"completed", "superseded"})
"""Final statuses that are allowed for an accepted operation, if only an injected fault could make it fail."""
COMPLETED: Final = "deploy.completed"


class Call(NamedTuple):
    """One HTTP request. Without a response `status` is None, and the operation may have been executed or not."""

    operation: str
    tenant: str
    key: str
    begun: float
    ended: float
    status: int | None = None
    deployment: str | None = None
    generation: int | None = None

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300 and self.deployment is not None


class Published(NamedTuple):
    """One message of a stream, in the stream's order."""

    position: int
    subject: str
    tenant: str
    deployment: str | None
    generation: int | None


class Deployment(NamedTuple):
    """One operation, as its database has it after the run."""

    deployment: str
    tenant: str
    operation: str
    generation: int
    status: str
    message: str = ""


class Tenant(NamedTuple):
    """One tenant after the run; `runs` tells whether the cluster has all of its workloads, ready."""

    tenant: str
    status: str
    generation: int
    runs: bool


class Seen(NamedTuple):
    """A tenant's generation in a response, with its time; in the order of the responses to one client."""

    tenant: str
    generation: int
    at: float


class Violation(NamedTuple):
    kind: Kind
    tenant: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.tenant}: {self.what}"


@dataclass
class History:
    """A complete run. Deleted tenants are in `calls`, but not in `tenants`."""

    calls: list[Call] = field(default_factory=list)
    events: list[Published] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    tenants: list[Tenant] = field(default_factory=list)

    def count(self) -> str:
        parts = {name: len(getattr(self, name)) for name in ("calls", "events", "deployments", "tenants")}
        parts["accepted"] = len(_accepted(self))
        parts["completed"] = sum(each.subject == COMPLETED for each in self.events)
        return ", ".join(f"{number} {name}" for name, number in parts.items())


def violations(history: History) -> list[Violation]:
    """All violations in the history."""
    return [found for rule in RULES for found in rule(history)]


def lost(history: History) -> Iterator[Violation]:
    """Accepted operations without a record or with a wrong final status, and running tenants that the cluster lacks."""
    recorded = {each.deployment: each for each in history.deployments}
    for deployment, call in _accepted(history).items():
        record = recorded.get(deployment)
        if record is None:
            if not _deleted_after(history, call):
                yield Violation("lost", call.tenant, f"{call.operation} was accepted as {deployment}: no record of it")
        elif record.status not in GOOD | OPEN:
            yield Violation("lost", call.tenant, f"{call.operation} {deployment} is {record.status}: {record.message}")
    for tenant in history.tenants:
        if tenant.status == "running" and not tenant.runs:
            yield Violation("lost", tenant.tenant, "it is running, and the cluster doesn't have it")
        if tenant.status == "failed":
            yield Violation("lost", tenant.tenant, "it failed")


def doubled(history: History) -> Iterator[Violation]:
    """Keys with two operations, more operations than requests, and deployments that were completed twice."""
    for (tenant, key), calls in _grouped(history.calls, lambda call: (call.tenant, call.key)).items():
        names = {call.deployment for call in calls if call.accepted}
        if len(names) > 1:
            yield Violation("doubled", tenant, f"key {key} was answered with {', '.join(sorted(map(str, names)))}")
    asked = Counter(tenant for tenant, _ in {(call.tenant, call.key) for call in history.calls})
    for tenant, records in _grouped(history.deployments, lambda each: each.tenant).items():
        if len(records) > asked[tenant]:
            yield Violation("doubled", tenant, f"{len(records)} operations, and {asked[tenant]} were asked for")
        for generation, number in Counter(each.generation for each in records).items():
            if number > 1:
                yield Violation("doubled", tenant, f"generation {generation} was given {number} times")
    completed = Counter((each.tenant, each.deployment) for each in history.events if each.subject == COMPLETED)
    for (tenant, deployment), number in completed.items():
        if number > 1:
            yield Violation("doubled", tenant, f"{deployment} was completed {number} times")


def pending(history: History) -> Iterator[Violation]:
    """Operations and tenants that are still in progress."""
    for each in history.deployments:
        if each.status in OPEN:
            yield Violation("pending", each.tenant, f"{each.operation} {each.deployment} is {each.status}")
    for tenant in history.tenants:
        if tenant.status in ("pending", "deleting"):
            yield Violation("pending", tenant.tenant, f"the tenant is {tenant.status}")


def backwards(history: History) -> Iterator[Violation]:
    """Generations that decreased: between two responses, two completions, or a record and its tenant."""
    for tenant, answers in _grouped(history.seen, lambda each: each.tenant).items():
        for one, next_one in pairwise(sorted(answers, key=lambda each: each.at)):
            if next_one.generation < one.generation:
                yield _fell(tenant, "answers", one.generation, next_one.generation)
    completions = [each for each in history.events if each.subject == COMPLETED and each.generation is not None]
    for tenant, events in _grouped(completions, lambda each: each.tenant).items():
        for earlier, later in pairwise(sorted(events, key=lambda each: each.position)):
            if (later.generation or 0) < (earlier.generation or 0):
                yield _fell(tenant, "completions", earlier.generation, later.generation)
    highest: dict[str, int] = defaultdict(int)
    for record in history.deployments:
        highest[record.tenant] = max(highest[record.tenant], record.generation)
    for each in history.tenants:
        if each.generation < highest[each.tenant]:
            yield _fell(each.tenant, "records", highest[each.tenant], each.generation)


RULES: Final[tuple[Callable[[History], Iterator[Violation]], ...]] = (lost, doubled, pending, backwards)


def _accepted(history: History) -> Mapping[str, Call]:
    """The first request whose response has each deployment."""
    found: dict[str, Call] = {}
    for call in history.calls:
        if call.accepted and call.deployment is not None:
            found.setdefault(call.deployment, call)
    return found


def _deleted_after(history: History, call: Call) -> bool:
    """Whether the tenant was deleted later, which deletes its records; a deletion without a response may count too."""
    return any(
        other.operation == "delete"
        and other.tenant == call.tenant
        and other.ended >= call.begun
        and (other.accepted or other.status is None)
        for other in history.calls
    )


def _fell(tenant: str, where: str, before: int | None, after: int | None) -> Violation:
    return Violation("backwards", tenant, f"{where}: generation {after} after {before}")


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    found: dict[K, list[T]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return found
