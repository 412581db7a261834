"""The incidents of one database: read into the model that the pure parts change, and written again.

One transaction at a time works on a tenant's incidents (`lock_tenants`), so that no incident is opened twice.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.incidents import rows
from services.monitor.incidents.grouping import REOPENS_WITHIN
from services.monitor.incidents.model import ECP, Entry, Incident

_INCIDENTS = text(f"""
    {rows.SELECT_INCIDENTS} FROM incidents JOIN tenants ON tenants.id = incidents.tenant_id
    WHERE incidents.tenant_id = ANY(:ids) AND (incidents.status <> 'closed' OR incidents.closed_at >= :since)
""")
_ONE = text(f"""
    {rows.SELECT_INCIDENTS}, incidents.tenant_id AS row_id
    FROM incidents JOIN tenants ON tenants.id = incidents.tenant_id WHERE incident_id = :incident_id
""")
_OF_REQUEST = text("SELECT incident_id FROM incidents WHERE request_id = :request_id")
_ENTRY_OF_REQUEST = text("SELECT incident_id FROM incident_entries WHERE request_id = :request_id")
_MEMBERS = text("SELECT * FROM incident_alerts WHERE incident_id = ANY(:ids)")
_WRITE = text("""
    INSERT INTO incidents (incident_id, tenant_id, causes, title, title_message, title_scope, severity, worst,
        severity_by, status, opened_at, opened_by, changed_at, acknowledged_at, acknowledged_by, first_acknowledged_at,
        assignee, closed_at, closed_by, merged_into, alert_entries, request_id)
    VALUES (:incident_id, :row_id, :causes, :title, CAST(:title_message AS jsonb), :title_scope, :severity, :worst,
        :severity_by, :status, :opened_at, :opened_by, :changed_at, :acknowledged_at, :acknowledged_by,
        :first_acknowledged_at, :assignee, :closed_at, :closed_by, :merged_into, :alert_entries, :request_id)
    ON CONFLICT (incident_id) DO UPDATE SET causes = excluded.causes, title = excluded.title,
        title_message = excluded.title_message, title_scope = excluded.title_scope, severity = excluded.severity,
        worst = excluded.worst, severity_by = excluded.severity_by, status = excluded.status,
        changed_at = excluded.changed_at, acknowledged_at = excluded.acknowledged_at,
        acknowledged_by = excluded.acknowledged_by, first_acknowledged_at = excluded.first_acknowledged_at,
        assignee = excluded.assignee, closed_at = excluded.closed_at, closed_by = excluded.closed_by,
        merged_into = excluded.merged_into, alert_entries = excluded.alert_entries
""")
_WRITE_MEMBER = text("""
    INSERT INTO incident_alerts (incident_id, fingerprint, alert_id, name, severity, type, labels, condition, value,
        summary, summary_message, runbook, first_at, fired_at, resolved_at, firings, muted_by, inhibited_by)
    VALUES (:incident_id, :fingerprint, :alert_id, :name, :severity, :type, CAST(:labels AS jsonb), :condition, :value,
        :summary, CAST(:summary_message AS jsonb), :runbook, :first_at, :fired_at, :resolved_at, :firings, :muted_by,
        :inhibited_by)
    ON CONFLICT (incident_id, fingerprint) DO UPDATE SET alert_id = excluded.alert_id, severity = excluded.severity,
        condition = excluded.condition, value = excluded.value, summary = excluded.summary,
        summary_message = excluded.summary_message, runbook = excluded.runbook, first_at = excluded.first_at,
        fired_at = excluded.fired_at, resolved_at = excluded.resolved_at, firings = excluded.firings,
        muted_by = excluded.muted_by, inhibited_by = excluded.inhibited_by
""")
_ABSORB = (
    text("DELETE FROM incident_alerts WHERE incident_id = :merged"),
    text("UPDATE incident_entries SET incident_id = :into WHERE incident_id = :merged"),
)
_ADD_ENTRY = text("""
    INSERT INTO incident_entries (incident_id, at, kind, author, text, message, fingerprint, details, request_id)
    VALUES (:incident_id, :at, :kind, :author, :text, CAST(:message AS jsonb), :fingerprint, CAST(:details AS jsonb),
        :request_id)
    ON CONFLICT (request_id) DO NOTHING
""")
_PRESENT = text("""
    WITH RECURSIVE chain AS (
        SELECT incident_id, merged_into FROM incidents WHERE incident_id = :incident_id
        UNION
        SELECT incidents.incident_id, incidents.merged_into
        FROM incidents JOIN chain ON incidents.incident_id = chain.merged_into
    )
    SELECT incident_id FROM chain WHERE merged_into IS NULL
""")
_COUNT_OPENED = text("""
    SELECT count(*) FROM incidents WHERE tenant_id = :row_id AND status <> 'closed' AND opened_by <> :itself
""")
_COUNT_COMMENTS = text("SELECT count(*) FROM incident_entries WHERE incident_id = :incident_id AND kind = 'comment'")
_FORGET = text("DELETE FROM incidents WHERE closed_at < :before")


async def load(connection: AsyncConnection, row_ids: Collection[int], at: datetime) -> dict[str, list[Incident]]:
    """The open incidents of tenants, and those that closed so recently before `at` that they may open again."""
    values = {"ids": sorted(row_ids), "since": at - REOPENS_WITHIN - timedelta(minutes=1)}
    found = [rows.incident_of(row) for row in await connection.execute(_INCIDENTS, values)]
    await _fill(connection, found)
    by_tenant: dict[str, list[Incident]] = defaultdict(list)
    for each in found:
        by_tenant[each.tenant_id].append(each)
    return by_tenant


async def find(connection: AsyncConnection, incident_id: str) -> tuple[Incident, int] | None:
    """One incident with its alerts, and its tenant's row id."""
    row = (await connection.execute(_ONE, {"incident_id": incident_id})).one_or_none()
    if row is None:
        return None
    incident = rows.incident_of(row)
    await _fill(connection, [incident])
    return incident, row.row_id


async def incident_of_request(connection: AsyncConnection, request_id: str) -> str | None:
    """The incident that a request has opened or changed; None for a request that wasn't executed yet."""
    for query in (_OF_REQUEST, _ENTRY_OF_REQUEST):
        found: str | None = await connection.scalar(query, {"request_id": request_id})
        if found is not None:
            return found
    return None


async def present(connection: AsyncConnection, incident_id: str) -> str | None:
    """The incident, or the one that it was merged into; None if it is gone."""
    found: str | None = await connection.scalar(_PRESENT, {"incident_id": incident_id})
    return found


async def count_comments(connection: AsyncConnection, incident_id: str) -> int:
    """How many comments an incident has."""
    return int(await connection.scalar(_COUNT_COMMENTS, {"incident_id": incident_id}) or 0)


async def count_opened(connection: AsyncConnection, row_id: int) -> int:
    """How many incidents of a tenant people have opened that are not closed."""
    return int(await connection.scalar(_COUNT_OPENED, {"row_id": row_id, "itself": ECP}) or 0)


async def save(
    connection: AsyncConnection,
    incidents: Iterable[Incident],
    row_ids: Mapping[str, int],
    *,
    request_id: str | None = None,
) -> None:
    """Write incidents with their alerts. `row_ids` are those of their tenants; `request_id` is a new incident's."""
    changed = list(incidents)
    if not changed:
        return
    written = [rows.values_of(each) | {"row_id": row_ids[each.tenant_id], "request_id": request_id} for each in changed]
    await connection.execute(_WRITE, written)
    merges = {each.incident_id: each.merged_into for each in changed if each.merged_into}
    merged = [{"merged": each, "into": _remaining(each, merges)} for each in merges]
    for statement in _ABSORB if merged else ():
        await connection.execute(statement, merged)
    members = [rows.member_values(each.incident_id, member) for each in changed for member in each.changed_members]
    if members:
        await connection.execute(_WRITE_MEMBER, members)


async def add_entries(connection: AsyncConnection, entries: Sequence[Entry]) -> None:
    """Add lines to timelines; one of a request that added its line already is left out."""
    if entries:
        await connection.execute(_ADD_ENTRY, [rows.entry_values(each) for each in entries])


async def forget(connection: AsyncConnection, before: datetime) -> int:
    """Remove the incidents that closed before `before`. Returns their number."""
    return (await connection.execute(_FORGET, {"before": before})).rowcount


async def _fill(connection: AsyncConnection, incidents: Sequence[Incident]) -> None:
    """Give incidents their alerts."""
    by_id = {each.incident_id: each for each in incidents}
    if by_id:
        for row in await connection.execute(_MEMBERS, {"ids": sorted(by_id)}):
            by_id[row.incident_id].put(rows.member_of(row))
    for each in incidents:
        each.changed.clear()


def _remaining(merged: str, merges: Mapping[str, str]) -> str:
    """The incident that has the lines of a merged one in the end: what it was merged into may be merged, too."""
    while merged in merges:
        merged = merges[merged]
    return merged
