"""Adds to an incident's timeline what others did about it, in their transaction."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.incidents import incident_store
from services.monitor.incidents.model import ECP, Entry, EntryKind
from shared.messages import Sentence


async def add_entry(
    connection: AsyncConnection,
    incident_id: str,
    *,
    kind: EntryKind,
    what: Sentence,
    at: datetime,
    author: str = ECP,
    key: str | None = None,
) -> None:
    """Add a line to the incident, or to the one that it was merged into.

    A repeated call with the same `key` adds nothing, and so does one for an incident that is gone.
    """
    found = await incident_store.present(connection, incident_id)
    if found is not None:
        entry = Entry(found, at, kind, what, author=author, request_id=key)
        await incident_store.add_entries(connection, [entry])
