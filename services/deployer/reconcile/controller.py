"""Decides which tenants of a mode need work, and requeues them until they are settled.

It watches the desired states and lists all of them from time to time. Each tenant that isn't settled has a task, which
attempts to settle it. If another replica holds the tenant's lease, the task tries again until the tenant is settled or
the lease is free.
"""

import asyncio

import structlog

from services.deployer.cluster.api import ClusterUnavailable
from services.deployer.mode_context import ModeContext
from services.deployer.reconcile.attempts import ActiveTenant, Attempts, FindRoomOn, log_context
from services.deployer.settings import DeployerSettings
from services.deployer.state.generations import is_concluded, is_settled
from services.deployer.state.records import DesiredState
from services.deployer.state.repository import TenantRecords
from shared.errors import DependencyUnavailable, TemporaryError
from shared.process.backoff import Backoff
from shared.process.tasks import cancel_until_ended

_log = structlog.get_logger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
"""Seconds between two attempts at a tenant."""


class Controller:
    """The controller of one mode; `run` is a background task of the worker."""

    def __init__(
        self, context: ModeContext, settings: DeployerSettings, *, find_room: FindRoomOn | None = None
    ) -> None:
        """Without `find_room`, manifests are applied without checking for room."""
        self._context = context
        self._resync_interval = settings.resync_interval
        self._attempts = Attempts(context, settings, find_room)
        self._tenants: dict[str, ActiveTenant] = {}
        self._settled: dict[str, int] = {}
        """The settled generation of each tenant."""
        self._running = False

    async def run(self) -> None:
        """Work until cancelled; leases are released then."""
        following = asyncio.create_task(self._follow())
        self._running = True
        try:
            await following
        finally:
            self._running = False
            tasks = [tenant.task for tenant in self._tenants.values() if tenant.task is not None]
            await cancel_until_ended([following, *tasks])
            self._tenants.clear()

    def enqueue(self, desired: DesiredState, records: TenantRecords | None = None) -> None:
        """Start a task for the tenant, unless it has one or is settled.

        `records` saves the first read of a caller that has just written `desired`. Before `run` and after its end this
        does nothing: `run` lists everything when it starts, here or in another replica.
        """
        key = desired.key
        is_done = records is None or is_settled(desired, records.applied)
        if not self._running or (is_done and self._settled.get(key) == desired.generation):
            return
        tenant = self._tenants.setdefault(key, ActiveTenant())
        tenant.guard.observe(desired.generation, cancelled=desired.cancelled)
        if tenant.task is None:
            work = self._reconcile_until_settled(key, tenant, records)
            tenant.task = asyncio.create_task(work, name=f"{self._context.mode} {key}")

    async def repeat_end(self, desired: DesiredState, records: TenantRecords) -> None:
        """Publish the generation's final event again, if it has one: a repeated request means that it was missed.

        The event keeps its id, so that JetStream drops it if the stream has it already.
        """
        if records.applied is not None and is_concluded(desired, records.applied):
            with log_context(desired):
                await self._attempts.recorder(desired, records).repeat_end()

    async def _follow(self) -> None:
        while True:
            try:
                async for desired in self._context.states.follow(self._resync_interval):
                    self.enqueue(desired)
            except DependencyUnavailable as error:
                _log.warning(f"Waiting: {error.message}", action="wait-for-dependency")
                await asyncio.sleep(1.0)

    async def _reconcile_until_settled(self, key: str, tenant: ActiveTenant, records: TenantRecords | None) -> None:
        """Attempt until the tenant is settled, here or by another replica. `records` serve the first attempt."""
        # The task inherits the log context of the event whose handler started it, and outlives that event.
        structlog.contextvars.unbind_contextvars("subject", "correlation_id")
        structlog.contextvars.bind_contextvars(mode=self._context.mode.value, tenant=key)
        backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        while not await self._is_settled_after_attempt(key, tenant, records, backoff):
            records = None

    async def _is_settled_after_attempt(
        self, key: str, tenant: ActiveTenant, records: TenantRecords | None, backoff: Backoff
    ) -> bool:
        """Attempt once. If the tenant is settled its task is removed; if not, wait before the next attempt."""
        # Noted before the read, which may not show what arrives during it.
        known = tenant.guard.generation
        pause: float | None = None
        settled: int | None = None
        try:
            records = records or await self._context.states.read(key)
            settled_before = self._settled.get(key, 0)
            settled = await self._attempts.attempt(key, tenant, records, known=known, settled=settled_before)
            backoff.reset()
        except TemporaryError as error:
            pause = _pause_after(error, backoff)
            _log.info(f"Requeued in {pause:g} s: {error.message}", action="requeue")
            if isinstance(error, DependencyUnavailable) and not isinstance(error, ClusterUnavailable):
                # Our own outage must not use up the deployment's timeout: the clocks restart, as after a takeover.
                tenant.deadlines = None
        except Exception:
            _log.exception("Reconcile failed", action="reconcile-failed")
        if settled is not None and settled >= tenant.guard.generation:
            # No await between this comparison and the removal, or a generation that arrives in between would be lost.
            del self._tenants[key]
            if records is not None and records.desired is not None:
                self._settled[key] = settled
            return True
        await tenant.guard.pause(backoff.next() if pause is None else pause)
        return False


def _pause_after(error: TemporaryError, backoff: Backoff) -> float:
    """Seconds until the next attempt: what the error asks for, or a growing pause."""
    return backoff.next() if error.delay is None else max(error.delay, _FIRST_PAUSE)
