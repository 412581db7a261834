"""Publishes to JetStream with a message id and waits for the acknowledgement.

A message that can never be accepted (an invalid subject or header, or too large) raises a permanent error, because
waiting for NATS would not help. The client only checks the size of the body; if the headers exceed the limit, the
server closes the connection, and with it everything else that this process does.

A publish that timed out may still be sent when the connection is back. Only the message id makes a retry safe, so no
message is published without one.
"""

import time as clock
from collections.abc import Mapping
from datetime import datetime

import nats.errors
import nats.js.errors
from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.js import JetStreamContext

from shared.bus.envelope import MESSAGE_ID, encode
from shared.errors import DependencyUnavailable, PermanentError
from shared.events import Event
from shared.subjects import DEAD_LETTER_PREFIX, STREAM_SUBJECTS, Mode, Stream, split_mode, split_outside
from shared.systems import is_named, stream_of_system

NATS_ERRORS = (nats.errors.Error, nats.js.errors.Error, OSError)
_MALFORMED = (nats.errors.BadSubjectError, nats.errors.BadHeaderError, nats.errors.MaxPayloadError)
_NEVER_STORED = {10054: "the message is too large for its stream", 10097: "the headers are larger than 64 KiB"}
"""JetStream's error codes for messages that a stream of this configuration never accepts."""
_FAILED_FOR = 10.0
"""Seconds in which NATS counts as unwritable after a failed publish, unless a later one succeeds."""
_ADDED = 1024
"""Bytes: a generous bound for the headers that FastStream and the client add, and for the protocol."""


def stream_of(subject: str) -> str:
    """The name of the stream that holds `subject` (with its mode)."""
    mode, name = split_mode(subject)
    if name.startswith(f"{DEAD_LETTER_PREFIX}."):
        return mode.stream(Stream.DLQ)
    system, _ = split_outside(name)
    if system:
        return stream_of_system(mode, system) if is_named(system) else mode.stream(Stream.OUTSIDE)
    return mode.stream(Stream.METRICS if name in STREAM_SUBJECTS[Stream.METRICS] else Stream.ECP)


def size_of(headers: Mapping[str, str], body: bytes = b"") -> int:
    """An upper bound of the bytes of a message as the server counts them."""
    text = "".join((*headers, *headers.values()))
    return _ADDED + len(body) + (len(text) if text.isascii() else len(text.encode())) + 4 * len(headers)


class EventPublisher:
    """Publishes events as one service."""

    def __init__(self, broker: NatsBroker, source: str, publish_timeout: float) -> None:
        self._broker = broker
        self._source = source
        self._timeout = publish_timeout
        self._failure: tuple[float, DependencyUnavailable] | None = None
        self._context: tuple[Client, JetStreamContext] | None = None

    async def check_writes(self) -> None:
        """Raise DependencyUnavailable if the last publish failed recently: NATS answers even when its disk is full."""
        if self._failure is not None and clock.monotonic() - self._failure[0] < _FAILED_FOR:
            raise self._failure[1]

    async def publish(
        self,
        event: Event,
        *,
        mode: Mode,
        event_id: str,
        correlation_id: str,
        time: datetime | None = None,
        traceparent: str | None = None,
    ) -> None:
        """Publish and wait until the stream has stored the event.

        Raises DependencyUnavailable if that is unknown, and PermanentError if the stream will never accept it.
        """
        encoded = encode(
            event,
            mode=mode,
            event_id=event_id,
            correlation_id=correlation_id,
            source=self._source,
            time=time,
            traceparent=traceparent,
        )
        await self.publish_encoded(*encoded)

    @property
    def limit(self) -> int:
        """Bytes of the largest message that the server accepts, headers included."""
        return self._broker.connection.max_payload

    def _jetstream(self) -> JetStreamContext:
        """The context of the present connection, made once for it."""
        client = self._broker.connection
        if self._context is None or self._context[0] is not client:
            self._context = (client, client.jetstream())
        return self._context[1]

    async def publish_encoded(self, subject: str, body: bytes, headers: dict[str, str]) -> None:
        """Publish an event that is already encoded, such as one from an outbox. Raises as `publish`."""
        if MESSAGE_ID not in headers:
            raise ValueError(f"an event on {subject} without {MESSAGE_ID} could not be published twice safely")
        if size_of(headers, body) > self.limit:
            raise _never(subject, f"with its headers it has more than the {self.limit} bytes that the server takes")
        try:
            # Not the broker's `publish`, which takes longer to wrap a message than the client to send it.
            await self._jetstream().publish(
                subject, body, headers={**headers}, stream=stream_of(subject), timeout=self._timeout
            )
            self._failure = None
        except _MALFORMED as error:
            raise _never(subject, str(error)) from error
        except NATS_ERRORS as error:
            if (reason := _NEVER_STORED.get(getattr(error, "err_code", 0))) is not None:
                raise _never(subject, reason) from error
            away = DependencyUnavailable("NATS", f"{subject} was not acknowledged ({error or type(error)})")
            self._failure = (clock.monotonic(), away)
            raise away from error


def _never(subject: str, reason: str) -> PermanentError:
    return PermanentError(f"an event on {subject[:200]} can't be published: {reason}", code="NOT_PUBLISHABLE")
