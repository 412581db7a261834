"""Makes notifications of the pending notices of one receiver that are due, as `planning` divides them."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.clock import Now
from services.monitor.notifications.channels.most_alerts import MOST_ALERTS
from services.monitor.notifications.planning import PendingNotice, Plan, plan
from services.monitor.notifications.rate import Bucket, full
from shared.database import Database
from shared.rpc.receivers import ReceiverSpec
from shared.subjects import Mode

_MOST_READ = 20_000
"""Notices that are looked at together; those that are due come first."""
_MOST_WAITING = 100
"""Notifications of a receiver that isn't reached. More alerts stay pending, and are joined."""
_STATE = text("""
    SELECT s.tokens, s.tokens_at, r.name, r.spec,
        (SELECT count(*) FROM notifications n WHERE n.receiver_id = s.receiver_id AND n.state = 'waiting') AS waiting
    FROM receiver_states s JOIN receivers r USING (receiver_id)
    WHERE s.receiver_id = :receiver_id AND s.claimed_by = :holder FOR UPDATE OF s
""")
_NOTICES = text("""
    SELECT id, alert_id, group_key, due_at, held_until FROM pending_notices WHERE receiver_id = :receiver_id
    ORDER BY due_at > :now, id LIMIT :most
""")
_TAKE = text("DELETE FROM pending_notices WHERE id = ANY(:ids) RETURNING id, notice")
_ADD = text("""
    INSERT INTO notifications (notification_id, receiver_id, content, created_at, waits_since)
    VALUES (:notification_id, :receiver_id, CAST(:content AS jsonb), :now, :now)
""")
_DEFER = text("""
    UPDATE pending_notices p SET due_at = x.due_at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(id BIGINT, due_at TIMESTAMPTZ) WHERE p.id = x.id
""")
_KEEP = text("""
    UPDATE receiver_states SET tokens = :tokens, tokens_at = :tokens_at, not_before = :not_before
    WHERE receiver_id = :receiver_id
""")


class Composer:
    """The composer of one mode."""

    def __init__(self, mode: Mode, database: Database, now: Now, holder: str) -> None:
        self._mode = mode
        self._database = database
        self._now = now
        self._holder = holder

    async def compose(self, receiver_id: str) -> int:
        """Make what is due; the number of notifications. 0 while many wait, and if the lease is lost."""
        now = self._now()
        async with self._database.begin() as connection:
            values = {"receiver_id": receiver_id, "holder": self._holder}
            state = (await connection.execute(_STATE, values)).one_or_none()
            if state is None or state.waiting >= _MOST_WAITING:
                return 0
            spec = ReceiverSpec(**state.spec)
            rows = await connection.execute(_NOTICES, {"receiver_id": receiver_id, "now": now, "most": _MOST_READ})
            notices = sorted(PendingNotice(*row) for row in rows)
            found = plan(
                notices,
                _bucket(state, spec, now),
                now,
                most_alerts=MOST_ALERTS[spec.type],
                most_per_minute=spec.most_per_minute,
            )
            for ids in found.batches:
                await self._add(connection, receiver_id, state.name, ids, now)
            await _keep(connection, receiver_id, found)
        return len(found.batches)

    async def _add(
        self, connection: AsyncConnection, receiver_id: str, name: str, ids: Sequence[int], now: datetime
    ) -> None:
        taken = sorted((row.id, row.notice) for row in await connection.execute(_TAKE, {"ids": list(ids)}))
        notices = [notice for _, notice in taken]
        await add_notification(connection, receiver_id, notices, name=name, mode=self._mode, now=now)


async def add_notification(
    connection: AsyncConnection,
    receiver_id: str,
    notices: Sequence[dict[str, Any]],
    *,
    name: str,
    mode: Mode,
    now: datetime,
) -> str:
    """Put a notification into the outbox; its id."""
    notification_id = f"ntf-{secrets.token_hex(12)}"
    content = {
        "notification_id": notification_id,
        "receiver": name,
        "mode": mode.value,
        "created_at": now.isoformat(),
        "alerts": notices,
    }
    values = {
        "notification_id": notification_id,
        "receiver_id": receiver_id,
        "content": orjson.dumps(content).decode(),
        "now": now,
    }
    await connection.execute(_ADD, values)
    return notification_id


async def _keep(connection: AsyncConnection, receiver_id: str, found: Plan) -> None:
    if found.deferred:
        rows = [{"id": each, "due_at": until.isoformat()} for each, until in found.deferred]
        await connection.execute(_DEFER, {"rows": orjson.dumps(rows).decode()})
    values = {
        "receiver_id": receiver_id,
        "tokens": found.bucket.tokens,
        "tokens_at": found.bucket.at,
        "not_before": found.not_before,
    }
    await connection.execute(_KEEP, values)


def _bucket(state: Row[Any], spec: ReceiverSpec, now: datetime) -> Bucket:
    return full(spec.most_per_minute, now) if state.tokens is None else Bucket(state.tokens, state.tokens_at)
