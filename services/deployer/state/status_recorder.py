"""What is recorded and said of one generation.

Every word is written into `applied` before it is published, with its number in a sequence, which gives the event its
id. Whoever takes over says the last word again, under the same id, and goes on from there: nothing is lost, and nothing
is said twice. Only the first word is published while it is written: it is the same whoever says it, so that one who is
outrun by another has said nothing of its own. Progress and phase never fall, since a word that would is held back.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from services.deployer.reconcile.progress import STARTED, ProgressReport
from services.deployer.state.records import (
    AppliedState,
    DesiredState,
    ObjectRef,
    Outcome,
    RecordedFailure,
    StatusEvent,
    SupersededGeneration,
    is_open,
    is_stopped,
    unfinished_of,
)
from services.deployer.state.repository import StateRepository, TenantRecords
from shared.bus import EventPublisher, derived_id
from shared.events import (
    EVENTS,
    DeployEvent,
    DeploySuperseded,
    Event,
    Operation,
    Phase,
    TenantDeleted,
)
from shared.process.tasks import run_both
from shared.subjects import Mode, Subject

_log = structlog.get_logger(__name__)
_PHASES = list(Phase)
_NAMES: Mapping[Operation | None, str] = {
    None: "deployment",
    **{operation: operation.value for operation in Operation},
    Operation.DELETE: "deletion",
}
_UNDOING = {"rollback": "what was healthy last is applied again", "delete": "what it made is being deleted"}


class StatusRecorder:
    """The books of one generation of one tenant. All methods raise Outrun and DependencyUnavailable."""

    def __init__(
        self,
        mode: Mode,
        desired: DesiredState,
        state: TenantRecords,
        *,
        states: StateRepository,
        publisher: EventPublisher,
        clock: Callable[[], datetime],
    ) -> None:
        self._mode = mode
        self._desired = desired
        self._states = states
        self._publisher = publisher
        self._clock = clock
        self._previous = state.applied
        self._revision = state.applied_revision
        self._applied = self._opening(state.applied)

    @property
    def desired(self) -> DesiredState:
        """What the books are about."""
        return self._desired

    @property
    def applied(self) -> AppliedState:
        """What is recorded now."""
        return self._applied

    @property
    def is_concluded(self) -> bool:
        """Whether the work is done, and only the final word may not have been heard."""
        return self._applied.outcome is not Outcome.RUNNING

    async def open(self) -> None:
        """Begin: say what became of those before, then that this one has begun. After a takeover: the last word."""
        for replaced in self._desired.replaces:
            if is_open(replaced.generation, self._previous):
                await self._publish_superseded(replaced)
        if self._previous is not None and self._previous.generation == self._desired.generation:
            await self._publish_word()
            return
        await self._publish_end_of(self._previous)
        _log.info(f"Begun: {self._applied.word.message}.", action="deploy-begun")
        await run_both(self._record(self._applied), self._publish_word())

    async def repeat_end(self) -> None:
        """Publish the last event of a concluded generation again."""
        await self._publish_word()

    async def confirm(self) -> None:
        """Make sure that the books are still ours; raises Outrun if not.

        Before what can't be taken back: who was frozen for a while would do it to what has come since.
        """
        await self._record(self._applied)

    async def say(self, report: ProgressReport) -> bool:
        """Publish a step forward; not if it is none, as after a takeover, or if it has just been said."""
        word = self._applied.word
        if report.progress < word.progress or _PHASES.index(report.phase) < _PHASES.index(word.phase):
            return False
        if report == ProgressReport(word.phase, word.progress, word.message, word.resources):
            return False
        await self._utter(Subject.DEPLOY_PROGRESSED, report)
        return True

    async def say_waiting(self, message: str) -> bool:
        """Publish what the deployment waits for, where it is; False if that has just been said."""
        return await self.say(self._here(message))

    def here(self, report: ProgressReport) -> ProgressReport:
        """`report` with a progress and phase that don't fall behind what was said."""
        word = self._applied.word
        phase = max(report.phase, word.phase, key=_PHASES.index)
        return report._replace(phase=phase, progress=max(report.progress, word.progress))

    async def note_room(self) -> None:
        """Record that there is room now, from when on the deployment's time counts."""
        await self._record(self._applied.model_copy(update={"has_room_since": self._clock()}))

    async def expect(self, refs: Iterable[ObjectRef]) -> None:
        """Record what may be in the cluster from now on, before it is. What is known of an object stays known."""
        inventory = {ref.identity: ref for ref in refs}
        inventory |= {ref.identity: ref for ref in self._applied.inventory}
        await self._record(self._applied.model_copy(update={"inventory": tuple(inventory.values())}))

    async def take_stock(self, inventory: Sequence[ObjectRef]) -> None:
        """Record what is in the cluster."""
        if tuple(inventory) != self._applied.inventory:
            await self._record(self._applied.model_copy(update={"inventory": tuple(inventory)}))

    async def complete(self, report: ProgressReport) -> None:
        """The manifest is healthy; or, for a stop, nothing runs. What was healthy last stays known for a rollback."""
        _log.info(f"Completed: {report.message}.", action="deploy-completed")
        digest = self._desired.digest or self._applied.digest
        await self._conclude(Outcome.COMPLETED, Subject.DEPLOY_COMPLETED, report, digest=digest)

    async def roll_back(self, report: ProgressReport) -> None:
        """An earlier manifest is healthy again: the one that was asked for, or else the one that was healthy last."""
        _log.info(f"Rolled back: {report.message}.", action="deploy-rolled-back")
        digest = self._desired.digest if self._applied.failure is None else self._applied.digest
        await self._conclude(Outcome.ROLLED_BACK, Subject.DEPLOY_ROLLED_BACK, report, digest=digest)

    async def begin_undoing(self, code: str, message: str) -> None:
        """The deployment has failed, and is to be undone before that is its end."""
        _log.warning(f"Failed, and to be undone: {message}", action="deploy-undo", code=code)
        failure = RecordedFailure(code=code, message=message, at=self._clock())
        report = self._here(f"failed: {message}; {_UNDOING[self._desired.options.on_failure]}")
        await self._utter(Subject.DEPLOY_PROGRESSED, report, failure=failure)

    async def fail(self, code: str, message: str) -> None:
        """The deployment, or the deletion, has failed."""
        _log.warning(f"Failed: {message}", action="deploy-failed", code=code)
        await self._conclude(Outcome.FAILED, Subject.DEPLOY_FAILED, self._here(message), code=code)

    async def deleted(self, message: str = "deleted") -> None:
        """Nothing of ours is left of the tenant. The record stays, for its generation."""
        _log.info("Deleted: nothing is left of it.", action="tenant-deleted")
        report = ProgressReport(Phase.DONE, 100, message)
        await self._conclude(Outcome.DELETED, Subject.TENANT_DELETED, report, digest=None, inventory=())

    def _opening(self, previous: AppliedState | None) -> AppliedState:
        """The record to go on with: the one there is, or a new one that takes over what was left in the cluster."""
        desired = self._desired
        if previous is not None and previous.generation == desired.generation:
            return previous
        inventory = previous.inventory if previous else ()
        return AppliedState(
            deployment_id=desired.deployment_id,
            generation=desired.generation,
            wanted=desired.model_copy(update={"replaces": ()}),
            outcome=Outcome.RUNNING,
            started_at=self._clock(),
            word=StatusEvent(
                subject=Subject.DEPLOY_STARTED,
                sequence=0,
                phase=Phase.SCALING_SERVICES if desired.action == "stop" else Phase.CREATING_NAMESPACE,
                progress=STARTED,
                message=f"the {_NAMES[desired.operation]} has begun",
            ),
            digest=previous.digest if previous else None,
            inventory=inventory,
            unfinished=unfinished_of(previous),
            stopped=desired.action == "stop" or is_stopped(previous),
            before=inventory if desired.undoes and desired.options.on_failure == "delete" else (),
        )

    def _here(self, message: str) -> ProgressReport:
        word = self._applied.word
        return ProgressReport(word.phase, word.progress, message, word.resources)

    async def _utter(self, subject: Subject, report: ProgressReport, **changes: Any) -> None:
        word = StatusEvent(
            subject=subject,
            sequence=self._applied.word.sequence + 1,
            phase=report.phase,
            progress=report.progress,
            message=report.message,
            resources=report.resources,
            code=changes.pop("code", None),
        )
        await self._record(self._applied.model_copy(update={"word": word, **changes}))
        await self._publish_word()

    async def _conclude(self, outcome: Outcome, subject: Subject, report: ProgressReport, **changes: Any) -> None:
        """A start that failed was a start all the same: its tenant should run."""
        stopped = self._desired.action == "stop"
        await self._utter(subject, report, outcome=outcome, stopped=stopped, **changes)

    async def _record(self, applied: AppliedState) -> None:
        self._revision = await self._states.record(self._desired.key, applied, self._revision)
        self._applied = applied

    async def _publish_word(self) -> None:
        """Say the last word. A deletion begins and goes on in silence: it is no deployment."""
        word = self._applied.word
        if self._desired.action != "delete" or word.subject in (Subject.DEPLOY_FAILED, Subject.TENANT_DELETED):
            await self._publish(_event_of(self._desired, self._applied), str(word.sequence))
        if self.is_concluded and not self._applied.announced:
            await self._record(self._applied.model_copy(update={"announced": True}))

    async def _publish_end_of(self, previous: AppliedState | None) -> None:
        """Say how the generation before this one ended, if who brought it to an end may have died before."""
        if previous is None or previous.wanted is None or previous.outcome is Outcome.RUNNING or previous.announced:
            return
        event = _event_of(previous.wanted, previous)
        await self._publish(event, str(previous.word.sequence), previous.wanted.correlation_id)

    async def _publish_superseded(self, replaced: SupersededGeneration) -> None:
        previous = self._previous
        known = previous is not None and previous.generation == replaced.generation
        word = previous.word if previous is not None and known else None
        event = DeploySuperseded(
            **self._desired.model_dump(include={"tenant_id", "target"}),
            deployment_id=replaced.deployment_id,
            generation=replaced.generation,
            operation=replaced.operation,
            message=f"generation {self._desired.generation} takes its place",
            phase=word.phase if word else Phase.CREATING_NAMESPACE,
            progress=word.progress if word else STARTED,
            superseded_by=self._desired.generation,
        )
        await self._publish(event, "superseded", replaced.correlation_id)

    async def _publish(self, event: Event, part: str, correlation_id: str | None = None) -> None:
        await self._publisher.publish(
            event,
            mode=self._mode,
            event_id=derived_id(_deployment_of(event), event.subject, part),
            correlation_id=correlation_id or self._desired.correlation_id,
            traceparent=self._desired.traceparent,
        )


def _deployment_of(event: Event) -> str:
    if isinstance(event, TenantDeleted):
        return event.deletion_id
    assert isinstance(event, DeployEvent)  # noqa: S101 - the deployer says nothing else
    return event.deployment_id


def _event_of(desired: DesiredState, applied: AppliedState) -> Event:
    """The last word on what was desired."""
    word = applied.word
    if word.subject is Subject.TENANT_DELETED:
        return TenantDeleted(
            tenant_id=desired.tenant_id,
            deletion_id=desired.deployment_id,
            generation=desired.generation,
            message=word.message,
        )
    fields: dict[str, Any] = {
        **desired.model_dump(include={"tenant_id", "deployment_id", "generation", "target", "operation"}),
        **word.model_dump(include={"message", "phase", "progress", "resources", "code"}),
        "digest": applied.digest if word.subject is Subject.DEPLOY_ROLLED_BACK else desired.digest,
    }
    return EVENTS[word.subject].model_validate(fields)
