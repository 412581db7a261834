"""One tenant: makes its cluster agree with the desired generation, or deletes it.

Level-triggered, and safe to kill at any moment: a successor reads the records and does all of it again, which
server-side apply makes harmless. Every step first asks whether a newer generation has come.

    deploy   is the namespace ours? -> record what will be there -> apply -> watch until healthy -> prune -> completed
    undo     a deploy has failed -> record that -> the manifest that was healthy last, as above -> rolled back
                                                -> or delete what this generation made -> failed
    stop     no replicas -> watch until no pod is left -> completed
    delete   what lies outside the namespace -> the namespace -> wait until it is gone -> deleted
             with objects of others in it: what is ours -> failed, naming them
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import structlog

from services.deployer.cluster.api import ClusterUnavailable, Kind, NamespaceTerminating, Obj, ref_of, stub_of
from services.deployer.cluster.informer import Informer
from services.deployer.cluster.manifest_objects import InvalidManifest, parse
from services.deployer.cluster.ownership import describe
from services.deployer.health.snapshot import POD, REPLICA_SET, ClusterSnapshot, assess_objects, watched_kinds
from services.deployer.reconcile.apply import apply_all, claim_namespace, prune, refuse_terminating, without
from services.deployer.reconcile.context import ReconcileContext
from services.deployer.reconcile.deadlines import Deadlines, DeploymentFailed
from services.deployer.reconcile.deletion import Deletion
from services.deployer.reconcile.explanation import EVENT, explain
from services.deployer.reconcile.generation_guard import GenerationGuard, Superseded
from services.deployer.reconcile.progress import ProgressReport, report_applied, report_done, report_waiting
from services.deployer.reconcile.room_check import RoomCheck
from services.deployer.reconcile.scaling import SCALABLE, Patch, to_run, to_stop
from services.deployer.state.manifest_store import ManifestMissing
from services.deployer.state.records import AppliedState, DesiredState, ObjectRef, RecordedFailure
from services.deployer.state.status_recorder import StatusRecorder
from shared.errors import EcpError, PermanentError, TemporaryError
from shared.events import Operation, Phase
from shared.tenants import NAMESPACE_PREFIX

_log = structlog.get_logger(__name__)
_LOOK_EVERY = 1.0
"""Seconds between two looks without a change: what takes too long shows in no change."""
_NEWS_EVERY = timedelta(seconds=0.5)
"""Between two words on how far a phase has come: each is written twice and sent to everybody who watches."""


class UndoStarted(TemporaryError):
    """The deployment has failed, which is recorded: what is left to do is to undo it."""


class ObjectsDeleted(TemporaryError):
    """Somebody deleted an object while we waited for it: it has to be applied again."""


class Reconciler:
    """The work at one generation of one tenant."""

    def __init__(
        self,
        desired: DesiredState,
        ledger: StatusRecorder,
        patience: Deadlines,
        newest: GenerationGuard,
        ports: ReconcileContext,
    ) -> None:
        self._desired = desired
        self._ledger = ledger
        self._patience = patience
        self._newest = newest
        self._ports = ports
        self._cluster = ports.cluster
        self._namespace = f"{NAMESPACE_PREFIX}{desired.tenant_id}"
        self._said_at: datetime | None = None
        self._notes: list[str] = []
        """What applying had to leave as it was."""
        self._room = RoomCheck(desired, ledger, patience, ports.find_room, ports.clock)

    async def run(self) -> None:
        """Work until the generation is concluded.

        Raises Superseded when a newer one has come, and TemporaryError for what heals: start over then.
        """
        try:
            await self._run()
        except PermanentError as error:
            await self._fail(error.code, error.message)
        except (Superseded, TemporaryError):
            raise
        except Exception as error:
            if not self._patience.is_over(self._ports.clock()):
                raise
            _log.exception("A deployment met a fault of ours until its time was up.", action="reconcile-failed")
            await self._fail("INTERNAL", f"an internal error ({type(error).__name__}); the log has the details")

    async def _run(self) -> None:
        try:
            await self._act()
        except ManifestMissing as error:
            if not self._can_be_rendered_again:
                raise InvalidManifest(error.message) from error
            await self._wait_for(error)
            raise
        except (ClusterUnavailable, NamespaceTerminating, ObjectsDeleted) as error:
            await self._wait_for(error)
            raise

    async def _act(self) -> None:
        if self._ledger.applied.failure is not None:
            await self._undo(self._ledger.applied.failure)
        elif self._desired.action == "delete":
            await Deletion(self._desired, self._ledger, self._patience, self._ports, self._check).run()
        elif self._desired.action == "stop":
            await self._stop()
        elif self._desired.operation is Operation.ROLLBACK:
            report = await self._bring_about(self._desired.digest or "")
            await self._ledger.roll_back(report._replace(message=f"back to {self._origin}; {report.message}"))
        else:
            await self._ledger.complete(await self._bring_about(self._desired.digest or ""))

    async def _fail(self, code: str, message: str) -> None:
        """The end, unless there is something to undo first. Raises Undoing then: start over."""
        applied = self._ledger.applied
        if applied.failure is not None:
            text = f"{applied.failure.message}; undoing it has failed, too: {message}"
            await self._ledger.fail(applied.failure.code, text)
        elif self._desired.undoes and not self._has_nothing_to_go_back_to(applied):
            await self._ledger.begin_undoing(code, message)
            raise UndoStarted(message)
        else:
            await self._ledger.fail(code, message)

    def _has_nothing_to_go_back_to(self, applied: AppliedState) -> bool:
        return self._desired.options.on_failure == "rollback" and applied.digest in (None, self._desired.digest)

    async def _undo(self, failure: RecordedFailure) -> None:
        applied = self._ledger.applied
        if self._desired.options.on_failure == "rollback":
            report = await self._bring_about(applied.digest or "")
            message = f"{failure.message}; what was healthy last runs again: {report.message}"
            await self._ledger.roll_back(report._replace(message=message))
            return
        left = await self._prune(without(applied.inventory, applied.before))
        await self._ledger.take_stock(applied.before)
        self._check()
        stays = f"; Namespace {self._namespace} stays, with objects of others in it: {describe(left)}" if left else ""
        await self._ledger.fail(failure.code, f"{failure.message}; what this generation had made is deleted{stays}")

    async def _bring_about(self, digest: str) -> ProgressReport:
        """Make the cluster agree with a manifest; the last word on it."""
        text = await self._ports.manifests.fetch(digest)
        # Some hundred milliseconds for a large one, in which leases are renewed.
        objects = await asyncio.to_thread(parse, text, self._namespace)
        refuse_terminating(await self._claim())
        if self._ports.preflight is not None and self._ledger.applied.failure is None:
            await self._ports.preflight.check(objects, self._namespace)
        await self._room.check(self._namespace, objects)
        await self._ledger.expect(ref_of(obj) for obj in objects)
        made = await apply_all(
            self._cluster,
            objects,
            force=self._desired.options.force_conflicts,
            before=self._check,
            after=lambda count, skipped: self._say_applied(report_applied(objects, count, skipped)),
        )
        unwanted = without(self._ledger.applied.inventory, [ref_of(obj) for obj in objects])
        await self._ledger.take_stock([*made.refs, *unwanted])
        self._notes = made.notes
        report = await self._until_healthy(objects, made.skipped)
        if self._desired.options.prune:
            await self._prune(unwanted)
            await self._ledger.take_stock(made.refs)
        self._check()
        return report

    async def _stop(self) -> None:
        namespace = await self._claim()
        refuse_terminating(namespace)
        await self._ledger.confirm()
        refs = [ref for ref in self._ledger.applied.inventory if ref.kind in SCALABLE] if namespace else []
        kinds = dict.fromkeys(Kind(ref.api_version, ref.kind) for ref in refs)
        report = await self._watch((*kinds, *((POD, REPLICA_SET) if refs else ())), partial(self._look_stopping, refs))
        await self._ledger.complete(report)

    async def _look_stopping(self, refs: Sequence[ObjectRef], view: Informer) -> ProgressReport | None:
        """Take away the replicas that are there. The last word if nothing runs any more."""
        workloads = [live for ref in refs if (live := view.find(stub_of(ref))) is not None]
        now = self._ports.clock()
        stopping = to_stop(workloads, view.all(POD), view.all(REPLICA_SET))
        if stopping.is_done:
            return stopping.report._replace(phase=Phase.DONE, progress=100)
        await self._patch(stopping.patches)
        await self._say_progress(self._ledger.here(stopping.report))
        if self._patience.is_over(now):
            raise DeploymentFailed(f"not stopped within {self._desired.options.timeout}: {stopping.report.message}")
        return None

    async def _say_applied(self, report: ProgressReport) -> None:
        """Undoing has told what it does, and how far it has come is no progress of what was asked for."""
        if self._ledger.applied.failure is None:
            await self._say_progress(report)

    async def _say_progress(self, report: ProgressReport) -> None:
        """Not each of fifty objects or pods is news: another phase is, and from time to time how far it has come."""
        now = self._ports.clock()
        is_due = self._said_at is None or abs(now - self._said_at) >= _NEWS_EVERY
        if is_due or report.phase != self._ledger.applied.word.phase:
            self._said_at = now
            await self._ledger.say(report)

    async def _until_healthy(self, objects: Sequence[Obj], skipped: frozenset[Kind]) -> ProgressReport:
        """Watch until everything is healthy; the last word on it. Raises DeploymentFailed when waiting has to end."""
        return await self._watch(watched_kinds(objects, skipped), partial(self._look, objects, skipped))

    async def _watch(
        self, kinds: Sequence[Kind], look: Callable[[Informer], Awaitable[ProgressReport | None]]
    ) -> ProgressReport:
        """Look again after each change, while the view is up to date, until a look has the last word."""
        async with Informer(self._cluster, kinds, self._namespace) as view:
            with self._newest.waking(view.wake):
                while True:
                    self._check()
                    if (trouble := view.trouble) is not None:
                        await self._wait_for(trouble)
                    elif view.is_complete and (report := await look(view)) is not None:
                        return report
                    self._ports.make_way()
                    await view.wait(_LOOK_EVERY)

    async def _look(self, objects: Sequence[Obj], skipped: frozenset[Kind], view: Informer) -> ProgressReport | None:
        """See to what applying leaves out, and say how it is now. The last word if everything is healthy."""
        patches = to_run(objects, skipped, view.find, self._desired.restarted_at)
        await self._patch(patches)
        now = self._ports.clock()
        look = ClusterSnapshot(
            view.find, view.all(POD), view.all(REPLICA_SET), now, self._ports.wait_for_ingress_address
        )
        items = self._patience.tolerate(assess_objects(objects, skipped, look), now)
        if missing := [item for item in items if item.missing]:
            raise ObjectsDeleted(f"{missing[0].ref}, which has been deleted and is applied again")
        if not patches and all(item.is_done for item in items):
            return report_done(items, self._notes)
        await self._say_progress(self._ledger.here(report_waiting(items)))
        if (failure := self._patience.judge(items, now)) is not None:
            raise await self._explained(failure)
        await self._room.check_again(self._namespace, objects, now)
        return None

    async def _claim(self) -> Obj | None:
        inventory = self._ledger.applied.inventory
        return await claim_namespace(self._cluster, self._namespace, self._desired.tenant_id, inventory)

    async def _prune(self, refs: Sequence[ObjectRef]) -> list[Obj]:
        return await prune(self._cluster, refs, self._desired.tenant_id, self._ledger.confirm)

    async def _patch(self, patches: Iterable[Patch]) -> None:
        for ref, body in patches:
            self._check()
            await self._cluster.patch(ref, body)

    @property
    def _origin(self) -> str:
        return f"generation {self._desired.to}" if self._desired.to else "an earlier manifest"

    @property
    def _can_be_rendered_again(self) -> bool:
        """Whether the request that is published again renders the manifest: not an earlier one's."""
        return self._desired.operation is None and self._ledger.applied.failure is None

    def _check(self) -> None:
        self._newest.check(self._desired.generation)

    async def _wait_for(self, error: EcpError) -> None:
        """Say what it waits for. Raises DeploymentFailed when the time is up."""
        what = f"{error.name}: {error.reason}" if isinstance(error, ClusterUnavailable) else error.message
        if self._patience.is_over(self._ports.clock()):
            raise DeploymentFailed(f"not done within {self._desired.options.timeout}: waiting for {what}") from error
        if await self._ledger.say_waiting(f"waiting for {what}"):
            _log.warning(f"Waiting for {what}", action="wait-for-dependency")

    async def _explained(self, failure: DeploymentFailed) -> DeploymentFailed:
        with suppress(EcpError):
            return explain(failure, (await self._cluster.list(EVENT, self._namespace)).items)
        return failure
