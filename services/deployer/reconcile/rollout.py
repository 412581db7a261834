"""Makes a tenant's cluster agree with a manifest: apply, wait until it is healthy, prune.

Every step is idempotent. A successor that starts over applies the same objects again, which changes nothing.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from services.deployer.cluster.api import EVENT, POD, REPLICA_SET, ref_of
from services.deployer.cluster.informer import Informer
from services.deployer.health.snapshot import ObjectStatus, TenantSnapshot, assess_objects, watched_kinds
from services.deployer.reconcile.deadlines import DeploymentFailed, explain
from services.deployer.reconcile.manifest_apply import ApplyResult, apply_all
from services.deployer.reconcile.progress import ApplyProgress, report_done, report_waiting
from services.deployer.reconcile.prune import refuse_terminating, without
from services.deployer.reconcile.room_check import RoomCheck
from services.deployer.reconcile.scaling import patches_to_run
from services.deployer.reconcile.work import TenantWork
from services.deployer.state.progress_report import ProgressReport
from shared.errors import EcpError, TemporaryError
from shared.kube.objects import Obj


class ObjectsDeleted(TemporaryError):
    """An object was deleted by others while we waited for it: apply everything again."""


class Rollout:
    """The rollout of one manifest."""

    def __init__(self, work: TenantWork, digest: str) -> None:
        self._work = work
        self._digest = digest
        context = work.context
        self._room = RoomCheck(work.desired, work.recorder, work.deadlines, context.find_room, context.clock)

    async def run(self) -> ProgressReport:
        """Return the final report once the manifest is healthy. Raises DeploymentFailed when waiting has to end."""
        objects = await self._read_objects()
        await self._check_possible(objects)
        applied = await self._apply(objects)
        unwanted = without(self._work.applied.inventory, [ref_of(obj) for obj in objects])
        await self._work.recorder.record_inventory([*applied.refs, *unwanted])
        report = await self._wait_until_healthy(objects, applied)
        if self._work.desired.options.prune:
            await self._work.prune(unwanted)
            await self._work.recorder.record_inventory(applied.refs)
        self._work.check()
        return report

    async def _read_objects(self) -> list[Obj]:
        return await self._work.context.manifests.objects(self._digest, self._work.namespace)

    async def _check_possible(self, objects: Sequence[Obj]) -> None:
        """Check namespace, rights and room before anything is applied."""
        refuse_terminating(await self._work.claim_namespace())
        preflight = self._work.context.preflight
        if preflight is not None and self._work.applied.failure is None:
            await preflight.check(objects, self._work.namespace)
        await self._room.check(self._work.namespace, objects)

    async def _apply(self, objects: Sequence[Obj]) -> ApplyResult:
        """Apply the objects, after recording that they may exist from now on."""
        await self._work.recorder.record_expected(ref_of(obj) for obj in objects)
        return await apply_all(
            self._work.cluster,
            objects,
            force=self._work.desired.options.force_conflicts,
            check=self._work.check,
            report=partial(self._report_applied, ApplyProgress(objects)),
        )

    async def _report_applied(self, progress: ApplyProgress, position: int, is_skipped: bool) -> None:
        """Not while a failure is undone: that is no progress of the requested manifest."""
        if self._work.applied.failure is None:
            await self._work.report(progress.after(position, is_skipped=is_skipped))

    async def _wait_until_healthy(self, objects: Sequence[Obj], applied: ApplyResult) -> ProgressReport:
        kinds = watched_kinds(objects, applied.skipped)
        return await self._work.watch(kinds, partial(self._assess, objects, applied))

    async def _assess(self, objects: Sequence[Obj], applied: ApplyResult, informer: Informer) -> ProgressReport | None:
        """Scale and restart where needed, and report the progress; the final report if everything is healthy."""
        patches = patches_to_run(objects, applied.skipped, informer.find, self._work.desired.restarted_at)
        await self._work.patch(patches)
        items = self._statuses(objects, applied, informer)
        if missing := [item for item in items if item.missing]:
            raise ObjectsDeleted(f"{missing[0].ref}, which has been deleted and is applied again")
        if not patches and all(item.is_done for item in items):
            return report_done(items, applied.notes)
        await self._work.report(self._work.recorder.not_before_last(report_waiting(items)))
        await self._check_deadlines(objects, items)
        return None

    def _statuses(self, objects: Sequence[Obj], applied: ApplyResult, informer: Informer) -> list[ObjectStatus]:
        context, now = self._work.context, self._work.context.clock()
        pods, replica_sets = informer.all(POD), informer.all(REPLICA_SET)
        snapshot = TenantSnapshot(informer.find, pods, replica_sets, now, context.wait_for_ingress_address)
        return self._work.deadlines.tolerate(assess_objects(objects, applied.skipped, snapshot), now)

    async def _check_deadlines(self, objects: Sequence[Obj], items: Sequence[ObjectStatus]) -> None:
        now = self._work.context.clock()
        if (failure := self._work.deadlines.judge(items, now)) is not None:
            raise await self._explained(failure)
        await self._room.check_again(self._work.namespace, objects, now)

    async def _explained(self, failure: DeploymentFailed) -> DeploymentFailed:
        """`failure` with Kubernetes' own events, where they can be read."""
        with suppress(EcpError):
            return explain(failure, (await self._work.cluster.list(EVENT, self._work.namespace)).items)
        return failure
