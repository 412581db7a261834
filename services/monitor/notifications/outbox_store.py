"""Rows of `notifications` that wait, and what becomes of an attempt."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from services.monitor.notifications.channels.http_call import Secrets
from services.monitor.notifications.content import Content
from shared.database import Database
from shared.rpc.receivers import ReceiverSpec

_HEAD = text("""
    SELECT n.seq, n.content, n.attempts, n.waits_since, r.spec, s.failures, k.url, k.authorization_value, k.signing,
        CASE WHEN k.previous_until > :now THEN k.previous END AS previous
    FROM notifications n JOIN receivers r USING (receiver_id) JOIN receiver_secrets k USING (receiver_id)
        JOIN receiver_states s USING (receiver_id)
    WHERE n.receiver_id = :receiver_id AND n.state = 'waiting' AND s.claimed_by = :holder
        AND s.claimed_until > clock_timestamp() + make_interval(secs => :needed)
    ORDER BY n.seq LIMIT 1
""")
_SENT = text("""
    UPDATE notifications SET state = 'sent', attempts = attempts + 1, reason = NULL, ended_at = :now
    WHERE seq = :seq AND state = 'waiting'
""")
_FAILED = text("""
    UPDATE notifications SET state = CAST(:state AS text), attempts = attempts + 1, reason = :reason,
        ended_at = CASE WHEN CAST(:state AS text) = 'dead' THEN CAST(:now AS timestamptz) END
    WHERE seq = :seq AND state = 'waiting'
""")
_SUCCEEDED = text("""
    UPDATE receiver_states SET failures = 0, last_error = NULL, last_success_at = :now,
        claimed_until = clock_timestamp() + make_interval(secs => :seconds)
    WHERE receiver_id = :receiver_id AND claimed_by = :holder
""")
_BACKS_OFF = text("""
    UPDATE receiver_states SET failures = failures + 1, last_error = :reason, not_before = :not_before
    WHERE receiver_id = :receiver_id AND claimed_by = :holder
""")


class Waiting(NamedTuple):
    """The first notification that waits for a receiver."""

    seq: int
    content: Content
    attempts: int
    """Failed ones."""
    waits_since: datetime
    spec: ReceiverSpec
    failures: int
    """Of the receiver, in a row."""
    secrets: Secrets


class OutboxStore:
    """The outbox of one mode, as the process `holder` sees it."""

    def __init__(self, database: Database, holder: str, lease_seconds: float) -> None:
        self._database = database
        self._holder = holder
        self._lease_seconds = lease_seconds

    async def first(self, receiver_id: str, now: datetime, *, needed: float) -> Waiting | None:
        """The first that waits; None without one, or if the lease doesn't last for `needed` seconds more."""
        values = {"receiver_id": receiver_id, "holder": self._holder, "now": now, "needed": needed}
        async with self._database.begin() as connection:
            row = (await connection.execute(_HEAD, values)).one_or_none()
        if row is None:
            return None
        secrets = Secrets(row.url, row.authorization_value, row.signing, row.previous)
        spec = ReceiverSpec(**row.spec)
        return Waiting(row.seq, Content(**row.content), row.attempts, row.waits_since, spec, row.failures, secrets)

    async def sent(self, receiver_id: str, seq: int, now: datetime) -> None:
        """It was delivered: also true if the lease was lost meanwhile. Renews the lease."""
        async with self._database.begin() as connection:
            await connection.execute(_SENT, {"seq": seq, "now": now})
            values = {"receiver_id": receiver_id, "holder": self._holder, "now": now, "seconds": self._lease_seconds}
            await connection.execute(_SUCCEEDED, values)

    async def failed(
        self, receiver_id: str, seq: int, reason: str, now: datetime, *, retry_at: datetime | None
    ) -> None:
        """It wasn't. The receiver is left alone until `retry_at`; None: it is a dead letter, the next one follows."""
        async with self._database.begin() as connection:
            state = "dead" if retry_at is None else "waiting"
            await connection.execute(_FAILED, {"seq": seq, "state": state, "reason": reason, "now": now})
            values = {"receiver_id": receiver_id, "holder": self._holder, "reason": reason, "not_before": retry_at}
            await connection.execute(_BACKS_OFF, values)
