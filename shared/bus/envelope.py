"""The envelope of an event: CloudEvents 1.0 in binary mode, as NATS headers.

    ce-id ce-type ce-source ce-time ce-specversion ce-subject   CloudEvents; ce-subject is the tenant id
    Nats-Msg-Id                                                 the same id: JetStream drops a repeated publish
    correlation-id                                              the request that started the chain of events
    traceparent                                                 W3C trace context, passed on as it came

We write all headers and read tolerantly: a message from another system may have no header at all. A missing id is
derived from the message's position in its stream, so that a redelivery has the same id.
"""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from nats.aio.msg import Msg
from nats.js.api import Header

from shared.events import Event
from shared.subjects import Mode, split_mode, split_outside

TENANT_ID = "ce-subject"
EVENT_ID = "ce-id"
SOURCE = "ce-source"
TIME = "ce-time"
MESSAGE_ID = Header.MSG_ID.value
CORRELATION_ID = "correlation-id"
TRACEPARENT = "traceparent"
REPLAY_FOR = "replay-for"
"""On a replayed dead letter: the durable that failed. The other consumers have already handled the event."""
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "events.ecp.ai").bytes
_LONGEST_ID = 200


class Encoded(NamedTuple):
    """An event in its wire form; `subject` includes the mode."""

    subject: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of an event: its metadata and envelope."""

    mode: Mode
    subject: str
    """Without the mode."""
    event_id: str
    correlation_id: str
    time: datetime
    """When the stream stored the message: the same at every delivery, another if the event is published again."""
    stream: str
    sequence: int
    """The stream's sequence number, which orders all events of a mode. A stream that lost its end or was recreated
    gives the same numbers to other events: only together with `time` it identifies a message."""
    attempt: int
    """1 at the first delivery."""
    durable: str
    source: str = ""
    """`ce-source` as the sender wrote it: with the id, it makes an event of another system unique."""
    traceparent: str | None = None
    replay_for: str | None = None
    sent: datetime | None = None
    """`ce-time`: when the event happened, however often it is published. None if its source gives none."""

    @property
    def system(self) -> str:
        """The other system that published it, as NATS renamed its subject; empty for our own events."""
        return split_outside(self.subject)[0]

    @property
    def place(self) -> tuple[str, ...]:
        """The parts that identify the message permanently, for `derived_id`."""
        return self.stream, str(self.sequence), self.time.isoformat()


def derived_id(*parts: str) -> str:
    """A deterministic id (uuid5) of `parts`, so that work done twice publishes the same event."""
    # As uuid.uuid5 does, whose objects take longer than the hash.
    digest = bytearray(hashlib.sha1(_NAMESPACE + "\x1f".join(parts).encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def source_of(service: str) -> str:
    """A service as a CloudEvents source."""
    return f"/ecp/{service}"


def encode(
    event: Event,
    *,
    mode: Mode,
    event_id: str,
    correlation_id: str,
    source: str,
    time: datetime | None = None,
    traceparent: str | None = None,
) -> Encoded:
    """The wire form of an event. `source` is the publishing service; `time` defaults to now."""
    headers = {
        MESSAGE_ID: event_id,
        "ce-specversion": "1.0",
        EVENT_ID: event_id,
        "ce-type": f"ai.ecp.{event.subject}",
        SOURCE: source_of(source),
        TIME: (time or datetime.now(UTC)).isoformat(),
        "content-type": "application/json",
        CORRELATION_ID: correlation_id,
    }
    if event.tenant_id:
        headers[TENANT_ID] = event.tenant_id
    if traceparent:
        headers[TRACEPARENT] = traceparent
    return Encoded(mode.subject(event.subject), event.model_dump_json(exclude_none=True).encode(), headers)


def read_delivery(message: Msg) -> Delivery:
    """The delivery of `message`, which a JetStream consumer received."""
    metadata = message.metadata
    headers = message.headers or {}
    mode, subject = split_mode(message.subject)
    event_id = _identifier(headers, EVENT_ID) or _identifier(headers, MESSAGE_ID)
    if event_id is None:
        event_id = derived_id(metadata.stream, str(metadata.sequence.stream), metadata.timestamp.isoformat())
    return Delivery(
        mode=mode,
        subject=subject,
        event_id=event_id,
        correlation_id=_identifier(headers, CORRELATION_ID) or event_id,
        time=metadata.timestamp,
        stream=metadata.stream,
        sequence=metadata.sequence.stream,
        attempt=metadata.num_delivered,
        durable=metadata.consumer,
        source=_identifier(headers, SOURCE) or "",
        traceparent=_identifier(headers, TRACEPARENT),
        # One consumer reads a subject of theirs, so a replay needs no name; one from the sender would hide the event.
        replay_for=None if split_outside(subject)[0] else _identifier(headers, REPLAY_FOR),
        sent=_time(headers.get(TIME, "")),
    )


def own_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that belong to the event, without `Nats-*`.

    Those belong to one publish: an expected stream or last sequence in them would make a publish elsewhere fail.
    """
    return {name: value for name, value in headers.items() if not name.lower().startswith("nats-")}


def _time(text: str) -> datetime | None:
    """A time with a zone; None for any other text."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _identifier(headers: Mapping[str, str], name: str) -> str | None:
    """A header of another system, if it can be used in our logs and headers."""
    value = headers.get(name, "")
    return value if 0 < len(value) <= _LONGEST_ID and value.isascii() and value.isprintable() else None
