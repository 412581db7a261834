"""Alerts in the tables, and the way of a transition through silences and incidents, without what decides about them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.alerts.marks import firing, mark
from services.monitor.alerts.tenant_locks import lock_tenants
from services.monitor.alerts.transition import AlertState, Transition, alert_id_of, fingerprint_of
from services.monitor.incidents.listener import IncidentListener
from services.monitor.silences.listener import SilenceListener
from shared.alerts.rule import Severity
from shared.database import Database
from shared.events import Event
from shared.messages import sentence

_INSERT = text("""
    INSERT INTO alerts (alert_id, tenant_id, name, fingerprint, labels, severity, type, state, condition, summary,
        began, fired_at)
    SELECT :alert_id, id, :name, :fingerprint, CAST(:labels AS jsonb), :severity, :type, 'firing', :condition, :summary,
        :at, :at FROM tenants WHERE tenant_id = :tenant_id
    ON CONFLICT (alert_id) DO NOTHING
""")
_RESOLVE = text("UPDATE alerts SET state = 'resolved', resolved_at = :at WHERE fingerprint = :fingerprint")


def alert(
    tenant_id: str,
    name: str,
    state: AlertState = "firing",
    *,
    at: datetime,
    severity: Severity = "warning",
    kind: str = "custom",
    **labels: str,
) -> Transition:
    """A transition of an alert."""
    fingerprint = fingerprint_of(tenant_id, name, labels)
    return Transition(
        alert_id=alert_id_of(fingerprint, at),
        fingerprint=fingerprint,
        tenant_id=tenant_id,
        name=name,
        severity=severity,
        state=state,
        at=at,
        value=1.0,
        condition="cpu_usage > 80",
        summary=sentence("test", "{name} is too high", name=name),
        labels=labels,
        type=kind,
    )


@dataclass
class AlertPath:
    """Stores transitions as the evaluation does, and has the listeners see them in the same transaction."""

    database: Database
    now: Any
    events: list[Event] = field(default_factory=list)
    told: list[Transition] = field(default_factory=list)
    """What came to the listener after ours."""

    def __post_init__(self) -> None:
        self.listeners = (SilenceListener(self.now), IncidentListener(self.add_events, firing))

    async def add_events(self, connection: AsyncConnection, events: Sequence[Event]) -> None:
        """Keep the events."""
        self.events += events

    async def pass_on(self, connection: AsyncConnection, transitions: Sequence[Transition]) -> None:
        """Have the listeners see transitions, and store their marks."""
        for listener in self.listeners:
            transitions = await listener.transitioned(connection, transitions)
        await mark(connection, transitions)
        self.told += transitions

    async def apply(self, *transitions: Transition) -> list[Transition]:
        """Store transitions with all that follows; what the next listener would get."""
        self.told.clear()
        async with self.database.begin() as connection:
            await lock_tenants(connection, {each.tenant_id for each in transitions})
            for each in transitions:
                await _store(connection, each)
            await self.pass_on(connection, transitions)
        return list(self.told)

    async def marks(self, transition: Transition) -> tuple[str | None, str | None, str | None]:
        """muted_by, inhibited_by and incident_id of an alert that fires."""
        async with self.database.begin() as connection:
            [found] = await firing(connection, [transition.fingerprint])
        return found.muted_by, found.inhibited_by, found.incident_id


async def _store(connection: AsyncConnection, transition: Transition) -> None:
    if transition.state == "resolved":
        await connection.execute(_RESOLVE, {"at": transition.at, "fingerprint": transition.fingerprint})
        return
    values = {
        "alert_id": transition.alert_id,
        "name": transition.name,
        "fingerprint": transition.fingerprint,
        "labels": json.dumps(dict(transition.labels)),
        "severity": transition.severity,
        "type": transition.type,
        "condition": transition.condition,
        "summary": transition.summary.english,
        "at": transition.at,
        "tenant_id": transition.tenant_id,
    }
    await connection.execute(_INSERT, values)
