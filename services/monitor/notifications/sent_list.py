"""Answers `rpc.notifications`: lists what a receiver was sent, is to be sent, or never got, and replays the last."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.clock import Now
from services.monitor.notifications.channels.webhook import webhook_body
from services.monitor.notifications.content import Content
from services.monitor.notifications.pending_store import wake
from services.monitor.notifications.receiver_commands import receiver_not_found
from shared.database import Database
from shared.rpc.receivers import MOST_LISTED, NotificationsReply, NotificationsRequest, SentNotification

_MOST_BYTES = 1024 * 1024
"""Of one answer, about: half of what NATS takes. What is left out is older, and listed with `before`."""
_FIND = text("""
    SELECT r.receiver_id FROM receivers r LEFT JOIN tenants t ON t.id = r.tenant_id
    WHERE r.name = :name AND ((CAST(:tenant AS text) IS NULL AND r.tenant_id IS NULL) OR t.tenant_id = :tenant)
""")
_LIST = text("""
    SELECT notification_id, state, content, attempts, reason, created_at, ended_at FROM notifications
    WHERE receiver_id = :receiver_id AND (CAST(:state AS text) IS NULL OR state = :state)
        AND (CAST(:before AS text) IS NULL OR seq < (
            SELECT seq FROM notifications WHERE receiver_id = :receiver_id AND notification_id = :before
        ))
    ORDER BY seq DESC LIMIT :limit
""")
_REPLAY = text("""
    UPDATE notifications SET state = 'waiting', attempts = 0, waits_since = :now, ended_at = NULL
    WHERE receiver_id = :receiver_id AND state = 'dead' AND (:all OR notification_id = ANY(:ids))
""")
_TRY_NOW = text("UPDATE receiver_states SET not_before = NULL WHERE receiver_id = :receiver_id")


class SentNotifications:
    """Those of one mode. Raises Refused, DependencyUnavailable."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database = database
        self._now = now

    async def answer(self, request: NotificationsRequest) -> NotificationsReply:
        """List, or replay. Replayed ones keep their ids and their place in the order."""
        async with self._database.begin() as connection:
            values = {"name": request.receiver, "tenant": request.tenant_id}
            receiver_id = await connection.scalar(_FIND, values)
            if receiver_id is None:
                raise receiver_not_found(request.receiver)
            if request.replay is not None:
                return NotificationsReply(replayed=await self._replay(connection, receiver_id, request.replay))
            listed: dict[str, Any] = {
                "receiver_id": receiver_id,
                "state": request.state,
                "before": request.before,
                "limit": min(request.limit, MOST_LISTED),
            }
            rows = await connection.execute(_LIST, listed)
            return NotificationsReply(notifications=_fitting(_shown(request.receiver, row) for row in rows))

    async def _replay(self, connection: AsyncConnection, receiver_id: str, ids: Sequence[str]) -> int:
        values = {"receiver_id": receiver_id, "ids": list(ids), "all": not ids, "now": self._now()}
        replayed = (await connection.execute(_REPLAY, values)).rowcount
        if replayed:
            await connection.execute(_TRY_NOW, {"receiver_id": receiver_id})
            await wake(connection)
        return replayed


def _fitting(notifications: Iterable[SentNotification]) -> tuple[SentNotification, ...]:
    """The first ones that fit into an answer, and one at least."""
    fitting: list[SentNotification] = []
    size = 0
    for each in notifications:
        size += len(each.model_dump_json())
        if fitting and size > _MOST_BYTES:
            break
        fitting.append(each)
    return tuple(fitting)


def _shown(receiver: str, row: Row[Any]) -> SentNotification:
    content = Content(**row.content)
    return SentNotification(
        notification_id=row.notification_id,
        receiver=receiver,
        state=row.state,
        type=content.type,
        alerts=len(content.alerts),
        created_at=row.created_at,
        ended_at=row.ended_at,
        attempts=row.attempts,
        reason=row.reason,
        body=webhook_body(content),
    )
