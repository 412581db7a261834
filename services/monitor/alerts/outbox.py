"""Events of the monitor on their way to NATS: written with a transaction, published after it by the drainer."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.bus import encode
from shared.database.tables import monitor_outbox
from shared.events import Event
from shared.outbox import Outbox
from shared.subjects import Mode

SERVICE = "monitor"
OUTBOX = Outbox(monitor_outbox, lock=0x6563_7011)


async def add_events(connection: AsyncConnection, mode: Mode, events: Sequence[Event], ids: Sequence[str]) -> None:
    """Add events to the transaction. `ids` are their ids, which NATS also drops duplicates by."""
    encoded = [
        encode(event, mode=mode, event_id=event_id, correlation_id=event_id, source=SERVICE)
        for event, event_id in zip(events, ids, strict=True)
    ]
    await OUTBOX.add(connection, encoded)
