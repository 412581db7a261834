"""Queries for credentials, with a bound of their own.

They come before the bound of calls in work (limits.admission), which a call enters with its caller known. Without this
one, credentials from many addresses, of which each may send a few that prove nothing, would take every connection to
the database from the callers that are known.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.limits.call_slots import CallSlots
from shared.database import Databases
from shared.subjects import Mode

AT_ONCE = 4
"""Connections of a mode that look up credentials: a query takes a millisecond, and a key is kept for seconds."""
MOST_WAITING = 200
_SECONDS = 2.0
"""That a query waits for its turn."""


class CredentialLookups:
    """The databases, as verifiers of credentials use them."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._slots = {
            mode: CallSlots(f"credentials of {mode} mode", at_once=AT_ONCE, most_waiting=MOST_WAITING, seconds=_SECONDS)
            for mode in Mode
        }

    @asynccontextmanager
    async def begin(self, mode: Mode) -> AsyncIterator[AsyncConnection]:
        """A transaction. Raises Overloaded if too many wait for one, DependencyUnavailable while PostgreSQL is away."""
        slots = self._slots[mode]
        await slots.enter()
        try:
            async with self._databases[mode].begin() as connection:
                yield connection
        finally:
            slots.leave()
