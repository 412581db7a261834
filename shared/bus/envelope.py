"""The envelope of an event: CloudEvents 1.0 in binary mode, as NATS headers.

    ce-id ce-type ce-source ce-time ce-specversion ce-subject   CloudEvents; ce-subject is the tenant id
    Nats-Msg-Id                                                 the same id: JetStream drops a repeated publish
    correlation-id                                              the request that began it all
    traceparent                                                 W3C trace context, passed on as it came

Strict when we write, tolerant when we read: a message from another system may have no header at all; a missing id
is derived from stream and sequence, so that a redelivery has the same one.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from nats.aio.msg import Msg
from nats.js.api import Header

from shared.events import Event
from shared.subjects import OUTSIDE_PREFIX, Mode, split_mode

TENANT_ID = "ce-subject"
SOURCE = "ce-source"
MESSAGE_ID = Header.MSG_ID.value
CORRELATION_ID = "correlation-id"
TRACEPARENT = "traceparent"
REPLAY_FOR = "replay-for"
"""On a dead letter that was put back: the durable that failed. The others have handled the event already."""
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "events.ecp.ai")
_LONGEST_ID = 200


class Encoded(NamedTuple):
    """An event as it goes over the wire; `subject` includes the mode."""

    subject: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an event came."""

    mode: Mode
    subject: str
    """Without the mode."""
    event_id: str
    correlation_id: str
    time: datetime
    stream: str
    sequence: int
    """The stream's, which orders all events of a mode."""
    attempt: int
    """1 at the first delivery."""
    durable: str
    source: str = ""
    """Who says to have said it: with the id, what makes an event of another system unique."""
    traceparent: str | None = None
    replay_for: str | None = None


def derived_id(*parts: str) -> str:
    """The id that the same parts always give (uuid5), so that doing a thing twice says it once."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))


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
    """The wire form of an event. `source` is the service that says it; `time` defaults to now."""
    headers = {
        MESSAGE_ID: event_id,
        "ce-specversion": "1.0",
        "ce-id": event_id,
        "ce-type": f"ai.ecp.{event.subject}",
        SOURCE: source_of(source),
        TENANT_ID: event.tenant_id,
        "ce-time": (time or datetime.now(UTC)).isoformat(),
        "content-type": "application/json",
        CORRELATION_ID: correlation_id,
    }
    if traceparent:
        headers[TRACEPARENT] = traceparent
    return Encoded(mode.subject(event.subject), event.model_dump_json(exclude_none=True).encode(), headers)


def read_delivery(message: Msg) -> Delivery:
    """How `message`, from a JetStream consumer, came."""
    metadata = message.metadata
    headers = message.headers or {}
    mode, subject = split_mode(message.subject)
    event_id = _identifier(headers, "ce-id") or _identifier(headers, MESSAGE_ID)
    event_id = event_id or derived_id(metadata.stream, str(metadata.sequence.stream))
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
        # There one consumer reads a subject, so that a replay needs no name, and a sender's would only hide an event.
        replay_for=None if subject.startswith(f"{OUTSIDE_PREFIX}.") else _identifier(headers, REPLAY_FOR),
    )


def own_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that belong to the event. `Nats-*` ones belong to the publish: an expectation in them, of the
    original stream or its last sequence, would make every publish elsewhere fail.
    """
    return {name: value for name, value in headers.items() if not name.lower().startswith("nats-")}


def _identifier(headers: Mapping[str, str], name: str) -> str | None:
    """A header of another system, if it is fit for logs and headers of ours."""
    value = headers.get(name, "")
    return value if 0 < len(value) <= _LONGEST_ID and value.isascii() and value.isprintable() else None
