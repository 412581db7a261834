"""Decides which tenants of a cluster may have drifted, and has them settled.

One replica does this for a cluster, by a lease. It follows the records of applied states, and the objects that the
cluster has of them (`observations`). When either changes for a tenant, the tenant is due.
"""

import asyncio
from contextlib import suppress
from functools import partial

import structlog

from services.deployer.drift.comparison import DriftComparison
from services.deployer.drift.healing import is_watched
from services.deployer.drift.observations import ObservedObjects
from services.deployer.drift.watched_tenant import WatchedRecord, WatchedTenant
from services.deployer.mode_context import ModeContext
from services.deployer.reconcile.generation_guard import Superseded
from services.deployer.state.errors import RevisionConflict
from shared.errors import EcpError, TemporaryError
from shared.process.tasks import cancel_until_ended

_log = structlog.get_logger(__name__)
_GATHER = 0.2
"""Seconds to gather further changes of a tenant: other managers change several fields at a time, too."""
_GATHER_DRIFTED = 3.0
"""The same for a tenant that has drifted: frequent changes must not flood the log and the bus."""
_RETRY = 3.0
_RESYNC = 60.0
_AT_ONCE = 8
"""Tenants that are compared or healed at the same time."""


class DriftWatcher:
    """The watcher of one target of a mode; `run` is a background task of the worker."""

    def __init__(self, context: ModeContext, target: str) -> None:
        self._context = context
        self._target = target
        self._cluster = context.clusters.cluster(target)
        self._records: dict[str, WatchedRecord] = {}
        self._observed = ObservedObjects(self._cluster, self._enqueue_changed)
        self._comparison = DriftComparison(self._cluster, self._observed, context.manifests)
        self._due: dict[str, float] = {}
        """When to settle a tenant, in the event loop's time."""
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Watch whenever this replica has the lease, until cancelled."""
        while True:
            try:
                await self._context.drift_leases.while_held(f"drift.{self._target}", self._watch)
            except TemporaryError as error:
                _log.info(f"Drift watch paused, retrying in {_RETRY:g} s: {error.message}", action="drift-waits")
            await asyncio.sleep(_RETRY)

    async def _watch(self) -> None:
        tasks = [asyncio.create_task(self._follow_records()), asyncio.create_task(self._settle_due())]
        try:
            await asyncio.gather(*tasks)
        finally:
            await cancel_until_ended(tasks)
            await self._observed.close()
            self._records.clear()
            self._due.clear()

    async def _follow_records(self) -> None:
        while True:
            async for key, applied, revision in self._context.states.follow_applied(self._target, _RESYNC):
                known = self._records.get(key)
                if known is not None and known.revision >= revision:
                    continue
                if is_watched(applied):
                    record = self._records[key] = WatchedRecord(applied, revision)
                    self._observed.follow(record.kinds)
                    self._enqueue(key, _GATHER)
                else:
                    self._records.pop(key, None)
                    self._comparison.forget(key)

    async def _settle_due(self) -> None:
        """Settle each tenant that is due, several at once: a slow one must not block the others."""
        loop = asyncio.get_running_loop()
        running: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                self._wake.clear()
                running = {key: task for key, task in running.items() if not task.done()}
                due = [key for key, when in self._due.items() if when <= loop.time() and key not in running]
                for key in due[: _AT_ONCE - len(running)]:
                    del self._due[key]
                    running[key] = asyncio.create_task(self._settle(key), name=f"drift of {key}")
                    running[key].add_done_callback(lambda _: self._wake.set())
                waiting = [when for key, when in self._due.items() if key not in running]
                await self._wait_until(min(waiting, default=None) if len(running) < _AT_ONCE else None)
        finally:
            await cancel_until_ended(running.values())

    async def _wait_until(self, when: float | None) -> None:
        """Wait until `when`, or until something has changed."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(when):
                await self._wake.wait()

    def _enqueue_changed(self, tenant_id: str) -> None:
        key = f"{self._target}.{tenant_id}"
        if (record := self._records.get(key)) is not None:
            known = record.applied.drift
            self._enqueue(key, _GATHER_DRIFTED if known is not None and known.items else _GATHER)

    def _enqueue(self, key: str, seconds: float) -> None:
        due = asyncio.get_running_loop().time() + seconds
        self._due[key] = min(due, self._due.get(key, due))
        self._wake.set()

    async def _settle(self, key: str) -> None:
        """Settle a tenant; after an error, retry later."""
        record = self._records.get(key)
        if record is None:
            return
        tenant = WatchedTenant(
            key,
            record,
            context=self._context,
            cluster=self._cluster,
            observed=self._observed,
            comparison=self._comparison,
            keep=partial(self._records.__setitem__, key),
        )
        try:
            pause = await tenant.settle()
        except (RevisionConflict, Superseded):
            _log.debug("Another generation has been recorded.", action="drift-superseded")
            await self._read_again(key)
            return
        except EcpError as error:
            _log.info(f"Drift comparison failed, retrying in {_RETRY:g} s: {error.message}", action="drift-waits")
            pause = _RETRY
        except Exception:
            _log.exception("Drift comparison failed", action="drift-failed")
            pause = _RESYNC
        if pause is not None:
            self._enqueue(key, pause)

    async def _read_again(self, key: str) -> None:
        """Read the record: after a loss of the bucket's end, new records have lower revisions than the known one."""
        self._records.pop(key, None)
        with suppress(EcpError):
            records = await self._context.states.read(key)
            if records.applied is not None and is_watched(records.applied):
                self._records[key] = WatchedRecord(records.applied, records.applied_revision)
                self._enqueue(key, _RETRY)
