"""Publishing to JetStream: acknowledged, with a message id, or an error that says that NATS is away.

A publish that times out may be sent all the same when the connection is back: only the message id makes a second
try safe, which is why none goes without.
"""

from datetime import datetime

import nats.errors
import nats.js.errors
from faststream.nats import NatsBroker

from shared.bus.envelope import CORRELATION_ID, MESSAGE_ID, encode
from shared.errors import DependencyUnavailable
from shared.events import Event
from shared.subjects import DEAD_LETTER_PREFIX, STREAM_SUBJECTS, Mode, Stream, split_mode

NATS_ERRORS = (nats.errors.Error, nats.js.errors.Error, OSError)


def stream_of(subject: str) -> str:
    """The name of the stream that holds `subject` (with its mode)."""
    mode, name = split_mode(subject)
    if name.startswith(f"{DEAD_LETTER_PREFIX}."):
        return mode.stream(Stream.DLQ)
    return mode.stream(Stream.METRICS if name in STREAM_SUBJECTS[Stream.METRICS] else Stream.ECP)


class EventPublisher:
    """Says events in the name of one service."""

    def __init__(self, broker: NatsBroker, source: str, publish_timeout: float) -> None:
        self._broker = broker
        self._source = source
        self._timeout = publish_timeout

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
        """Publish, and wait until the stream has it. Raises DependencyUnavailable when it can't be known."""
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

    async def publish_encoded(self, subject: str, body: bytes, headers: dict[str, str]) -> None:
        """The same for an event that has been encoded before, as an outbox stores it."""
        if MESSAGE_ID not in headers:
            raise ValueError(f"an event on {subject} without {MESSAGE_ID} could not be published twice safely")
        try:
            await self._broker.publish(
                body,
                subject,
                headers=headers,
                correlation_id=headers.get(CORRELATION_ID),
                stream=stream_of(subject),
                timeout=self._timeout,
            )
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"{subject} was not acknowledged ({error or type(error)})") from error
