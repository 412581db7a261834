"""The silences of one database, and what else mutes alerts: maintenance windows."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.silences.calendars import read_calendars
from services.monitor.silences.muting import MutableAlert, Muting, MutingWindow, SilenceRule
from services.monitor.silences.preview import Firing
from shared.alerts.matchers import Matcher
from shared.rpc.silences import NewSilence, Recurrence

MOST_SHOWN = 300
_MOST_FIRINGS = 50_000
"""Firings of a tenant that a preview looks at."""
_SELECT = """
    SELECT silence_id, tenants.tenant_id, matchers, reason, author, silences.created_at, starts_at, ends_at, ended_by,
    recurrence, COALESCE(tenants.sla_target ->> 'time_zone', 'UTC') AS zone
"""
_FROM = "FROM silences JOIN tenants ON tenants.id = silences.tenant_id"
_IN_EFFECT = text(f"""
    {_SELECT} {_FROM}
    WHERE tenants.tenant_id = ANY(:tenants) AND starts_at <= :at AND (ends_at IS NULL OR ends_at > :at)
    ORDER BY silences.created_at, silence_id
""")
_WINDOWS = text("""
    SELECT windows.id, tenants.tenant_id, windows.began, windows.ended
    FROM maintenance_windows AS windows LEFT JOIN tenants ON tenants.id = windows.tenant_id
    WHERE windows.began <= :at AND windows.ended > :at
        AND (windows.tenant_id IS NULL OR tenants.tenant_id = ANY(:tenants))
    ORDER BY windows.id
""")
_OF_TENANT = text(f"""
    {_SELECT}, (SELECT count(*) FROM alerts WHERE state = 'firing' AND muted_by = silence_id
        AND alerts.tenant_id = silences.tenant_id) AS muted
    {_FROM} WHERE silences.tenant_id = :row_id
    ORDER BY (ends_at IS NULL OR ends_at > :now) DESC,
        CASE WHEN ends_at <= :now THEN ends_at ELSE silences.created_at END DESC, silence_id LIMIT :most
""")  # noqa: S608 - only constants are put in
_COUNT = text("SELECT count(*) FROM silences WHERE tenant_id = :row_id AND (ends_at IS NULL OR ends_at > :now)")
_TENANT = text("""
    SELECT id, COALESCE(sla_target ->> 'time_zone', 'UTC') AS zone FROM tenants WHERE tenant_id = :tenant_id
    FOR KEY SHARE
""")
_OF_REQUEST = text("SELECT silence_id FROM silences WHERE request_id = :request_id")
_CREATE = text("""
    INSERT INTO silences (silence_id, tenant_id, matchers, reason, author, created_at, starts_at, ends_at, recurrence,
        request_id)
    VALUES (:silence_id, :row_id, CAST(:matchers AS jsonb), :reason, :author, :now, :starts_at, :ends_at,
        CAST(:recurrence AS jsonb), :request_id)
    ON CONFLICT (request_id) DO NOTHING
""")
_END = text("""
    UPDATE silences SET ends_at = :now, ended_by = :author
    WHERE silence_id = :silence_id AND tenant_id = :row_id AND (ends_at IS NULL OR ends_at > :now)
""")
_FIRINGS = text("""
    SELECT name, severity, labels, fired_at, resolved_at FROM alerts
    WHERE tenant_id = :row_id AND fired_at >= :since ORDER BY fired_at DESC LIMIT :most
""")
_FIRING_ALERTS = text("""
    SELECT alerts.fingerprint, tenants.tenant_id, alerts.name, alerts.severity, alerts.labels, alerts.muted_by
    FROM alerts JOIN tenants ON tenants.id = alerts.tenant_id
    WHERE alerts.state = 'firing' AND (
        alerts.muted_by IS NOT NULL
        OR EXISTS (SELECT FROM silences WHERE silences.tenant_id = alerts.tenant_id
            AND starts_at <= :at AND (ends_at IS NULL OR ends_at > :at))
        OR EXISTS (SELECT FROM maintenance_windows AS windows WHERE windows.began <= :at AND windows.ended > :at
            AND (windows.tenant_id IS NULL OR windows.tenant_id = alerts.tenant_id)))
    ORDER BY alerts.fingerprint
""")
_FORGET = text("DELETE FROM silences WHERE ends_at < :before")


class SilencedTenant(NamedTuple):
    """The row of a tenant, and its time zone."""

    row_id: int
    zone: str


class FiringAlert(NamedTuple):
    """An alert that fires, with what is known to mute it."""

    fingerprint: str
    alert: MutableAlert
    muted_by: str | None


async def muting(connection: AsyncConnection, tenant_ids: Iterable[str], at: datetime) -> Muting:
    """What mutes alerts of these tenants at `at`."""
    values = {"tenants": sorted(set(tenant_ids)), "at": at}
    silences = [rule_of(row) for row in await connection.execute(_IN_EFFECT, values)]
    await read_calendars(each.recurrence for each in silences)
    windows = [MutingWindow(*row) for row in await connection.execute(_WINDOWS, values)]
    return Muting(at, silences=silences, windows=windows)


async def firing_alerts(connection: AsyncConnection, at: datetime) -> list[FiringAlert]:
    """The alerts that fire and are muted, or may have to be."""
    rows = await connection.execute(_FIRING_ALERTS, {"at": at})
    return [
        FiringAlert(row.fingerprint, MutableAlert(row.tenant_id, row.name, row.severity, row.labels), row.muted_by)
        for row in rows
    ]


async def find_tenant(connection: AsyncConnection, tenant_id: str) -> SilencedTenant | None:
    """The tenant, kept from being deleted until the transaction ends; None if there is none."""
    row = (await connection.execute(_TENANT, {"tenant_id": tenant_id})).one_or_none()
    return None if row is None else SilencedTenant(row.id, row.zone)


async def list_rows(connection: AsyncConnection, row_id: int, now: datetime) -> Sequence[Any]:
    """A tenant's silences: those that haven't ended first, then those that have ended last."""
    values = {"row_id": row_id, "now": now, "most": MOST_SHOWN}
    rows = (await connection.execute(_OF_TENANT, values)).all()
    await read_calendars(rule_of(row).recurrence for row in rows)
    return rows


async def count(connection: AsyncConnection, row_id: int, now: datetime) -> int:
    """How many silences of a tenant haven't ended."""
    return int(await connection.scalar(_COUNT, {"row_id": row_id, "now": now}) or 0)


async def silence_of_request(connection: AsyncConnection, request_id: str) -> str | None:
    """The silence that a request has created; None for a request that wasn't executed yet."""
    found: str | None = await connection.scalar(_OF_REQUEST, {"request_id": request_id})
    return found


async def create(
    connection: AsyncConnection,
    row_id: int,
    silence_id: str,
    silence: NewSilence,
    *,
    author: str,
    now: datetime,
    request_id: str,
) -> None:
    """Store a silence. `silence.start` None is now."""
    values = {
        "silence_id": silence_id,
        "row_id": row_id,
        "matchers": json.dumps([each.model_dump(mode="json") for each in silence.matchers]),
        "reason": silence.reason,
        "author": author,
        "now": now,
        "starts_at": silence.start or now,
        "ends_at": silence.end,
        "recurrence": silence.recurrence.model_dump_json() if silence.recurrence else None,
        "request_id": request_id or None,
    }
    await connection.execute(_CREATE, values)


async def end(connection: AsyncConnection, row_id: int, silence_id: str, *, author: str, now: datetime) -> bool:
    """End a silence now; whether it hadn't ended before."""
    values = {"silence_id": silence_id, "row_id": row_id, "author": author, "now": now}
    return (await connection.execute(_END, values)).rowcount > 0


async def firings(connection: AsyncConnection, tenant_id: str, row_id: int, since: datetime) -> list[Firing]:
    """The firings of a tenant's alerts that began after `since`."""
    values = {"row_id": row_id, "since": since, "most": _MOST_FIRINGS}
    return [
        Firing(MutableAlert(tenant_id, row.name, row.severity, row.labels), row.fired_at, row.resolved_at)
        for row in await connection.execute(_FIRINGS, values)
    ]


async def forget(connection: AsyncConnection, before: datetime) -> int:
    """Remove the silences that ended before `before`. Returns their number."""
    return (await connection.execute(_FORGET, {"before": before})).rowcount


def rule_of(row: Any) -> SilenceRule:
    """A silence, as it decides about alerts."""
    return SilenceRule(
        silence_id=row.silence_id,
        tenant_id=row.tenant_id,
        matchers=tuple(Matcher.model_validate(each) for each in row.matchers),
        start=row.starts_at,
        end=row.ends_at,
        recurrence=Recurrence.model_validate(row.recurrence) if row.recurrence else None,
        zone=row.zone,
    )
