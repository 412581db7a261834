"""Which tenants need work, and who does it.

Follows `desired` in both modes and looks through all of it now and then. For every tenant that isn't settled a task
takes the tenant's lease and reconciles; where another copy holds it, the task tries again until the tenant is settled
or the lease is free.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import NamedTuple

import structlog

from services.deployer.cluster.api import ClusterUnavailable, Obj
from services.deployer.cluster.targets import TargetClusters, UnknownTarget
from services.deployer.reconcile.clock_jumps import ClockJumps
from services.deployer.reconcile.context import ReconcileContext
from services.deployer.reconcile.deadlines import Deadlines, Timeouts
from services.deployer.reconcile.generation_guard import GenerationGuard, Superseded
from services.deployer.reconcile.preflight import Preflight
from services.deployer.reconcile.reconciler import Reconciler
from services.deployer.reconcile.slots import ReconcileSlots
from services.deployer.settings import DeployerSettings
from services.deployer.state.manifest_store import ManifestStore
from services.deployer.state.records import DesiredState, Outcome, is_concluded, is_settled, lost
from services.deployer.state.repository import StateRepository, TenantRecords
from services.deployer.state.status_recorder import StatusRecorder
from shared.bus import EventPublisher
from shared.bus.leases import Leases
from shared.errors import DependencyUnavailable, TemporaryError
from shared.process.tasks import cancel_until_ended
from shared.rpc import RoomReply
from shared.subjects import Mode
from shared.tenants import parse_duration

_log = structlog.get_logger(__name__)
_SHORTEST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
FindRoomOn = Callable[[Mode, str, str, Sequence[Obj]], Awaitable[RoomReply]]
"""Whether the objects' pods have room on the target, in the namespace."""


class World(NamedTuple):
    """What there is of one mode."""

    states: StateRepository
    leases: Leases
    manifests: ManifestStore


@dataclass
class _Tenant:
    """What this process knows of a tenant while it is at it."""

    newest: GenerationGuard = field(default_factory=GenerationGuard)
    patience: tuple[tuple[int, datetime], Deadlines] | None = None
    """The clocks of a generation, or of undoing it, kept while its work starts over."""
    task: asyncio.Task[None] | None = None


class Controller:
    """Use `run` as a background task of the worker."""

    def __init__(
        self,
        worlds: Mapping[Mode, World],
        targets: TargetClusters,
        publisher: EventPublisher,
        settings: DeployerSettings,
        clock: Callable[[], datetime],
        *,
        find_room: FindRoomOn | None = None,
    ) -> None:
        """`find_room` tells whether a manifest's pods have room on a target; without it they are applied anyway."""
        self._worlds = worlds
        self._targets = targets
        self._publisher = publisher
        self._settings = settings
        self._clock = clock
        # Apart, or a full demo cluster, whose tenants wait for a node, would keep production's from their turn.
        self._turns = {mode: ReconcileSlots(settings.tenants_at_once) for mode in worlds}
        self._find_room = find_room
        self._tenants: dict[tuple[Mode, str], _Tenant] = {}
        self._settled: dict[tuple[Mode, str], int] = {}
        """Generations that need no further look."""
        self._preflights: dict[tuple[Mode, str], Preflight] = {}
        self._running = False

    async def run(self) -> None:
        """Work until cancelled; then leases are given back."""
        following = [asyncio.create_task(self._follow(mode)) for mode in self._worlds]
        self._running = True
        try:
            await asyncio.gather(*following)
        finally:
            self._running = False
            tasks = (tenant.task for tenant in self._tenants.values() if tenant.task is not None)
            await cancel_until_ended([*following, *tasks])
            self._tenants.clear()

    def notice(self, mode: Mode, desired: DesiredState, state: TenantRecords | None = None) -> None:
        """Let a tenant be looked at, unless somebody is at it or nothing has changed.

        Who has just written the record of `desired` gives all records as `state`, which saves the first look at them.
        What comes before `run` is found by it, and what comes after it by a successor.
        """
        key = (mode, desired.key)
        is_done = state is None or is_settled(desired, state.applied)  # or its records are gone
        if not self._running or (is_done and self._settled.get(key) == desired.generation):
            return
        tenant = self._tenants.setdefault(key, _Tenant())
        tenant.newest.see(desired.generation)
        if tenant.task is None:
            work = self._tend(mode, desired.key, tenant, state)
            tenant.task = asyncio.create_task(work, name=f"{mode} {desired.key}")

    async def repeat_end(self, mode: Mode, desired: DesiredState, state: TenantRecords) -> None:
        """Publish again how a generation ended, if it has: who asks again hasn't heard it.

        Under the end's own id, so that JetStream drops it where it has it already.
        """
        if state.applied is not None and is_concluded(desired, state.applied):
            with _told(desired):
                await self._ledger(mode, desired, state).repeat_end()

    async def _follow(self, mode: Mode) -> None:
        while True:
            try:
                async for desired in self._worlds[mode].states.follow(self._settings.resync_interval):
                    self.notice(mode, desired)
            except DependencyUnavailable as error:
                _log.warning(f"Waiting: {error.message}", action="wait-for-dependency")
                await asyncio.sleep(1.0)

    async def _tend(self, mode: Mode, key: str, tenant: _Tenant, state: TenantRecords | None) -> None:
        """Work at a tenant until it is settled, here or elsewhere. `state` is good for the first look."""
        pause = _SHORTEST_PAUSE
        # A task begun by a handler inherits the log's context of one event, and outlives it.
        structlog.contextvars.unbind_contextvars("subject", "correlation_id")
        structlog.contextvars.bind_contextvars(mode=mode.value, tenant=key)
        while True:
            # Before the look: what comes after it, the look doesn't show.
            known = tenant.newest.generation
            try:
                state = state or await self._worlds[mode].states.read(key)
                settled = await self._attempt(mode, key, tenant, state, known)
                pause = _SHORTEST_PAUSE
            except TemporaryError as error:
                settled = None
                pause = pause if error.delay is None else max(error.delay, _SHORTEST_PAUSE)
                _log.info(f"Requeued in {pause:g} s: {error.message}", action="requeue")
                if isinstance(error, DependencyUnavailable) and not isinstance(error, ClusterUnavailable):
                    # An outage of ours mustn't use up the deployment's time: as after a takeover, it gets some more.
                    tenant.patience = None
            except Exception:
                _log.exception("A tenant can't be worked at.", action="reconcile-failed")
                settled = None
            if settled is not None and settled >= tenant.newest.generation:
                # Nothing may be awaited between this look at `newest` and the removal, or a change would be missed.
                del self._tenants[(mode, key)]
                if state is not None and state.desired is not None:
                    self._settled[(mode, key)] = settled
                return
            state = None
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _attempt(self, mode: Mode, key: str, tenant: _Tenant, state: TenantRecords, known: int) -> int | None:
        """Work, if there is any. The generation that is settled, or None if it may not be.

        `known` is the newest that was known before `state` was read: where nothing is desired, that is settled.
        """
        world = self._worlds[mode]
        if (wanted := lost(state.desired, state.applied)) is not None:
            _log.warning("The record of what is desired is gone; it is written again.", action="restore-desired")
            await world.states.want(wanted)
            return None
        if state.desired is None:
            return known
        if state.desired.generation < self._settled.get((mode, key), 0):
            raise TemporaryError(
                f"the record of generation {self._settled[(mode, key)]} is gone, an older one is there"
            )
        if is_settled(state.desired, state.applied):
            await self._tidy(world, key, state)
            return state.desired.generation
        async with self._turns[mode].take() as make_way:
            begun = await self._begin(mode, state.desired, state)
            reconcile = partial(self._reconcile, mode, key, tenant, begun, make_way)
            held = await world.leases.while_held(f"deployer.{key}", reconcile)
        if not held:
            await asyncio.sleep(self._settings.takeover_interval)
        return None

    async def _begin(self, mode: Mode, desired: DesiredState, state: TenantRecords) -> StatusRecorder | None:
        """The books of a generation that nobody has begun, opened; None if somebody has, or isn't done with another.

        Before the lease, since only one copy can write the first record of a generation: the others are outrun. Where
        one before is at work, or has its end to say, it might do so in the same moment: that waits for the lease.
        """
        applied = state.applied
        if desired.replaces or (applied and (applied.generation >= desired.generation or not applied.announced)):
            return None
        ledger = self._ledger(mode, desired, state)
        with _told(desired):
            await ledger.open()
        return ledger

    async def _reconcile(
        self, mode: Mode, key: str, tenant: _Tenant, begun: StatusRecorder | None, make_way: Callable[[], None]
    ) -> None:
        """Under the lease: go on with what we have begun; else look again, since who had it before may be done."""
        ledger = begun or await self._take_over(mode, key)
        if ledger is None:
            return
        tenant.newest.see(ledger.desired.generation)
        with _told(ledger.desired):
            if begun is None:
                await ledger.open()
            if not ledger.is_concluded:
                await self._work(mode, ledger, tenant, make_way)

    async def _take_over(self, mode: Mode, key: str) -> StatusRecorder | None:
        """The books as they are now; None if nothing is left to do."""
        state = await self._worlds[mode].states.read(key)
        desired = state.desired
        if desired is None or is_settled(desired, state.applied):
            return None
        if state.applied is not None and state.applied.generation > desired.generation:
            return None  # it was read before what has come since, whose books must not go back
        return self._ledger(mode, desired, state)

    def _ledger(self, mode: Mode, desired: DesiredState, state: TenantRecords) -> StatusRecorder:
        states = self._worlds[mode].states
        return StatusRecorder(mode, desired, state, states=states, publisher=self._publisher, clock=self._clock)

    async def _work(self, mode: Mode, ledger: StatusRecorder, tenant: _Tenant, make_way: Callable[[], None]) -> None:
        world, desired = self._worlds[mode], ledger.desired
        try:
            cluster = self._targets.cluster(mode, desired.target)
        except UnknownTarget as error:
            await ledger.fail(error.code, error.message)
            return
        ports = ReconcileContext(
            cluster,
            world.manifests,
            self._clock,
            self._settings.wait_for_ingress_address,
            find_room=partial(self._find_room, mode, desired.target) if self._find_room else None,
            preflight=self._preflights.setdefault((mode, desired.target), Preflight(cluster)),
            make_way=make_way,
        )
        patience = self._patience(tenant, ledger)
        with suppress(Superseded):
            await Reconciler(desired, ledger, patience, tenant.newest, ports).run()

    def _patience(self, tenant: _Tenant, ledger: StatusRecorder) -> Deadlines:
        desired, began = ledger.desired, ledger.applied.since
        if tenant.patience is None or tenant.patience[0] != (desired.generation, began):
            resource_timeout = desired.options.resource_timeout
            limits = Timeouts(
                timeout=parse_duration(desired.options.timeout),
                resource_timeout=parse_duration(resource_timeout) if resource_timeout else None,
                failure_grace=self._settings.failure_grace,
                unschedulable_grace=self._settings.unschedulable_grace,
                takeover_grace=self._settings.takeover_grace,
                capacity_grace=self._settings.capacity_grace,
            )
            now, jumps = self._clock(), ClockJumps(time.monotonic)
            jumps.without(now)
            patience = Deadlines(limits, began, taken_over_at=now, jumps=jumps)
            tenant.patience = ((desired.generation, began), patience)
        return tenant.patience[1]

    async def _tidy(self, world: World, key: str, state: TenantRecords) -> None:
        """A deleted tenant is no longer desired; an id that is used again starts clean."""
        if state.applied is not None and state.applied.outcome is Outcome.DELETED:
            await world.states.forget(key, state.desired_revision)


def _told(desired: DesiredState) -> AbstractContextManager[object]:
    """The log's lines say which deployment they are about."""
    return structlog.contextvars.bound_contextvars(
        tenant_id=desired.tenant_id, deployment_id=desired.deployment_id, correlation_id=desired.correlation_id
    )
