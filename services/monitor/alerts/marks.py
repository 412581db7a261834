"""The marks of alerts that fire: what mutes or inhibits them, and their incident; and alerts read as transitions again.

An alert is passed on again when its marks change while it fires: its silence has ended, or what explained it.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.alerts.transition import Transition
from shared.alerts.rule import Action
from shared.messages import Message, Sentence

_ACTIONS: TypeAdapter[tuple[Action, ...]] = TypeAdapter(tuple[Action, ...])
_FIRING = text("""
    SELECT alerts.*, tenants.tenant_id AS tenant_name FROM alerts JOIN tenants ON tenants.id = alerts.tenant_id
    WHERE alerts.fingerprint = ANY(:fingerprints) AND alerts.state = 'firing'
    ORDER BY alerts.alert_id FOR UPDATE OF alerts
""")
_MARK = text("""
    UPDATE alerts SET muted_by = :muted_by, inhibited_by = :inhibited_by, incident_id = :incident_id
    WHERE alert_id = :alert_id
""")


async def firing(connection: AsyncConnection, fingerprints: Sequence[str]) -> Sequence[Transition]:
    """The alerts that fire, as the transitions that they were, with their present marks. Their rows are locked."""
    if not fingerprints:
        return []
    rows = await connection.execute(_FIRING, {"fingerprints": list(fingerprints)})
    return [_transition(row) for row in rows]


async def mark(connection: AsyncConnection, transitions: Sequence[Transition]) -> None:
    """Store the marks that the listeners have set."""
    if transitions:
        await connection.execute(
            _MARK,
            [
                {
                    "alert_id": each.alert_id,
                    "muted_by": each.muted_by,
                    "inhibited_by": each.inhibited_by,
                    "incident_id": each.incident_id,
                }
                for each in sorted(transitions, key=lambda each: each.alert_id)
            ],
        )


def _transition(row: Any) -> Transition:
    return Transition(
        alert_id=row.alert_id,
        fingerprint=row.fingerprint,
        tenant_id=row.tenant_name,
        name=row.name,
        severity=row.severity,
        state="firing",
        at=row.fired_at,
        value=row.value,
        condition=row.condition,
        summary=Sentence(row.summary, Message.model_validate(row.summary_message or {"id": ""})),
        labels=row.labels,
        runbook=row.runbook,
        actions=_ACTIONS.validate_python(row.actions),
        muted_by=row.muted_by,
        incident_id=row.incident_id,
        inhibited_by=row.inhibited_by,
        type=row.type,
        metric=row.metric,
        threshold=row.threshold,
        source=row.source,
    )
