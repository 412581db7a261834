"""Settles the drift of one tenant: compares it, records and publishes what changed, and heals it when that is due.

Drift is recorded before it is published, by compare-and-set: if another generation has been recorded, the drift is
dropped, and after a crash a successor publishes an equal event under the same id.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from services.deployer.cluster.api import ClusterApi
from services.deployer.drift import differences
from services.deployer.drift.comparison import DriftComparison
from services.deployer.drift.events import event_of
from services.deployer.drift.healing import heal, is_current, scale_to_minimums
from services.deployer.drift.observations import ObservedObjects
from services.deployer.mode_context import ModeContext
from services.deployer.reconcile.generation_guard import Superseded
from services.deployer.state.generations import is_healed
from services.deployer.state.records import AppliedState, DriftRecord, ObjectRef
from shared.bus import derived_id
from shared.errors import TemporaryError
from shared.events import Drift
from shared.kube.kinds import Kind
from shared.kube.objects import Obj

_log = structlog.get_logger(__name__)
_LEASE_PAUSE = 1.0
"""Seconds until the next attempt at a lease that is held, or at kinds that aren't listed yet."""
_AFTER_HEAL = 0.2
"""Seconds until the comparison after a heal."""


class WatchedRecord(NamedTuple):
    """A tenant's applied state, and its revision."""

    applied: AppliedState
    revision: int

    @property
    def kinds(self) -> list[Kind]:
        """The kinds of the tenant's inventory."""
        return list(dict.fromkeys(Kind(ref.api_version, ref.kind) for ref in self.applied.inventory))


class WatchedTenant:
    """The drift of one tenant. Its methods raise RevisionConflict, Superseded and DependencyUnavailable."""

    def __init__(
        self,
        key: str,
        record: WatchedRecord,
        *,
        context: ModeContext,
        cluster: ClusterApi,
        observed: ObservedObjects,
        comparison: DriftComparison,
        keep: Callable[[WatchedRecord], None],
    ) -> None:
        """`keep` is called with each record that was written."""
        self.record = record
        self._key = key
        self._context = context
        self._cluster = cluster
        self._observed = observed
        self._comparison = comparison
        self._keep = keep

    async def settle(self) -> float | None:
        """Take the next step; the seconds until another one is due, or None if nothing is left to do."""
        if not self._observed.knows(self.record.kinds):
            return _LEASE_PAUSE
        applied = self.record.applied
        known = applied.drift
        if known is not None and not known.announced:
            return await self._publish()
        items = await self._comparison.compare(self._key, applied)
        has_failed_heal = known is not None and bool(items) and known.heals != known.reported_heals
        if has_failed_heal or items != (known.items if known else ()):
            await self._record_drift(items)
            return await self._publish()
        if items and is_healed(applied):
            return await self._heal_when_due()
        if not items and any(ref.fields is None for ref in applied.inventory):
            await self._update(inventory=tuple(self._as_observed(ref) for ref in applied.inventory))
        return None

    def _as_observed(self, ref: ObjectRef) -> ObjectRef:
        """The entry with the fields that 0.1 didn't record, so that it isn't compared again at each start."""
        seen = self._observed.find(ref)
        return ref.model_copy(update={"uid": seen.uid, "fields": seen.fields} if seen else {"fields": ""})

    async def _record_drift(self, items: tuple[Drift, ...]) -> None:
        now = self._context.clock()
        before = self.record.applied.drift or differences.initial_record(now)
        changes = {"sequence": before.sequence + 1, "items": items, "announced": False}
        changes |= differences.carried(before, items, now)
        await self._update(drift=before.model_copy(update=changes))

    async def _update(self, **changes: object) -> None:
        """Write the record. Raises RevisionConflict if another generation has been recorded."""
        applied = self.record.applied.model_copy(update=changes)
        revision = await self._context.states.record(self._key, applied, self.record.revision)
        self.record = WatchedRecord(applied, revision)
        self._keep(self.record)

    async def _publish(self) -> float:
        """Publish the recorded drift under an id that a successor would use, too; what to heal is due at once."""
        event = event_of(self.record.applied)
        known, wanted = self.record.applied.drift, self.record.applied.wanted
        assert known is not None and wanted is not None  # noqa: S101 - just recorded
        _log.warning(event.message, action="drifted", tenant_id=event.tenant_id, deployment_id=event.deployment_id)
        await self._context.publisher.publish(
            event,
            event_id=derived_id(event.deployment_id, event.subject, str(known.sequence)),
            correlation_id=wanted.correlation_id,
            traceparent=wanted.traceparent,
        )
        await self._update(drift=known.model_copy(update={"announced": True}))
        return 0.0

    async def _heal_when_due(self) -> float:
        known = self.record.applied.drift
        assert known is not None  # noqa: S101 - there is something to heal
        due = differences.next_heal(known.heals, known.healed_at)
        left = (due - self._context.clock()).total_seconds() if due is not None else 0.0
        if 0 < left <= differences.pause(known.heals):  # more: the clock was set back since
            return left
        is_held = await self._context.drift_leases.while_held(f"deployer.{self._key}", lambda: self._heal(known))
        return _AFTER_HEAL if is_held else _LEASE_PAUSE

    async def _heal(self, known: DriftRecord) -> None:
        """Heal under the tenant's lease. The attempt is recorded first, since a crash must not skip the next pause."""
        records = await self._context.states.read(self._key)
        if not is_current(records.desired, records.applied, self.record.applied.generation):
            raise Superseded
        objects = await self._comparison.objects(self.record.applied)
        await self._update(drift=self._attempt(known))
        try:
            healed = await self._apply_again(objects, known.items)
        except TemporaryError:
            # The cluster is unavailable or the namespace still terminating: no other manager reverted the heal.
            await self._update(drift=known)
            raise
        new = {ref.identity: ref for ref in healed}
        await self._update(inventory=tuple(new.get(ref.identity, ref) for ref in self.record.applied.inventory))

    def _attempt(self, known: DriftRecord) -> DriftRecord:
        """The record of a heal that begins now."""
        healed = tuple(sorted(differences.names_of(known.items) | set(known.healed)))
        changes = {"heals": known.heals + 1, "healed": healed, "healed_at": self._context.clock()}
        return known.model_copy(update=changes)

    async def _apply_again(self, objects: Sequence[Obj], items: Sequence[Drift]) -> list[ObjectRef]:
        applied, states = self.record.applied, self._context.states
        drifted = [obj for obj in objects if _is_among(obj, items)]
        healed = await heal(self._cluster, states, self._key, applied, drifted)
        await scale_to_minimums(self._cluster, states, self._key, applied.generation, objects)
        return healed


def _is_among(obj: Obj, items: Sequence[Drift]) -> bool:
    return any((obj["kind"], obj["metadata"]["name"]) == (item.type, item.name) for item in items)
