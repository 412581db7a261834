"""The dead letters of a mode: what could not be handled, why, and the ways on.

A replay puts the event back on its subject with its own id, so that what follows from it is named as it would have
been, with a new message id, since JetStream would drop the old one, and for the consumer that failed alone: the
others have done their part.
"""

import re
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from shared.bus.envelope import CORRELATION_ID, MESSAGE_ID, REPLAY_FOR, TENANT_ID, Delivery, Encoded, own_headers
from shared.bus.publishing import size_of
from shared.bus.stream_scan import scan_stream
from shared.errors import EcpError, Refused
from shared.subjects import Mode, Stream, dead_letter

CUT = "dlq-cut"
"""On a letter without the whole body: what is kept of it."""
LONGEST_OF_OTHERS = 12 * 1024
"""Bytes of the letter of another system's event, headers included: ten times what such an event usually has."""
_LONGEST_REASON = 2000
_LONGEST_HEADERS = 32 * 1024
"""Bytes; a stream takes 64 KiB."""
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A header's name as RFC 9110 has it (a token), which the client insists on."""
_PREFIX = "dlq-"


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. `sequence` is its number in the stream, by which it is named."""

    sequence: int
    time: datetime | None
    subject: str
    consumer: str
    code: str
    reason: str
    attempts: str
    event_id: str
    correlation_id: str
    tenant_id: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        """The body as JSON, or as text if it isn't any."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return self.body.decode(errors="backslashreplace")


class DeadLetters:
    """Reads and empties the dead-letter stream of `mode`."""

    def __init__(self, jetstream: JetStreamContext, mode: Mode) -> None:
        self._jetstream = jetstream
        self._mode = mode
        self._stream = mode.stream(Stream.DLQ)

    async def all(self) -> AsyncIterator[Letter]:
        """Every dead letter, the oldest first."""
        async for message in scan_stream(self._jetstream, self._stream, self._mode.subject("dlq.>")):
            yield _from_stream(message)

    async def get(self, sequence: int) -> Letter:
        """One dead letter. Refused (NOT_FOUND) if there is none of that number."""
        try:
            return _from_stream(await self._jetstream.get_msg(self._stream, sequence))
        except NotFoundError as error:
            raise Refused(f"there is no dead letter {sequence} in {self._stream}", code="NOT_FOUND") from error

    async def replay(self, sequence: int) -> Letter:
        """Give it back to the consumer that failed, and remove it here. Returns what was replayed.

        Refused if there is none (NOT_FOUND), or if not all of it is left (CUT).
        """
        letter = await self.get(sequence)
        if CUT in letter.headers:
            raise Refused(f"dead letter {sequence} has only {letter.headers[CUT]}: it can't be replayed", code="CUT")
        headers = {name: value for name, value in own_headers(letter.headers).items() if not name.startswith(_PREFIX)}
        headers |= {MESSAGE_ID: str(uuid.uuid4()), "ce-id": letter.event_id, REPLAY_FOR: letter.consumer}
        await self._jetstream.publish(self._mode.subject(letter.subject), letter.body, headers=headers, timeout=5)
        await self.drop(sequence)
        return letter

    async def drop(self, sequence: int) -> None:
        """Remove it for good."""
        await self.get(sequence)
        await self._jetstream.delete_msg(self._stream, sequence)


def _from_stream(message: RawStreamMsg) -> Letter:
    headers = message.headers or {}
    return Letter(
        sequence=message.seq or 0,
        time=message.time,
        subject=headers.get("dlq-subject", ""),
        consumer=headers.get("dlq-consumer", ""),
        code=headers.get("dlq-code", ""),
        reason=headers.get("dlq-reason", ""),
        attempts=headers.get("dlq-attempts", ""),
        event_id=headers.get("dlq-event-id", ""),
        correlation_id=headers.get(CORRELATION_ID, ""),
        tenant_id=headers.get(TENANT_ID, ""),
        headers=dict(headers),
        body=message.data or b"",
    )


def letter_for(message: Msg, delivery: Delivery, error: EcpError, attempts: int, limit: int) -> Encoded:
    """The letter of `message`, in at most `limit` bytes, headers included."""
    if delivery.system:
        limit = min(limit, LONGEST_OF_OTHERS)
    ours = {
        MESSAGE_ID: f"{delivery.event_id}:{delivery.durable}:{delivery.sequence}",
        "dlq-event-id": delivery.event_id,
        "dlq-subject": delivery.subject,
        "dlq-consumer": delivery.durable,
        "dlq-code": error.code,
        "dlq-reason": _one_line(error.message),
        "dlq-attempts": str(attempts),
    }
    headers = _writable(own_headers(message.headers or {})) | ours
    if size_of(headers) > min(_LONGEST_HEADERS, limit // 2):
        headers = ours
    whole = len(message.data)
    if size_of(headers, message.data) > limit:
        headers[CUT] = f"the first part of {whole} bytes"
    return Encoded(
        dead_letter(delivery.mode, delivery.subject), message.data[: max(limit - size_of(headers), 0)], headers
    )


def _writable(headers: Mapping[str, str]) -> dict[str, str]:
    """The event's own headers. What a letter says of itself is ours: a sender's `dlq-cut` would forbid a replay."""
    return {
        name: value for name, value in headers.items() if _NAME.fullmatch(name) and not name.lower().startswith("dlq-")
    }


def _one_line(text: str) -> str:
    """A header's value: one line of printable ASCII, bounded."""
    return " ".join(text.split()).encode("ascii", "backslashreplace").decode()[:_LONGEST_REASON]
