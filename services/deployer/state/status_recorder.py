"""Records and publishes the status of one generation.

Every event is written into the applied state before it is published, with a sequence number that determines its id. A
successor publishes the last event again under the same id and continues from there, so that no event is lost and none
has two ids. Only the first event is published concurrently with the write: its id and content are deterministic, so a
losing replica publishes a duplicate.

The id of a final event has no sequence number: if the bucket loses the record, the work is repeated with other numbers,
and the generation still ends once.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import structlog

from services.deployer.state.generations import is_unreported, open_record
from services.deployer.state.progress_report import ProgressReport
from services.deployer.state.records import (
    AppliedState,
    DesiredState,
    ObjectRef,
    RecordedFailure,
    StatusEvent,
    SupersededGeneration,
)
from services.deployer.state.repository import StateRepository, TenantRecords
from services.deployer.state.status_events import last_event_of, superseded_event_of
from shared.bus import ModePublisher, derived_id
from shared.events import DeployEvent, Event, Phase, TenantDeleted
from shared.outcomes import Outcome
from shared.process.tasks import run_both
from shared.subjects import Subject

_log = structlog.get_logger(__name__)
_UNDOING = {"rollback": "what was healthy last is applied again", "delete": "what it made is being deleted"}


class StatusRecorder:
    """The record of one generation of one tenant. All methods raise RevisionConflict and DependencyUnavailable."""

    def __init__(
        self,
        desired: DesiredState,
        records: TenantRecords,
        *,
        states: StateRepository,
        publisher: ModePublisher,
        clock: Callable[[], datetime],
    ) -> None:
        self._desired = desired
        self._states = states
        self._publisher = publisher
        self._clock = clock
        self._previous = records.applied
        self._revision = records.applied_revision
        self._applied = open_record(desired, records.applied, clock())

    @property
    def desired(self) -> DesiredState:
        """The generation's desired state."""
        return self._desired

    @property
    def applied(self) -> AppliedState:
        """The record as it was written last."""
        return self._applied

    @property
    def is_concluded(self) -> bool:
        """Whether the work has ended; its final event may still be unpublished."""
        return self._applied.outcome is not Outcome.RUNNING

    async def open(self) -> None:
        """Report the end of earlier generations, then the beginning of this one; after a takeover, its last event."""
        for replaced in self._desired.replaces:
            if is_unreported(replaced.generation, self._previous):
                await self._publish_superseded(replaced)
        if self._previous is not None and self._previous.generation == self._desired.generation:
            await self._publish_last()
            return
        await self._publish_end_of(self._previous)
        _log.info(f"Started: {self._applied.last_event.message}.", action="deploy-begun")
        await run_both(self._record(self._applied), self._publish_last())

    async def repeat_end(self) -> None:
        """Publish the final event of a concluded generation again."""
        await self._publish_last()

    async def fence(self) -> None:
        """Re-check the revision before a destructive call: raises RevisionConflict if this replica is stale."""
        await self._record(self._applied)

    async def report(self, report: ProgressReport) -> bool:
        """Publish progress; False if it is no news, as after a takeover."""
        if not report.is_news_after(self._applied.last_event):
            return False
        await self._record_and_publish(Subject.DEPLOY_PROGRESSED, report)
        return True

    async def report_waiting(self, message: str) -> bool:
        """Publish what the deployment waits for; False if that was the last event already."""
        return await self.report(self._unchanged(message))

    def not_before_last(self, report: ProgressReport) -> ProgressReport:
        """`report`, with phase and progress of at least those reported last."""
        return report.not_before(self._applied.last_event)

    async def record_capacity(self) -> None:
        """Record that there is capacity now; the timeout of a deployment that waited for it counts from here."""
        await self._update(has_room_since=self._clock())

    async def record_expected(self, refs: Iterable[ObjectRef]) -> None:
        """Add objects to the inventory before they are created or changed. What is known of an object is kept."""
        inventory = {ref.identity: ref for ref in refs}
        inventory |= {ref.identity: ref for ref in self._applied.inventory}
        await self._update(inventory=tuple(inventory.values()), changed=True)

    async def record_changing(self) -> None:
        """Record that the cluster is changed from here on. It is a fence, too: see there."""
        await self._update(changed=True)

    async def record_inventory(self, inventory: Sequence[ObjectRef]) -> None:
        """Record which objects of ours are in the cluster."""
        if tuple(inventory) != self._applied.inventory:
            await self._update(inventory=tuple(inventory))

    async def complete(self, report: ProgressReport, digest: str | None = None) -> None:
        """End as completed. A stop keeps the digest of the manifest that was healthy last, for a start or rollback.

        `digest` is that of a manifest that this generation has made, of what it found.
        """
        _log.info(f"Completed: {report.message}.", action="deploy-completed")
        digest = digest or self._desired.digest or self._applied.digest
        await self._conclude(Outcome.COMPLETED, Subject.DEPLOY_COMPLETED, report, digest=digest)

    async def roll_back(self, report: ProgressReport) -> None:
        """End as rolled back: to the requested manifest, or after a failure to the one that was healthy last."""
        _log.info(f"Rolled back: {report.message}.", action="deploy-rolled-back")
        digest = self._desired.digest if self._applied.failure is None else self._applied.digest
        await self._conclude(Outcome.ROLLED_BACK, Subject.DEPLOY_ROLLED_BACK, report, digest=digest)

    async def begin_undoing(self, code: str, message: str) -> None:
        """Record that the deployment failed; its final event follows when the failure has been undone."""
        _log.warning(f"Failed and is being undone: {message}", action="deploy-undo", code=code)
        failure = RecordedFailure(code=code, message=message, at=self._clock())
        report = self._unchanged(f"failed: {message}; {_UNDOING[self._desired.options.on_failure]}")
        await self._record_and_publish(Subject.DEPLOY_PROGRESSED, report, failure=failure)

    async def fail(self, code: str, message: str) -> None:
        """End as failed."""
        _log.warning(f"Failed: {message}", action="deploy-failed", code=code)
        await self._conclude(Outcome.FAILED, Subject.DEPLOY_FAILED, self._unchanged(message), code=code)

    async def cancel(self, report: ProgressReport) -> None:
        """End as cancelled. A tenant that was stopped stays so if nothing was changed; else it should run."""
        _log.info(f"Cancelled: {report.message}.", action="deploy-cancelled")
        was_stopped = self._applied.stopped and self._desired.action != "stop"
        stopped = was_stopped and not self._applied.changed
        await self._record_and_publish(Subject.DEPLOY_CANCELLED, report, outcome=Outcome.CANCELLED, stopped=stopped)

    async def delete(self, message: str = "deleted") -> None:
        """End as deleted. The record remains, because it has the tenant's highest generation."""
        _log.info("Deleted: nothing is left of the tenant.", action="tenant-deleted")
        report = ProgressReport(Phase.DONE, 100, message)
        await self._conclude(Outcome.DELETED, Subject.TENANT_DELETED, report, digest=None, inventory=())

    def _unchanged(self, message: str) -> ProgressReport:
        return ProgressReport.at(self._applied.last_event, message)

    async def _conclude(self, outcome: Outcome, subject: Subject, report: ProgressReport, **changes: Any) -> None:
        """End the generation. After a failed start the tenant counts as started: it should run."""
        stopped = self._desired.action == "stop"
        await self._record_and_publish(subject, report, outcome=outcome, stopped=stopped, **changes)

    async def _record_and_publish(self, subject: Subject, report: ProgressReport, **changes: Any) -> None:
        event = StatusEvent(
            subject=subject,
            sequence=self._applied.last_event.sequence + 1,
            phase=report.phase,
            progress=report.progress,
            message=report.message,
            resources=report.resources,
            code=changes.pop("code", None),
        )
        await self._update(last_event=event, **changes)
        await self._publish_last()

    async def _update(self, **changes: Any) -> None:
        await self._record(self._applied.model_copy(update=changes))

    async def _record(self, applied: AppliedState) -> None:
        self._revision = await self._states.record(self._desired.key, applied, self._revision)
        self._applied = applied

    async def _publish_last(self) -> None:
        """Publish the last recorded event. A deletion publishes its end only, because it is no deployment."""
        last = self._applied.last_event
        if self._desired.action != "delete" or last.subject in (Subject.DEPLOY_FAILED, Subject.TENANT_DELETED):
            await self._publish(last_event_of(self._desired, self._applied), _part_of(self._applied))
        if self.is_concluded and not self._applied.announced:
            await self._update(announced=True)

    async def _publish_end_of(self, previous: AppliedState | None) -> None:
        """Re-publish the previous generation's final event if it was never confirmed."""
        if previous is None or previous.wanted is None or previous.outcome is Outcome.RUNNING or previous.announced:
            return
        event = last_event_of(previous.wanted, previous)
        await self._publish(event, _part_of(previous), previous.wanted.correlation_id)

    async def _publish_superseded(self, replaced: SupersededGeneration) -> None:
        event = superseded_event_of(self._desired, replaced, self._previous)
        await self._publish(event, "superseded", replaced.correlation_id)

    async def _publish(self, event: Event, part: str, correlation_id: str | None = None) -> None:
        """Publish under an id that follows from deployment, subject and `part`."""
        await self._publisher.publish(
            event,
            event_id=derived_id(_deployment_of(event), event.subject, part),
            correlation_id=correlation_id or self._desired.correlation_id,
            traceparent=self._desired.traceparent,
        )


def _part_of(applied: AppliedState) -> str:
    """What distinguishes the last event from the generation's other events of its subject."""
    return str(applied.last_event.sequence) if applied.outcome is Outcome.RUNNING else "end"


def _deployment_of(event: Event) -> str:
    if isinstance(event, TenantDeleted):
        return event.deletion_id
    assert isinstance(event, DeployEvent)  # noqa: S101 - the deployer publishes no other events
    return event.deployment_id
