"""Who sends to a receiver: one process at a time, by a lease in the receiver's row.

The lease is PostgreSQL's and not NATS', because the outbox is: a process that reaches the one reaches the other. It
is longer than an attempt may take, and renewed by each; a killed process's receivers are free when it ends. A process
that slept through its lease may send one notification a second time, with the same id.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from shared.database import Database

_CLAIM = text("""
    WITH due AS (
        SELECT s.receiver_id FROM receiver_states s JOIN receivers r USING (receiver_id)
        WHERE (s.claimed_until IS NULL OR s.claimed_until <= clock_timestamp())
            AND (s.not_before IS NULL OR s.not_before <= :now)
            AND CAST(r.spec ->> 'enabled' AS boolean)
            AND (
                EXISTS (SELECT FROM pending_notices p WHERE p.receiver_id = s.receiver_id AND p.due_at <= :now)
                OR EXISTS (SELECT FROM notifications n WHERE n.receiver_id = s.receiver_id AND n.state = 'waiting')
            )
        ORDER BY s.claimed_until NULLS FIRST LIMIT :most FOR UPDATE OF s SKIP LOCKED
    )
    UPDATE receiver_states s
    SET claimed_by = :holder, claimed_until = clock_timestamp() + make_interval(secs => :seconds)
    FROM due WHERE s.receiver_id = due.receiver_id RETURNING s.receiver_id
""")
_RELEASE = text("""
    UPDATE receiver_states SET claimed_by = NULL, claimed_until = clock_timestamp(),
        not_before = CASE WHEN :continues THEN NULL ELSE not_before END
    WHERE receiver_id = :receiver_id AND claimed_by = :holder
""")
_NEXT = text("""
    SELECT least(
        (SELECT min(due_at) FROM pending_notices WHERE due_at > :now),
        (SELECT min(not_before) FROM receiver_states WHERE not_before > :now)
    )
""")


class Claims:
    """The leases of one process, which `holder` names."""

    def __init__(self, database: Database, holder: str, seconds: float) -> None:
        """`seconds` is the length of a lease."""
        self._database = database
        self.holder = holder
        self.seconds = seconds

    async def claim(self, most: int, now: datetime) -> Sequence[str]:
        """Receivers for which something is due, those first that were served the longest time ago."""
        values = {"most": most, "now": now, "holder": self.holder, "seconds": self.seconds}
        async with self._database.begin() as connection:
            return list((await connection.execute(_CLAIM, values)).scalars())

    async def release(self, receiver_id: str, *, continues: bool) -> None:
        """Free a receiver, also for another turn of this process; at once if it `continues` with what waits."""
        values = {"receiver_id": receiver_id, "holder": self.holder, "continues": continues}
        async with self._database.begin() as connection:
            await connection.execute(_RELEASE, values)

    async def next_at(self, now: datetime) -> datetime | None:
        """When something falls due next, if nothing else happens."""
        async with self._database.begin() as connection:
            found: datetime | None = await connection.scalar(_NEXT, {"now": now})
        return found
