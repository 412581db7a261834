"""Notices what drifts in one cluster, publishes it, and heals it where that was asked for.

One copy does it for a cluster, by a lease. It follows the records of what was applied and what the cluster has of it
(`sightings`). A tenant of which either has changed is compared (`drift_comparison`). Drift is a record before it is an
event, written by compare-and-set: where a newer generation has written, it is dropped, and after a crash a successor
publishes an equal event under the same id.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

import structlog

from services.deployer.cluster.api import ClusterApi, Kind, Obj
from services.deployer.drift import differences
from services.deployer.drift.comparison import DriftComparison
from services.deployer.drift.events import event_of
from services.deployer.drift.healing import heal, is_current, is_watched, rouse
from services.deployer.drift.observations import ObservedObjects
from services.deployer.reconcile.generation_guard import Superseded
from services.deployer.state.manifest_store import ManifestStore
from services.deployer.state.records import AppliedState, DriftRecord, ObjectRef
from services.deployer.state.repository import RevisionConflict, StateRepository
from shared.bus import EventPublisher, derived_id
from shared.bus.leases import Leases
from shared.errors import EcpError, TemporaryError
from shared.events import Drift
from shared.process.tasks import cancel_until_ended
from shared.subjects import Mode

_log = structlog.get_logger(__name__)
_GATHER = 0.2
"""Seconds to gather further changes of a tenant: others change several fields at a time, too."""
_GATHER_DRIFTED = 3.0
"""The same where something has drifted: who changes it all the time must not fill the log with reports."""
_RETRY = 3.0
_RESYNC = 60.0
_AT_ONCE = 8
"""Tenants that are compared or healed at the same time."""


class Record(NamedTuple):
    """A tenant's record of what was applied, and its revision."""

    applied: AppliedState
    revision: int


class DriftWatcher:
    """Of one target of a mode; use `run` as a background task. `leases` are not those of the controller."""

    def __init__(
        self,
        mode: Mode,
        target: str,
        cluster: ClusterApi,
        *,
        states: StateRepository,
        leases: Leases,
        manifests: ManifestStore,
        publisher: EventPublisher,
        clock: Callable[[], datetime],
    ) -> None:
        self._mode = mode
        self._target = target
        self._cluster = cluster
        self._states = states
        self._leases = leases
        self._publisher = publisher
        self._clock = clock
        self._records: dict[str, Record] = {}
        self._sightings = ObservedObjects(cluster, self._notice)
        self._due: dict[str, float] = {}
        """When to look at a tenant, in the event loop's time."""
        self._wake = asyncio.Event()
        self._comparison = DriftComparison(cluster, self._sightings, manifests)

    async def run(self) -> None:
        """Watch whenever the lease is ours, until cancelled."""
        while True:
            try:
                await self._leases.while_held(f"drift.{self._target}", self._work)
            except TemporaryError as error:
                _log.info(f"Drift isn't watched for {_RETRY:g} s: {error.message}", action="drift-waits")
            await asyncio.sleep(_RETRY)

    async def _work(self) -> None:
        tasks = [asyncio.create_task(self._follow_records()), asyncio.create_task(self._look_at_due())]
        try:
            await asyncio.gather(*tasks)
        finally:
            await cancel_until_ended(tasks)
            await self._sightings.close()
            self._records.clear()
            self._due.clear()

    async def _follow_records(self) -> None:
        while True:
            async for key, applied, revision in self._states.follow_applied(self._target, _RESYNC):
                known = self._records.get(key)
                if known is not None and known.revision >= revision:
                    continue
                if is_watched(applied):
                    self._records[key] = Record(applied, revision)
                    self._sightings.follow(_kinds(applied))
                    self._look_in(key, _GATHER)
                else:
                    self._records.pop(key, None)
                    self._comparison.forget(key)

    async def _look_at_due(self) -> None:
        """Start a look at each tenant that is due, some at once: a slow one must not hold up the others."""
        loop = asyncio.get_running_loop()
        looking: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                self._wake.clear()
                looking = {key: task for key, task in looking.items() if not task.done()}
                due = [key for key, when in self._due.items() if when <= loop.time() and key not in looking]
                for key in due[: _AT_ONCE - len(looking)]:
                    del self._due[key]
                    looking[key] = asyncio.create_task(self._look(key), name=f"drift of {key}")
                    looking[key].add_done_callback(lambda _: self._wake.set())
                waiting = [when for key, when in self._due.items() if key not in looking]
                await self._wait(min(waiting, default=None) if len(looking) < _AT_ONCE else None)
        finally:
            await cancel_until_ended(looking.values())

    async def _wait(self, until: float | None) -> None:
        """Until something is due, or has changed."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._wake.wait()

    def _notice(self, tenant_id: str) -> None:
        key = f"{self._target}.{tenant_id}"
        if (record := self._records.get(key)) is not None:
            known = record.applied.drift
            self._look_in(key, _GATHER_DRIFTED if known is not None and known.items else _GATHER)

    def _look_in(self, key: str, seconds: float) -> None:
        due = asyncio.get_running_loop().time() + seconds
        self._due[key] = min(due, self._due.get(key, due))
        self._wake.set()

    async def _look(self, key: str) -> None:
        """Compare a tenant; what fails is tried again."""
        record = self._records.get(key)
        if record is None:
            return
        try:
            if not self._sightings.knows(_kinds(record.applied)):
                self._look_in(key, 1.0)
                return
            await self._settle(key, record)
        except (RevisionConflict, Superseded):
            _log.debug("Another generation has come.", action="drift-superseded")
            await self._read_again(key)
        except EcpError as error:
            _log.info(f"Drift is looked at again in {_RETRY:g} s: {error.message}", action="drift-waits")
            self._look_in(key, _RETRY)
        except Exception:
            _log.exception("A tenant can't be compared.", action="drift-failed")
            self._look_in(key, _RESYNC)

    async def _read_again(self, key: str) -> None:
        """Take the record as it is: where the bucket has lost its end, what comes has lower revisions than ours."""
        self._records.pop(key, None)
        with suppress(EcpError):
            state = await self._states.read(key)
            if state.applied is not None and is_watched(state.applied):
                self._records[key] = Record(state.applied, state.applied_revision)
                self._look_in(key, _RETRY)

    async def _settle(self, key: str, record: Record) -> None:
        applied = record.applied
        known = applied.drift
        if known is not None and not known.announced:
            await self._publish(key, record)
            return
        items = await self._comparison.compare(key, applied)
        has_news = known is not None and bool(items) and known.heals != known.reported_heals
        if has_news or items != (known.items if known else ()):
            await self._publish(key, await self._write(key, record, items))
        elif items and applied.wanted is not None and applied.wanted.options.heal_drift:
            await self._heal_when_due(key, record)
        elif not items and any(ref.fields is None for ref in applied.inventory):
            await self._record(key, record, inventory=tuple(self._as_seen(ref) for ref in applied.inventory))

    def _as_seen(self, ref: ObjectRef) -> ObjectRef:
        """What 0.1 didn't record, so that it is compared once and not at each start."""
        seen = self._sightings.find(ref)
        return ref.model_copy(update={"uid": seen.uid, "fields": seen.fields} if seen else {"fields": ""})

    async def _write(self, key: str, record: Record, items: tuple[Drift, ...]) -> Record:
        """Record what is otherwise now. Raises Outrun where another generation has written."""
        before = record.applied.drift or differences.nothing(self._clock())
        changes = {"sequence": before.sequence + 1, "items": items, "announced": False}
        changes |= differences.carried(before, items, self._clock())
        return await self._record(key, record, drift=before.model_copy(update=changes))

    async def _record(self, key: str, record: Record, **changes: object) -> Record:
        applied = record.applied.model_copy(update=changes)
        revision = await self._states.record(key, applied, record.revision)
        self._records[key] = Record(applied, revision)
        return self._records[key]

    async def _publish(self, key: str, record: Record) -> None:
        """Publish what is recorded, under an id that is the same for a successor, and look again for what to heal."""
        event = event_of(record.applied)
        known, wanted = record.applied.drift, record.applied.wanted
        assert known is not None and wanted is not None  # noqa: S101 - just recorded
        _log.warning(event.message, action="drifted", tenant_id=event.tenant_id, deployment_id=event.deployment_id)
        await self._publisher.publish(
            event,
            mode=self._mode,
            event_id=derived_id(event.deployment_id, event.subject, str(known.sequence)),
            correlation_id=wanted.correlation_id,
            traceparent=wanted.traceparent,
        )
        await self._record(key, record, drift=known.model_copy(update={"announced": True}))
        self._look_in(key, 0.0)

    async def _heal_when_due(self, key: str, record: Record) -> None:
        known = record.applied.drift
        assert known is not None  # noqa: S101 - there is something to heal
        due = differences.next_heal(known.heals, known.healed_at)
        left = (due - self._clock()).total_seconds() if due is not None else 0.0
        if 0 < left <= differences.pause(known.heals):  # more: the clock was set back since
            self._look_in(key, left)
        elif not await self._leases.while_held(f"deployer.{key}", lambda: self._heal(key, record, known)):
            self._look_in(key, 1.0)

    async def _heal(self, key: str, record: Record, known: DriftRecord) -> None:
        """Under the tenant's lease. The attempt is recorded before it is made: a crash must not skip the pause."""
        state = await self._states.read(key)
        generation = record.applied.generation
        if not is_current(state.desired, state.applied, generation):
            raise Superseded
        objects = await self._comparison.objects(record.applied)
        drifted = [obj for obj in objects if _is_among(obj, known.items)]
        healed = tuple(sorted(differences.names_of(known.items) | set(known.healed)))
        changes = {"heals": known.heals + 1, "healed": healed, "healed_at": self._clock()}
        attempt = known.model_copy(update=changes)
        record = await self._record(key, record, drift=attempt)
        try:
            made = await heal(self._cluster, self._states, key, record.applied, drifted)
            await rouse(self._cluster, self._states, key, generation, objects)
        except TemporaryError:
            # The cluster is away, or the namespace is still going: that is no other manager who fights.
            await self._record(key, record, drift=known)
            raise
        new = {ref.identity: ref for ref in made}
        inventory = tuple(new.get(ref.identity, ref) for ref in record.applied.inventory)
        await self._record(key, record, inventory=inventory)
        self._look_in(key, _GATHER)


def _kinds(applied: AppliedState) -> list[Kind]:
    return list(dict.fromkeys(Kind(ref.api_version, ref.kind) for ref in applied.inventory))


def _is_among(obj: Obj, items: Sequence[Drift]) -> bool:
    return any((obj["kind"], obj["metadata"]["name"]) == (item.type, item.name) for item in items)
