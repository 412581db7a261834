"""What a step of a recovery means for alerts and incidents, in the step's own transaction.

begun, restarted, looked     a line in the timeline of the tenant's incident
escalated                    the alert `ECPRecoveryFailed` fires
recovered, closed            it is resolved, and with it the alerts that began the recovery
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.alerts.alert_store import remember_resolved
from services.monitor.alerts.transition import Transition, alert_id_of, fingerprint_of
from services.monitor.recovery import repository
from services.monitor.recovery.outside_alerts import TENANT_DOWN
from services.monitor.recovery.plan import OPEN, Recovery, Stage
from services.monitor.recovery.repository import StoredRecovery
from services.monitor.recovery.steps import step_texts
from shared.messages import Sentence, sentence

RECOVERY_FAILED = "ECPRecoveryFailed"
"""The alert of a recovery that people must continue."""
SOURCE = "recovery"
_DOWNS = text("""
    SELECT fingerprint FROM alerts WHERE tenant_id = :row_id AND name = :name AND state = 'firing' AND source <> 'rule'
""")
_INCIDENT = text("""
    SELECT incident_id FROM alerts
    WHERE tenant_id = :row_id AND name = :name AND incident_id IS NOT NULL ORDER BY fired_at DESC LIMIT 1
""")
AddEntry = Callable[[AsyncConnection, str, Sentence, datetime], Awaitable[None]]
"""Adds a line to the timeline of an incident."""


class Alerts(NamedTuple):
    """The alerts of one mode, as far as recoveries need them."""

    apply: Callable[[AsyncConnection, Sequence[Transition]], Awaitable[Sequence[Transition]]]
    """Stores transitions with all that follows from them: silences, incidents, notifications, events."""
    firing: Callable[[AsyncConnection, Sequence[str]], Awaitable[Sequence[Transition]]]
    """The alerts with these fingerprints that fire, locked until the transaction's end."""


class RecoveryAlerts:
    """Writes the steps of one mode's recoveries. Each method raises DependencyUnavailable."""

    def __init__(self, alerts: Alerts, add_entry: AddEntry) -> None:
        self._alerts = alerts
        self._add_entry = add_entry

    async def apply(self, connection: AsyncConnection, transitions: Sequence[Transition]) -> None:
        """Store the alerts of other systems."""
        if transitions:
            await self._alerts.apply(connection, transitions)
            await remember_resolved(connection, transitions)

    async def are_down(self, connection: AsyncConnection, row_id: int) -> bool:
        """Whether an alert of another system tells that the tenant is down."""
        return bool(await _downs(connection, row_id))

    async def begun(self, connection: AsyncConnection, stored: StoredRecovery, at: datetime) -> None:
        """Note a recovery that was just stored."""
        await self._note(connection, stored, step_texts(None, stored.plan), at)
        if stored.plan.stage is Stage.ESCALATED:
            await self._escalate(connection, stored, stored.plan, at)

    async def stepped(self, connection: AsyncConnection, stored: StoredRecovery, after: Recovery, at: datetime) -> None:
        """Store the step from `stored` to `after`, with what it means. Without a difference nothing is written."""
        before = stored.plan
        if after == before:
            return
        await repository.update(connection, stored._replace(plan=after), at)
        await self._note(connection, stored, step_texts(before, after), at)
        if after.stage is Stage.ESCALATED and before.stage is not Stage.ESCALATED:
            await self._escalate(connection, stored, after, at)
        elif after.stage not in OPEN:
            await self._resolve(connection, stored, at)

    async def _escalate(
        self, connection: AsyncConnection, stored: StoredRecovery, after: Recovery, at: datetime
    ) -> None:
        labels = {"recovery": stored.recovery_id}
        fingerprint = fingerprint_of(stored.tenant_id, RECOVERY_FAILED, labels)
        failed = Transition(
            alert_id=alert_id_of(fingerprint, at),
            fingerprint=fingerprint,
            tenant_id=stored.tenant_id,
            name=RECOVERY_FAILED,
            severity="critical",
            state="firing",
            at=at,
            value=None,
            condition="",
            summary=after.reason or sentence("recovery-failed", "it could not be recovered"),
            labels=labels,
            type="recovery_failed",
            source=SOURCE,
        )
        await self._alerts.apply(connection, [failed])

    async def _resolve(self, connection: AsyncConnection, stored: StoredRecovery, at: datetime) -> None:
        """Resolve what fires for the recovery; a resolution is notified like any other."""
        failed = fingerprint_of(stored.tenant_id, RECOVERY_FAILED, {"recovery": stored.recovery_id})
        downs = await _downs(connection, stored.row_id)
        firing = await self._alerts.firing(connection, [*downs, failed])
        if firing:
            await self._alerts.apply(connection, [replace(each, state="resolved", at=at) for each in firing])

    async def _note(
        self, connection: AsyncConnection, stored: StoredRecovery, lines: Sequence[Sentence], at: datetime
    ) -> None:
        if not lines:
            return
        values = {"row_id": stored.row_id, "name": TENANT_DOWN}
        incident_id = await connection.scalar(_INCIDENT, values)
        for line in lines if incident_id is not None else ():
            await self._add_entry(connection, incident_id, line, at)


async def _downs(connection: AsyncConnection, row_id: int) -> Sequence[str]:
    """The fingerprints of other systems' alerts that a tenant is down."""
    return (await connection.execute(_DOWNS, {"row_id": row_id, "name": TENANT_DOWN})).scalars().all()
