"""One attempt to settle a tenant: wait for a slot, take the lease, read the records and reconcile.

The lease only saves work. Two replicas that work on one tenant would apply the same objects, and only one of them could
write the next record.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from services.deployer.cluster.targets import UnknownTarget
from services.deployer.mode_context import ModeContext
from services.deployer.reconcile.clock_jumps import ClockJumps
from services.deployer.reconcile.context import ReconcileContext
from services.deployer.reconcile.deadlines import Deadlines, Timeouts
from services.deployer.reconcile.generation_guard import GenerationGuard, Superseded
from services.deployer.reconcile.preflight import Preflight
from services.deployer.reconcile.reconciler import Reconciler
from services.deployer.reconcile.slots import ReconcileSlots
from services.deployer.reconcile.work import TenantWork
from services.deployer.settings import DeployerSettings
from services.deployer.state.generations import is_settled, lost_desired
from services.deployer.state.records import DesiredState
from services.deployer.state.repository import TenantRecords
from services.deployer.state.status_recorder import StatusRecorder
from shared.errors import TemporaryError
from shared.kube.objects import Obj
from shared.outcomes import Outcome
from shared.rpc import RoomReply
from shared.tenants import parse_duration

_log = structlog.get_logger(__name__)
FindRoomOn = Callable[[str, str, Sequence[Obj]], Awaitable[RoomReply]]
"""Whether the objects' pods have room on a target, in a namespace."""


@dataclass
class ActiveTenant:
    """What this process knows of a tenant while it works on it."""

    guard: GenerationGuard = field(default_factory=GenerationGuard)
    deadlines: tuple[tuple[int, datetime], Deadlines] | None = None
    """The clocks by generation and beginning, kept between attempts; undoing a failure has clocks of its own."""
    task: asyncio.Task[None] | None = None


class Attempts:
    """The attempts of one mode. They raise TemporaryError if another attempt may succeed."""

    def __init__(self, context: ModeContext, settings: DeployerSettings, find_room: FindRoomOn | None) -> None:
        self._context = context
        self._settings = settings
        self._find_room = find_room
        self._slots = ReconcileSlots(settings.tenants_at_once)
        self._preflights: dict[str, Preflight] = {}

    async def attempt(
        self, key: str, tenant: ActiveTenant, records: TenantRecords, *, known: int, settled: int
    ) -> int | None:
        """Work on a tenant if there is anything to do; the generation that is settled, or None if it may not be.

        `known` is the highest generation that was known before `records` were read: if nothing is desired, that one is
        settled. `settled` is the highest one that was settled before.
        """
        if (wanted := lost_desired(records.desired, records.applied)) is not None:
            _log.warning("The desired state was lost and is restored.", action="restore-desired")
            await self._context.states.set_desired(wanted)
            return None
        desired = records.desired
        if desired is None:
            return known
        if desired.generation < settled:
            raise TemporaryError(f"the record of generation {settled} is gone, an older one is there")
        if is_settled(desired, records.applied):
            await self._delete_desired_of_deleted(key, records)
            return desired.generation
        await self._reconcile_with_lease(key, tenant)
        return None

    def recorder(self, desired: DesiredState, records: TenantRecords) -> StatusRecorder:
        """The recorder of the desired generation."""
        context = self._context
        return StatusRecorder(desired, records, states=context.states, publisher=context.publisher, clock=context.clock)

    async def _reconcile_with_lease(self, key: str, tenant: ActiveTenant) -> None:
        async with self._slots.take() as check_slot:
            reconcile = partial(self._reconcile, key, tenant, check_slot)
            is_held = await self._context.leases.while_held(f"deployer.{key}", reconcile)
        if not is_held:
            await asyncio.sleep(self._settings.takeover_interval)

    async def _reconcile(self, key: str, tenant: ActiveTenant, check_slot: Callable[[], None]) -> None:
        """Read the records again under the lease, since its last holder may have finished the work."""
        records = await self._context.states.read(key)
        desired, applied = records.desired, records.applied
        if desired is None or is_settled(desired, applied):
            return
        if applied is not None and applied.generation > desired.generation:
            return  # `desired` was read before a higher generation, whose record must not be overwritten
        tenant.guard.observe(desired.generation, cancelled=desired.cancelled)
        recorder = self.recorder(desired, records)
        with log_context(desired):
            await recorder.open()
            if not recorder.is_concluded:
                await self._work(recorder, tenant, check_slot)

    async def _work(self, recorder: StatusRecorder, tenant: ActiveTenant, check_slot: Callable[[], None]) -> None:
        try:
            context = self._reconcile_context(recorder.desired.target, check_slot)
        except UnknownTarget as error:
            await recorder.fail(error.code, error.message)
            return
        work = TenantWork(recorder, self._deadlines(tenant, recorder), tenant.guard, context)
        with suppress(Superseded):
            await Reconciler(work).run()

    def _reconcile_context(self, target: str, check_slot: Callable[[], None]) -> ReconcileContext:
        cluster = self._context.clusters.cluster(target)
        return ReconcileContext(
            cluster,
            self._context.manifests,
            self._context.clock,
            self._settings.wait_for_ingress_address,
            find_room=partial(self._find_room, target) if self._find_room else None,
            preflight=self._preflights.setdefault(target, Preflight(cluster)),
            check_slot=check_slot,
            at_work=lambda: self._slots.taken,
        )

    def _deadlines(self, tenant: ActiveTenant, recorder: StatusRecorder) -> Deadlines:
        """The clocks of the generation: those of an earlier attempt, or new ones."""
        key = (recorder.desired.generation, recorder.applied.since)
        if tenant.deadlines is None or tenant.deadlines[0] != key:
            now, jumps = self._context.clock(), ClockJumps(time.monotonic)
            jumps.without(now)
            timeouts = _timeouts(recorder.desired, self._settings)
            deadlines = Deadlines(timeouts, recorder.applied.since, taken_over_at=now, jumps=jumps)
            tenant.deadlines = (key, deadlines)
        return tenant.deadlines[1]

    async def _delete_desired_of_deleted(self, key: str, records: TenantRecords) -> None:
        """A deleted tenant's desired state goes; the applied state keeps its generation for a reuse of the id."""
        if records.applied is not None and records.applied.outcome is Outcome.DELETED:
            await self._context.states.delete_desired(key, records.desired_revision)


def log_context(desired: DesiredState) -> AbstractContextManager[object]:
    """Add the deployment's ids to log lines."""
    return structlog.contextvars.bound_contextvars(
        tenant_id=desired.tenant_id, deployment_id=desired.deployment_id, correlation_id=desired.correlation_id
    )


def _timeouts(desired: DesiredState, settings: DeployerSettings) -> Timeouts:
    resource_timeout = desired.options.resource_timeout
    return Timeouts(
        timeout=parse_duration(desired.options.timeout),
        resource_timeout=parse_duration(resource_timeout) if resource_timeout else None,
        failure_grace=settings.failure_grace,
        unschedulable_grace=settings.unschedulable_grace,
        takeover_grace=settings.takeover_grace,
        capacity_grace=settings.capacity_grace,
    )
