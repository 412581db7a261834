"""Removes what nothing needs any more: old notifications, and receivers of actions that no rule has used for long."""

from datetime import timedelta

from sqlalchemy import text

from services.monitor.clock import Now
from shared.database import Database

KEPT = timedelta(days=30)
"""How long a notification can be listed after its end, a dead one replayed, and a rule's receiver is kept unused."""
_REMOVE = text("DELETE FROM notifications WHERE ended_at < :before")
_REMOVE_UNUSED = text("""
    DELETE FROM receivers r WHERE r.origin = 'rule' AND r.changed_at = r.created_at AND r.created_at < :before
        AND NOT EXISTS (SELECT FROM notifications n WHERE n.receiver_id = r.receiver_id)
        AND NOT EXISTS (SELECT FROM pending_notices p WHERE p.receiver_id = r.receiver_id)
        AND NOT EXISTS (SELECT FROM notified_alerts a WHERE a.receiver_id = r.receiver_id)
""")


class NotificationUpkeep:
    """The upkeep of one mode."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database = database
        self._now = now

    async def run_once(self) -> None:
        """Remove what is old. Raises DependencyUnavailable."""
        values = {"before": self._now() - KEPT}
        async with self._database.begin() as connection:
            await connection.execute(_REMOVE, values)
            await connection.execute(_REMOVE_UNUSED, values)
