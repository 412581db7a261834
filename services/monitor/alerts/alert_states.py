"""The stored state of the alerts that follow from rules: read at a takeover, and pending ones written.

A pending alert is a row too, with the id that it will have when it fires: so another process that takes over knows
since when the condition holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import text

from services.monitor.alerts.state_machine import FLAPPING_SECONDS, AlertMachine, Status
from services.monitor.alerts.transition import RULE, Transition
from services.monitor.alerts.transition_rows import row_of
from shared.alerts.rule import AlertRule
from shared.database import Database
from shared.messages import sentence

_RECENT = timedelta(seconds=FLAPPING_SECONDS)
_READ = text(f"""
    SELECT alerts.*, tenants.tenant_id AS tenant FROM alerts JOIN tenants ON tenants.id = alerts.tenant_id
    WHERE source = '{RULE}' AND (state <> 'resolved' OR resolved_at > :since) ORDER BY began
""")  # noqa: S608 - a constant of ours
_BEGIN = text("""
    INSERT INTO alerts (alert_id, tenant_id, name, fingerprint, labels, severity, type, condition, metric, threshold,
        summary, state, began)
    SELECT news.alert_id, tenants.id, news.name, fingerprint, labels, severity, type, condition, metric, threshold,
        summary, 'pending', began
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS news (alert_id text, tenant_id text, name text, fingerprint text,
        labels jsonb, severity text, type text, condition text, metric text, threshold float8, summary text,
        began timestamptz)
    JOIN tenants ON tenants.tenant_id = news.tenant_id
    FOR KEY SHARE OF tenants
    ON CONFLICT (alert_id) DO NOTHING
""")
_END = text("DELETE FROM alerts WHERE state = 'pending' AND fingerprint = ANY(:fingerprints)")
_POSITIONS = text("SELECT shard, evaluated_until FROM alert_positions")
_MOVE = text("""
    INSERT INTO alert_positions (shard, evaluated_until) SELECT unnest(CAST(:shards AS smallint[])), :until
    ON CONFLICT (shard) DO UPDATE SET evaluated_until = greatest(alert_positions.evaluated_until, :until)
""")


@dataclass(slots=True)
class StoredAlert:
    """What is stored of one alert: its present row, if it isn't inactive, and its last firings."""

    row: Any = None
    fired: list[float] = field(default_factory=list)
    resolved: float = float("-inf")

    def machine(self, rule: AlertRule) -> AlertMachine:
        """The alert as it was left."""
        if self.row is None:
            return AlertMachine(rule.wait, fired=self.fired, changed=self.resolved)
        began = self.row.began.timestamp()
        status = Status(self.row.state)
        changed = self.fired[-1] if status is Status.FIRING else began
        return AlertMachine(rule.wait, status=status, began=began, fired=self.fired, changed=changed)

    def ended(self, at: datetime) -> Transition:
        """The resolution of a firing alert whose rule is gone."""
        row = self.row
        summary = sentence("alert-rule-gone", "{name} is resolved: its rule was removed or changed", name=row.name)
        return Transition(
            alert_id=row.alert_id,
            fingerprint=row.fingerprint,
            tenant_id=row.tenant,
            name=row.name,
            severity=row.severity,
            state="resolved",
            at=at,
            value=None,
            condition=row.condition,
            summary=summary,
            labels=row.labels,
            runbook=row.runbook,
            type=row.type,
            metric=row.metric,
            threshold=row.threshold,
            began=row.began,
        )


class AlertStates:
    """The state of one mode's alerts. Every method raises DependencyUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, now: datetime) -> Mapping[str, StoredAlert]:
        """The alerts of rules by fingerprint."""
        found: dict[str, StoredAlert] = {}
        async with self._database.begin() as connection:
            for row in await connection.execute(_READ, {"since": now - _RECENT}):
                alert = found.setdefault(row.fingerprint, StoredAlert())
                if row.fired_at is not None:
                    alert.fired.append(row.fired_at.timestamp())
                if row.state != "resolved":
                    alert.row = row
                else:
                    alert.resolved = max(alert.resolved, row.resolved_at.timestamp())
        return found

    async def set_pending(self, began: Sequence[Transition], ended: Sequence[str]) -> None:
        """Write the pending alerts that have begun, after removing those with the fingerprints `ended`."""
        if not began and not ended:
            return
        rows = [row_of(each) for each in began]
        async with self._database.begin() as connection:
            if ended:
                await connection.execute(_END, {"fingerprints": sorted(ended)})
            if rows:
                await connection.execute(_BEGIN, {"rows": orjson.dumps(rows).decode()})

    async def positions(self) -> Mapping[int, datetime]:
        """Up to when the samples of each shard were evaluated."""
        async with self._database.begin() as connection:
            return {row.shard: row.evaluated_until for row in await connection.execute(_POSITIONS)}

    async def move(self, shards: Sequence[int], until: datetime) -> None:
        """The samples of `shards` that the stream stored until `until` are evaluated."""
        async with self._database.begin() as connection:
            await connection.execute(_MOVE, {"shards": sorted(shards), "until": until})
