"""Stores transitions of alerts with all that follows from them, in one transaction.

    transitions ─▶ rows that change ─▶ silences ─▶ incidents ─▶ notifications ─▶ marks, and events in the outbox

Only transitions that change a row go on. So a second copy, a monitor that was killed after its transaction and an
Alertmanager that sends an alert again change nothing, and nothing is notified twice.
"""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.alerts.marks import mark
from services.monitor.alerts.outbox import add_events
from services.monitor.alerts.tenant_locks import lock_tenants
from services.monitor.alerts.transition import Transition, TransitionListener
from services.monitor.alerts.transition_rows import row_of
from shared.bus import derived_id
from shared.database import Database
from shared.events import AlertEvent, AlertRaised, AlertResolved
from shared.subjects import Mode

_Key = tuple[str, str]
"""The id and the state of an alert."""
_FIELDS = """
    alert_id text, tenant_id text, name text, fingerprint text, labels jsonb, severity text, type text, condition text,
    metric text, value float8, threshold float8, summary text, summary_message jsonb, runbook text, actions jsonb,
    source text, began timestamptz, at timestamptz
"""
_COLUMNS = """
    alert_id, tenant_id, name, fingerprint, labels, severity, type, condition, metric, value, threshold, summary,
    summary_message, runbook, actions, source, began
"""
_VALUES = """
    news.alert_id, tenants.id, news.name, fingerprint, labels, severity, type, condition, metric, value, threshold,
    summary, summary_message, runbook, actions, source, began
"""
_FIRE = text(f"""
    INSERT INTO alerts ({_COLUMNS}, state, fired_at)
    SELECT {_VALUES}, 'firing', at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS news ({_FIELDS})
    JOIN tenants ON tenants.tenant_id = news.tenant_id
    ORDER BY news.alert_id
    ON CONFLICT (alert_id) DO UPDATE SET state = 'firing', fired_at = excluded.fired_at, value = excluded.value,
        threshold = excluded.threshold, metric = excluded.metric, summary = excluded.summary,
        summary_message = excluded.summary_message, severity = excluded.severity, labels = excluded.labels,
        runbook = excluded.runbook, actions = excluded.actions, condition = excluded.condition
    WHERE alerts.state = 'pending'
    RETURNING alert_id
""")  # noqa: S608 - only constants are put in
_RESOLVE = text(f"""
    UPDATE alerts SET state = 'resolved', resolved_at = news.at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS news ({_FIELDS})
    WHERE alerts.alert_id = news.alert_id AND alerts.state = 'firing'
    RETURNING alerts.alert_id
""")  # noqa: S608 - only constants are put in
_LOCK = text("SELECT FROM alerts WHERE alert_id = ANY(:ids) ORDER BY alert_id FOR UPDATE")
_REMEMBER = text(f"""
    INSERT INTO alerts ({_COLUMNS}, state, fired_at, resolved_at)
    SELECT {_VALUES}, 'resolved', began, at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS news ({_FIELDS})
    JOIN tenants ON tenants.tenant_id = news.tenant_id
    ORDER BY news.alert_id
    ON CONFLICT (alert_id) DO NOTHING
""")  # noqa: S608 - only constants are put in


_FORGET = text("DELETE FROM alerts WHERE state = 'resolved' AND resolved_at < :before")


class AlertStore:
    """The alerts of one mode's database."""

    def __init__(self, database: Database, mode: Mode, listeners: Sequence[TransitionListener]) -> None:
        """`listeners` take part in each transaction, in this order: silences, incidents, notifications."""
        self._database = database
        self._mode = mode
        self._listeners = listeners

    async def apply(self, transitions: Sequence[Transition]) -> Sequence[Transition]:
        """Store transitions; those that were news, with their marks. Raises DependencyUnavailable."""
        if not transitions:
            return []
        async with self._database.begin() as connection:
            return await self.apply_in(connection, transitions)

    async def apply_in(self, connection: AsyncConnection, transitions: Sequence[Transition]) -> Sequence[Transition]:
        """The same in the transaction of `connection`, which must not have locked a row before (`tenant_locks`)."""
        await lock_tenants(connection, (each.tenant_id for each in transitions))
        news = await _write(connection, transitions)
        if not news:
            return []
        passed = await self._pass_on(connection, news, {_key(each) for each in news})
        return [each for each in passed if each.alert_id in {one.alert_id for one in news}]

    async def pass_on(self, connection: AsyncConnection, transitions: Sequence[Transition]) -> None:
        """Pass alerts that fire already to the listeners again, because a silence or what explained them has ended."""
        if transitions:
            await self._pass_on(connection, transitions, set())

    async def _pass_on(
        self, connection: AsyncConnection, transitions: Sequence[Transition], news: set[_Key]
    ) -> Sequence[Transition]:
        for listener in self._listeners:
            transitions = await listener.transitioned(connection, transitions)
        await mark(connection, transitions)
        await self._add_events(connection, transitions, news)
        return transitions

    async def _add_events(self, connection: AsyncConnection, passed: Sequence[Transition], news: set[_Key]) -> None:
        """The events of the news, and of alerts whose marks have changed, which have ids of their own."""
        events = [event_of(each) for each in passed]
        ids = [
            derived_id(self._mode, event.subject, each.alert_id, each.state)
            if _key(each) in news
            else derived_id(self._mode, event.subject, each.alert_id, secrets.token_hex(8))
            for event, each in zip(events, passed, strict=True)
        ]
        await add_events(connection, self._mode, events, ids)


async def remember_resolved(connection: AsyncConnection, transitions: Iterable[Transition]) -> None:
    """Store alerts whose resolution arrived first, so that their firing is known to be over when it arrives."""
    rows = _rows(each for each in transitions if each.state == "resolved")
    if rows:
        await connection.execute(_REMEMBER, {"rows": _json(rows)})


async def forget(connection: AsyncConnection, before: datetime) -> int:
    """Remove the alerts that were resolved before `before`. Returns their number."""
    return (await connection.execute(_FORGET, {"before": before})).rowcount


def event_of(transition: Transition) -> AlertEvent:
    """The event that tells of a transition."""
    fields: dict[str, Any] = {
        "tenant_id": transition.tenant_id,
        "alert_id": transition.alert_id,
        "fingerprint": transition.fingerprint,
        "name": transition.name,
        "severity": transition.severity,
        "type": transition.type,
        "message": transition.summary.english,
        "message_id": transition.summary.message,
        "metric": transition.metric,
        "current_value": transition.value,
        "threshold": transition.threshold,
        "condition": transition.condition,
        "labels": dict(transition.labels),
        "runbook": transition.runbook,
        "muted_by": transition.muted_by,
        "incident_id": transition.incident_id,
        "inhibited_by": transition.inhibited_by,
        "time": transition.at,
    }
    return AlertRaised(**fields) if transition.state == "firing" else AlertResolved(**fields)


async def _write(connection: AsyncConnection, transitions: Sequence[Transition]) -> list[Transition]:
    """Write rows; the transitions that changed one, each once and in order."""
    changed: set[_Key] = set()
    for state, statement in (("firing", _FIRE), ("resolved", _RESOLVE)):
        rows = _rows(each for each in transitions if each.state == state)
        if rows:
            # In a fixed order, so that two copies with the same alerts wait for each other and don't deadlock.
            await connection.execute(_LOCK, {"ids": [each["alert_id"] for each in rows]})
            found = await connection.execute(statement, {"rows": _json(rows)})
            changed |= {(alert_id, state) for alert_id in found.scalars()}
    news = {_key(each): each for each in transitions}
    return [each for key, each in news.items() if key in changed]


def _key(transition: Transition) -> _Key:
    return transition.alert_id, transition.state


def _rows(transitions: Iterable[Transition]) -> list[dict[str, Any]]:
    by_id = {each.alert_id: row_of(each) for each in transitions}
    return [by_id[alert_id] for alert_id in sorted(by_id)]


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()
