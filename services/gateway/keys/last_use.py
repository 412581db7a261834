"""When each key was used last: noted in memory by requests, written by a task once a minute.

So no request waits for it, and a key that is used a thousand times a second costs one row a minute. A process that is
killed loses the uses of its last minute.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from services.gateway.keys import repository
from services.gateway.keys.key_text import KeyText
from shared.database import Database
from shared.subjects import Mode

WRITE_EVERY = 60.0
"""Seconds."""


class LastUses:
    """The uses that aren't written yet. Only proven keys are noted, so their number is bounded by that of keys."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._uses: dict[KeyText, datetime] = {}

    def note(self, key: KeyText) -> None:
        """The key is used now."""
        self._uses[key] = self._now()

    async def write(self, mode: Mode, database: Database) -> None:
        """Write the uses of one mode. Raises DependencyUnavailable, and keeps them for the next time."""
        uses = {key: used for key, used in self._uses.items() if key.mode is mode}
        if not uses:
            return
        async with database.begin() as connection:
            await repository.note_uses(connection, [(key.key_id, used) for key, used in uses.items()])
        self._uses = {key: used for key, used in self._uses.items() if uses.get(key) != used}
