"""One generation of one tenant at work: its records, deadlines and cluster, and the steps that all actions share."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog

from services.deployer.cluster.api import ClusterApi, ClusterUnavailable
from services.deployer.cluster.informer import Informer
from services.deployer.reconcile.context import ReconcileContext
from services.deployer.reconcile.deadlines import Deadlines, DeploymentFailed
from services.deployer.reconcile.generation_guard import Cancelled, GenerationGuard
from services.deployer.reconcile.prune import claim_namespace, prune
from services.deployer.reconcile.report_pacing import ReportPacing
from services.deployer.reconcile.scaling import Patch
from services.deployer.state.progress_report import ProgressReport
from services.deployer.state.records import AppliedState, DesiredState, ObjectRef
from services.deployer.state.status_recorder import StatusRecorder
from shared.errors import EcpError
from shared.kube.kinds import Kind
from shared.kube.objects import Obj
from shared.tenants import NAMESPACE_PREFIX

_log = structlog.get_logger(__name__)
_LOOK_EVERY = 1.0
"""Seconds between two assessments without a change: no change shows that a timeout has passed."""


class TenantWork:
    """One attempt at one generation. It raises Superseded, Cancelled, ClusterUnavailable and RevisionConflict."""

    def __init__(
        self, recorder: StatusRecorder, deadlines: Deadlines, guard: GenerationGuard, context: ReconcileContext
    ) -> None:
        self.recorder = recorder
        self.deadlines = deadlines
        self.context = context
        self.namespace = f"{NAMESPACE_PREFIX}{recorder.desired.tenant_id}"
        self._guard = guard
        # What was published last, by `StatusRecorder.open`.
        started = ProgressReport.at(self.applied.last_event, self.applied.last_event.message)
        self._pacing = ReportPacing(started, context.clock())
        self._reporting = asyncio.Lock()
        self._latest: ProgressReport | None = None

    @property
    def desired(self) -> DesiredState:
        """The generation's desired state."""
        return self.recorder.desired

    @property
    def applied(self) -> AppliedState:
        """The generation's record as it was written last."""
        return self.recorder.applied

    @property
    def cluster(self) -> ClusterApi:
        """The target's cluster."""
        return self.context.cluster

    @property
    def is_over(self) -> bool:
        """Whether the timeout has passed."""
        return self.deadlines.is_over(self.context.clock())

    def check(self) -> None:
        """Raise Superseded if there is a higher generation, Cancelled if this one was cancelled."""
        self._guard.check(self.desired.generation)
        if self.desired.cancelled:
            raise Cancelled

    @property
    def progress(self) -> ProgressReport:
        """The latest progress, which may not have been published."""
        if self._latest is None:
            return ProgressReport.at(self.applied.last_event, self.applied.last_event.message)
        return self.recorder.not_before_last(self._latest)

    async def claim_namespace(self) -> Obj | None:
        """The tenant's namespace, or None. Raises NamespaceNotOurs."""
        return await claim_namespace(self.cluster, self.namespace, self.desired.tenant_id, self.applied.inventory)

    async def prune(self, refs: Sequence[ObjectRef]) -> list[Obj]:
        """Delete those of `refs` that are ours; returns the objects of others that keep the namespace."""
        return await prune(self.cluster, refs, self.desired.tenant_id, self.recorder.fence)

    async def patch(self, patches: Iterable[Patch]) -> None:
        """Patch objects, checking the generation before each."""
        for ref, body in patches:
            self.check()
            await self.cluster.patch(ref, body)

    async def report(self, report: ProgressReport) -> None:
        """Publish progress if it is due (see `report_pacing`). What isn't is part of a later report."""
        self._latest = report
        # Objects are applied concurrently, and the record is written by compare-and-set.
        async with self._reporting:
            now = self.context.clock()
            if self._pacing.is_due(report, now, self.context.at_work()) and await self.recorder.report(report):
                self._pacing.note(report, now)

    async def watch(
        self, kinds: Sequence[Kind], assess: Callable[[Informer], Awaitable[ProgressReport | None]]
    ) -> ProgressReport:
        """Assess after each change of the watched kinds, until an assessment returns the final report."""
        async with Informer(self.cluster, kinds, self.namespace) as informer:
            with self._guard.waking(informer.wake):
                while (report := await self._look(informer, assess)) is None:
                    await informer.wait(_LOOK_EVERY)
                return report

    async def _look(
        self, informer: Informer, assess: Callable[[Informer], Awaitable[ProgressReport | None]]
    ) -> ProgressReport | None:
        """One assessment: the final report, or None. Raises SlotExpired, but never before the first assessment.

        A tenant that made way for others earlier would have worked for nothing: it starts over, and finds out no more.
        """
        self.check()
        if (trouble := informer.trouble) is not None:
            await self.wait_for(trouble)
        elif not informer.is_complete:
            return None
        elif (report := await assess(informer)) is not None:
            return report
        self.context.check_slot()
        return None

    async def wait_for(self, error: EcpError) -> None:
        """Report what the deployment waits for. Raises DeploymentFailed when the timeout has passed."""
        what = f"{error.name}: {error.reason}" if isinstance(error, ClusterUnavailable) else error.message
        if self.is_over:
            raise DeploymentFailed(f"not done within {self.desired.options.timeout}: waiting for {what}") from error
        if await self.recorder.report_waiting(f"waiting for {what}"):
            _log.warning(f"Waiting for {what}", action="wait-for-dependency")
