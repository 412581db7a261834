"""What becomes of an event whose handler fails.

    DependencyUnavailable   held: the handler is called again until the dependency is back. It never counts.
    TemporaryError          another try after its delay, or after an exponential back-off
    any other exception     the same: a bug may be one of circumstances
    PermanentError          a dead letter, at once
    too many tries          a dead letter, decided before the handler runs, since the handler may kill its process

A dead letter keeps body and headers, and says in headers of its own why and for which consumer.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import structlog
from faststream import BaseMiddleware
from faststream.exceptions import HandlerException, NackMessage, RejectMessage
from faststream.nats import NatsMessage

from shared.bus.envelope import MESSAGE_ID, Delivery, own_headers
from shared.bus.middlewares.context import current_delivery
from shared.bus.middlewares.metrics import BusMetrics
from shared.bus.publishing import EventPublisher
from shared.errors import DependencyUnavailable, EcpError, PermanentError, TemporaryError
from shared.subjects import DEAD_LETTER_PREFIX, dead_letter

_log = structlog.get_logger(__name__)
_LONGEST_DELAY = 30.0
_LONGEST_HOLD = 5.0
_LONGEST_REASON = 2000
HEARTBEAT = 5.0
"""Seconds between two signs of life of a handler; a third of the consumers' `ack_wait`."""


@dataclass
class FailureRules:
    """What the policy needs, shared by all messages of a process."""

    publisher: EventPublisher
    metrics: BusMetrics
    max_attempts: int
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process ends: a held event goes back to the stream."""


class FailurePolicy(BaseMiddleware[Any, Any]):
    def __init__(self, msg: Any, /, *, context: Any, rules: FailureRules) -> None:
        super().__init__(msg, context=context)
        self._rules = rules

    async def consume_scope(self, call_next: Any, msg: Any) -> Any:
        delivery = current_delivery()
        heartbeat = asyncio.create_task(_show_life(msg))
        try:
            if delivery.attempt > self._rules.max_attempts:
                await self._bury(msg, delivery, PermanentError(f"not finished in {self._rules.max_attempts} tries"))
            return await self._hold(call_next, msg, delivery)
        except HandlerException:
            raise
        except PermanentError as error:
            await self._bury(msg, delivery, error)
        except TemporaryError as error:
            await self._put_off(msg, delivery, error, error.delay)
        except Exception as error:
            _log.exception("A handler failed unexpectedly.", action="handler-failed", consumer=delivery.durable)
            await self._put_off(msg, delivery, EcpError(f"{type(error).__name__}: {error}"), None)
        finally:
            heartbeat.cancel()

    async def _hold(self, call_next: Any, msg: NatsMessage, delivery: Delivery) -> Any:
        """Call the handler until no dependency is missing."""
        wait = 0.1
        while True:
            try:
                return await call_next(msg)
            except DependencyUnavailable as error:
                self._rules.metrics.held.labels(delivery.durable, error.name).inc()
                _log.warning(f"Waiting: {error.message}", action="hold", consumer=delivery.durable)
                if await _is_set_within(self._rules.stopping, wait):
                    raise NackMessage from error
                wait = min(wait * 2, _LONGEST_HOLD)

    async def _put_off(self, msg: NatsMessage, delivery: Delivery, error: EcpError, delay: float | None) -> None:
        if delivery.attempt >= self._rules.max_attempts:
            await self._bury(msg, delivery, error)
        delay = min(0.25 * 2.0**delivery.attempt, _LONGEST_DELAY) if delay is None else delay
        self._rules.metrics.retries.labels(delivery.durable).inc()
        _log.warning(f"Another try in {delay:g} s: {error.message}", action="retry", attempt=delivery.attempt)
        raise NackMessage(delay=delay)

    async def _bury(self, msg: NatsMessage, delivery: Delivery, error: EcpError) -> None:
        """Make it a dead letter. If even that can't be said, the event stays where it is and comes again."""
        _log.error(
            f"An event can't be handled: {error.message}",
            action="dead-letter",
            code=error.code,
            consumer=delivery.durable,
        )
        self._rules.metrics.dead_letters.labels(delivery.durable, error.code).inc()
        if not delivery.subject.startswith(f"{DEAD_LETTER_PREFIX}."):
            await self._publish_dead_letter(msg, delivery, error)
        raise RejectMessage

    async def _publish_dead_letter(self, msg: NatsMessage, delivery: Delivery, error: EcpError) -> None:
        headers = {
            **own_headers(msg.raw_message.headers or {}),
            MESSAGE_ID: f"{delivery.event_id}:{delivery.durable}:{delivery.sequence}",
            "dlq-event-id": delivery.event_id,
            "dlq-subject": delivery.subject,
            "dlq-consumer": delivery.durable,
            "dlq-code": error.code,
            "dlq-reason": _one_line(error.message),
            "dlq-attempts": str(delivery.attempt),
        }
        try:
            await self._rules.publisher.publish_encoded(
                dead_letter(delivery.mode, delivery.subject), msg.raw_message.data, headers
            )
        except DependencyUnavailable as outage:
            raise NackMessage(delay=_LONGEST_HOLD) from outage


def _one_line(text: str) -> str:
    """A header's value: one line of printable ASCII, bounded."""
    return " ".join(text.split()).encode("ascii", "backslashreplace").decode()[:_LONGEST_REASON]


async def _show_life(msg: NatsMessage) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT)
        await msg.in_progress()


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
