"""Moves the unread events of other systems that an earlier version took from our own stream.

Up to version 0.1 a NATS without accounts was allowed. There other systems published on our subjects, and the durable
`gateway-takes-in` read what the header `ce-source` showed to be theirs. Now they have streams of their own. The
bootstrap moves what is unread there, removes it from our stream, where the workers would take it for ours, and deletes
the durable. An event that a gateway of the earlier version still handles keeps its id, so that it takes effect once.
"""

import structlog
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from shared.bus.envelope import EVENT_ID, MESSAGE_ID, SOURCE, derived_id, own_headers, source_of
from shared.bus.stream_scan import scan_stream
from shared.subjects import EARLIER_INTAKE, REQUESTS_OF_OTHERS, Mode, Stream, from_outside, split_mode

_log = structlog.get_logger(__name__)


async def move_earlier_intake(jetstream: JetStreamContext, mode: Mode) -> None:
    """Move what is unread to the stream of other systems, and delete the durable. Idempotent."""
    stream, moved = mode.stream(Stream.ECP), 0
    try:
        info = await jetstream.consumer_info(stream, EARLIER_INTAKE)
    except NotFoundError:
        return
    read = info.ack_floor.stream_seq if info.ack_floor else 0
    for subject in sorted(REQUESTS_OF_OTHERS):
        async for message in scan_stream(jetstream, stream, mode.subject(subject), after=read):
            if (message.headers or {}).get(SOURCE) != source_of("gateway"):
                await _move(jetstream, mode, stream, message)
                moved += 1
    await jetstream.delete_consumer(stream, EARLIER_INTAKE)
    _log.info(f"Moved {moved} unread events of other systems out of {stream}.", action="move-intake")


async def _move(jetstream: JetStreamContext, mode: Mode, stream: str, message: RawStreamMsg) -> None:
    """Move one event. A repeated move has no effect, since the message id is the same."""
    headers = message.headers or {}
    place = derived_id(stream, str(message.seq), message.time.isoformat() if message.time else "")
    event_id = headers.get(EVENT_ID) or headers.get(MESSAGE_ID) or place
    own = own_headers(headers) | {EVENT_ID: event_id, MESSAGE_ID: place}
    subject = mode.subject(from_outside(split_mode(message.subject or "")[1]))
    await jetstream.publish(subject, message.data or b"", headers=own)
    await jetstream.delete_msg(stream, message.seq or 0)
