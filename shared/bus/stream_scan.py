"""Reads the messages of a stream one by one by subject, which needs no consumer and therefore few permissions.

It costs one request per message, about 0.3 ms: use it for streams of a few thousand messages, or at night.
"""

from collections.abc import AsyncIterator

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError


async def scan_stream(
    jetstream: JetStreamContext, stream: str, subject: str, *, after: int = 0
) -> AsyncIterator[RawStreamMsg]:
    """Every message on `subject` (wildcards allowed) after sequence number `after`, the oldest first."""
    sequence = after + 1
    while True:
        try:
            message = await jetstream.get_msg(stream, sequence, subject, direct=True, next=True)
        except NotFoundError:
            return
        yield message
        sequence = (message.seq or sequence) + 1
