"""Adds events to a transaction: they are published after it is committed, and only then."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.http import request_context
from services.gateway.outbox.repository import OUTBOX
from shared.bus import Encoded, derived_id, encode
from shared.events import Event
from shared.subjects import Mode

SERVICE = "gateway"


class OutboxWriter:
    """Encodes the events of one mode and adds them to the outbox."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode

    async def add(self, connection: AsyncConnection, event: Event, *, after: Sequence[Event] = ()) -> Encoded:
        """Add `event` to the transaction, `after` others in the same statement; its encoded form."""
        *others, encoded = [self.encode(each) for each in (*after, event)]
        await OUTBOX.add(connection, [*others, encoded])
        return encoded

    def encode(self, event: Event, *, identity: tuple[str, ...] | None = None, time: datetime | None = None) -> Encoded:
        """The encoded event, with the current request as its cause.

        Args:
            event: what becomes true with the transaction.
            identity: what the event's id is derived from, if a repeated request must produce the same id. By default
                each call produces another id.
            time: when it became true; now by default.
        """
        correlation_id = request_context.current().request_id
        unique = (correlation_id, event.subject, secrets.token_hex(8))
        parts = unique if identity is None else (self._mode, event.subject, *identity)
        return encode(
            event,
            mode=self._mode,
            event_id=derived_id(*parts),
            correlation_id=correlation_id,
            source=SERVICE,
            time=time,
        )
