"""What is wanted of a tenant, and what has come of it: the records, and the rule that the highest generation wins.

Pure; `states` keeps the records in two key-value buckets under `<target>.<tenant>`. A generation never starts again, so
`applied` outlives its tenant: it is what refuses a late event of a deleted one.
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple

from shared.events import DeployOptions, Drift, Generation, Operation, Phase, ResourceState
from shared.subjects import Subject
from shared.tenants import Model


class SupersededGeneration(Model):
    """A generation that a higher one pushed aside before it was done; somebody still has to say so."""

    deployment_id: str
    generation: Generation
    correlation_id: str
    operation: Operation | None = None


class DesiredState(Model):
    """What a tenant is to be on one target."""

    tenant_id: str
    target: str
    deployment_id: str
    generation: Generation
    action: Literal["deploy", "stop", "delete"]
    operation: Operation | None = None
    """What was asked for; None for a deploy. A rollback, a start and a restart deploy a manifest that was healthy."""
    digest: str | None = None
    """The manifest's; None for a stop and a deletion."""
    to: Generation | None = None
    """The generation that brought the manifest about, where this one didn't render it."""
    restarted_at: datetime | None = None
    """For a restart: what its pods are marked with, the same however often it is tried."""
    force: bool = False
    options: DeployOptions = DeployOptions()
    correlation_id: str
    traceparent: str | None = None
    replaces: tuple[SupersededGeneration, ...] = ()

    @property
    def key(self) -> str:
        return state_key(self.target, self.tenant_id)

    @property
    def undoes(self) -> bool:
        """Whether a failure is to be undone. An operation is none: what it brings about was healthy before."""
        return self.action == "deploy" and self.operation is None and self.options.on_failure != "keep"


class ObjectRef(Model):
    """One object in a cluster. `uid` is None as long as we don't know that it was made."""

    api_version: str
    kind: str
    namespace: str = ""
    name: str
    uid: str | None = None
    fields: str | None = None
    """A digest of the fields that we owned when we applied it last (`fields.digest`); None in records of 0.1."""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Without version and uid: the same object under a newer API version is no other object."""
        return (self.api_version.rpartition("/")[0], self.kind, self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Outcome(StrEnum):
    """Where the recorded generation is."""

    RUNNING = "running"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled-back"
    FAILED = "failed"
    DELETED = "deleted"


class StatusEvent(Model):
    """The last thing that was said, written down before it is said: a successor says it again under the same id."""

    subject: Subject
    sequence: int
    phase: Phase
    progress: int
    message: str
    resources: tuple[ResourceState, ...] = ()
    code: str | None = None


class RecordedFailure(Model):
    """Why a generation has failed that is being undone: its end is said when that is done."""

    code: str
    message: str
    at: datetime


class DriftRecord(Model):
    """How what runs differs from what was deployed, written down before it is published."""

    sequence: int
    items: tuple[Drift, ...] = ()
    announced: bool = False
    heals: int = 0
    """How often it was healed, since it last stayed away for long."""
    healed_at: datetime | None = None
    healed: tuple[str, ...] = ()
    """What was healed in that time, as `drift.names_of` has it."""
    reported_heals: int = 0
    """`heals` of the last report: one more that didn't last is news."""


class AppliedState(Model):
    """What has come of a generation."""

    deployment_id: str
    generation: Generation
    wanted: DesiredState | None = None
    """What was wanted, for whoever has to say the last word of it when something else is; None in records of 0.1."""
    outcome: Outcome
    started_at: datetime
    word: StatusEvent
    announced: bool = False
    """Whether a final word is known to have been published."""
    digest: str | None = None
    """The manifest that was healthy last."""
    inventory: tuple[ObjectRef, ...] = ()
    """Everything of ours that may be in the cluster, whichever generation made it."""
    before: tuple[ObjectRef, ...] = ()
    """The inventory when this generation began, if its failure deletes what it made."""
    has_room_since: datetime | None = None
    """When a deployment that may wait for room got it; the time before that doesn't count."""
    unfinished: tuple[str, ...] = ()
    """Manifests that earlier generations have begun since the one that was healthy last, and not finished."""
    stopped: bool = False
    """Whether nothing has run, on purpose, since a stop began."""
    failure: RecordedFailure | None = None
    """Set as soon as the generation is being undone; whoever takes over goes on with that."""

    drift: DriftRecord | None = None
    """Of a deployment that is done; None as long as there was none."""

    @property
    def since(self) -> datetime:
        """When what is being done began: undoing has the whole time again."""
        return self.failure.at if self.failure is not None else self.has_room_since or self.started_at


class HigherGeneration(NamedTuple):
    """The answer to a generation that comes too late."""

    generation: int


def state_key(target: str, tenant_id: str) -> str:
    """The key of a tenant's records."""
    return f"{target}.{tenant_id}"


def decide(
    wanted: DesiredState, current: DesiredState | None, applied: AppliedState | None
) -> DesiredState | HigherGeneration | None:
    """What to write for `wanted`. `Newer` if a higher generation rules, None if it is known already."""
    floor = max(current.generation if current else 0, applied.generation if applied else 0)
    if wanted.generation < floor:
        return HigherGeneration(floor)
    if wanted.generation == floor and not _is_missing(wanted, current, applied):
        return None
    return wanted.model_copy(update={"replaces": _replaced(current, applied)})


def lost(current: DesiredState | None, applied: AppliedState | None) -> DesiredState | None:
    """What was wanted, if its record is gone though the work at it isn't done: the bucket has lost its end."""
    if applied is None or applied.wanted is None or not _is_missing(applied.wanted, current, applied):
        return None
    return None if is_settled(applied.wanted, applied) else applied.wanted


def _is_missing(wanted: DesiredState, current: DesiredState | None, applied: AppliedState | None) -> bool:
    """Whether the record of `wanted` is gone, or an older one is back. After a deletion there is to be none."""
    if current is not None:
        return current.generation < wanted.generation
    deleted = applied is not None and applied.outcome is Outcome.DELETED and applied.announced
    return not deleted


def is_settled(desired: DesiredState, applied: AppliedState | None) -> bool:
    """Whether there is nothing left to do or to say."""
    if applied is None or applied.generation < desired.generation:
        return False
    return applied.outcome is not Outcome.RUNNING and applied.announced


def is_concluded(desired: DesiredState, applied: AppliedState) -> bool:
    """Whether the work at just this generation has come to its end."""
    return applied.generation == desired.generation and applied.outcome is not Outcome.RUNNING


def is_open(generation: int, applied: AppliedState | None) -> bool:
    """Whether nobody has said yet how `generation` ended."""
    if applied is None or generation > applied.generation:
        return True
    return generation == applied.generation and applied.outcome is Outcome.RUNNING


def is_stopped(previous: AppliedState | None) -> bool:
    """Whether nothing has run since a stop. A record of 0.1 tells it by what was wanted."""
    if previous is None:
        return False
    return previous.stopped or (previous.wanted is not None and previous.wanted.action == "stop")


def unfinished_of(previous: AppliedState | None) -> tuple[str, ...]:
    """What a new generation finds begun and not finished: until it is done, it must not be asked for more than that."""
    if previous is None or previous.outcome in (Outcome.COMPLETED, Outcome.ROLLED_BACK, Outcome.DELETED):
        return ()
    begun = previous.wanted.digest if previous.wanted else None
    return tuple(dict.fromkeys((*previous.unfinished, *((begun,) if begun else ()))))


def _replaced(current: DesiredState | None, applied: AppliedState | None) -> tuple[SupersededGeneration, ...]:
    if current is None:
        return ()
    last = SupersededGeneration.model_validate(current.model_dump(include=set(SupersededGeneration.model_fields)))
    return tuple(each for each in (*current.replaces, last) if is_open(each.generation, applied))
