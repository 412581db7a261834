"""Dead letters: how an event becomes one, and how operators list, replay and drop them.

A letter has the event's body and headers, and headers of its own (`dlq-*`) with the reason and the consumer. It always
fits into its stream, even if the event was as large as the server allows or has headers that this client can't write:
a letter that is refused would be retried for ever. It keeps `LONGEST_OF_OTHERS` bytes of another system's event, and
the stream bounds the letters per subject (`shared.bus.bootstrap`), so that other systems can't fill it.

A replay publishes the event on its subject again: with its own event id, so that derived ids are the same; with a new
message id, because JetStream would drop the old one as a duplicate; and for the failed consumer only.
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
from shared.subjects import EARLIER_INTAKE, Mode, Stream, dead_letter, from_outside

CUT = "dlq-cut"
"""Header of a letter whose body is incomplete: how much of it was kept."""
LONGEST_OF_OTHERS = 12 * 1024
"""Bytes of a letter for another system's event, headers included: ten times the usual size of such an event."""
_LONGEST_REASON = 2000
_LONGEST_HEADERS = 32 * 1024
"""Bytes; a stream takes 64 KiB."""
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A header's name as RFC 9110 has it (a token), which the client insists on."""
_PREFIX = "dlq-"


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. `sequence` is its number in the stream, which identifies it."""

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
        """The decoded JSON body, or the body as text if it isn't JSON."""
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
        """One dead letter. Raises Refused (NOT_FOUND) if there is none with that number."""
        try:
            return _from_stream(await self._jetstream.get_msg(self._stream, sequence))
        except NotFoundError as error:
            raise Refused(f"there is no dead letter {sequence} in {self._stream}", code="NOT_FOUND") from error

    async def replay(self, sequence: int) -> Letter:
        """Publish the event again for the failed consumer, and drop the letter. Returns the letter.

        Raises Refused if there is no such letter (NOT_FOUND), or if its body is incomplete (CUT).
        """
        letter = await self.get(sequence)
        if CUT in letter.headers:
            raise Refused(f"dead letter {sequence} has only {letter.headers[CUT]}: it can't be replayed", code="CUT")
        headers = {name: value for name, value in own_headers(letter.headers).items() if not name.startswith(_PREFIX)}
        headers |= {MESSAGE_ID: str(uuid.uuid4()), "ce-id": letter.event_id, REPLAY_FOR: letter.consumer}
        subject = from_outside(letter.subject) if letter.consumer == EARLIER_INTAKE else letter.subject
        await self._jetstream.publish(self._mode.subject(subject), letter.body, headers=headers, timeout=5)
        await self.drop(sequence)
        return letter

    async def drop(self, sequence: int) -> None:
        """Delete a letter for good. Raises Refused (NOT_FOUND)."""
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
    """The letter for `message`, of at most `limit` bytes including headers."""
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
    """The event's own headers without `dlq-*`, which are reserved: a sender's `dlq-cut` would prevent a replay."""
    return {
        name: value for name, value in headers.items() if _NAME.fullmatch(name) and not name.lower().startswith("dlq-")
    }


def _one_line(text: str) -> str:
    """A header's value: one line of printable ASCII, bounded."""
    return " ".join(text.split()).encode("ascii", "backslashreplace").decode()[:_LONGEST_REASON]
