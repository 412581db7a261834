"""What becomes of an event whose handler fails.

    DependencyUnavailable   held: the handler is called again until the dependency is back. It never counts, nor does a
                            stop meanwhile, though the event is then delivered again (`shared.bus.delivery_attempts`)
    TemporaryError          another try after its delay, or after an exponential back-off
    any other exception     the same: a bug may be one of circumstances
    PermanentError          a dead letter, at once
    too many tries          a dead letter, decided before the handler runs, since the handler may kill its process

A dead letter keeps the event's body and headers, and adds headers with the reason and the consumer
(`shared.bus.dead_letters`). Of an unexpected exception it has the type and the first line only, because further lines
may quote SQL with its parameters.
"""

import asyncio
import traceback
from dataclasses import dataclass, field
from typing import Any

import structlog
from faststream import BaseMiddleware
from faststream.exceptions import HandlerException, NackMessage, RejectMessage
from faststream.nats import NatsMessage

from shared.bus.dead_letters import letter_for
from shared.bus.delivery_attempts import AttemptBucket, DeliveryAttempts
from shared.bus.envelope import Delivery
from shared.bus.middlewares.context import current_delivery
from shared.bus.middlewares.metrics import BusMetrics
from shared.bus.publishing import EventPublisher
from shared.errors import DependencyUnavailable, EcpError, PermanentError, TemporaryError
from shared.subjects import DEAD_LETTER_PREFIX

_log = structlog.get_logger(__name__)
_LONGEST_DELAY = 30.0
_LONGEST_HOLD = 5.0
_LONGEST_SUMMARY = 300
HEARTBEAT = 5.0
"""Seconds between two signs of life of a handler; a third of the consumers' `ack_wait`."""


@dataclass
class FailureRules:
    """What the policy needs, shared by all messages of a process."""

    publisher: EventPublisher
    metrics: BusMetrics
    max_attempts: int
    marks: AttemptBucket
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process ends: a held event goes back to the stream."""


class FailurePolicy(BaseMiddleware[Any, Any]):
    def __init__(self, msg: Any, /, *, context: Any, rules: FailureRules) -> None:
        super().__init__(msg, context=context)
        self._rules = rules

    async def consume_scope(self, call_next: Any, msg: Any) -> Any:
        delivery = current_delivery()
        tries = DeliveryAttempts(self._rules.marks, delivery, self._rules.max_attempts)
        heartbeat = asyncio.create_task(_show_life(msg))
        try:
            return await self._hold(call_next, msg, delivery, tries)
        except HandlerException:
            raise
        except PermanentError as error:
            await self._bury(msg, delivery, error, tries)
        except TemporaryError as error:
            await self._put_off(msg, delivery, error, tries, error.delay)
        except Exception as error:
            failure = EcpError(_summary(error))
            _log.error(
                f"A handler failed unexpectedly: {failure.message}",
                action="handler-failed",
                consumer=delivery.durable,
                exception="".join(traceback.format_tb(error.__traceback__)),
            )
            await self._put_off(msg, delivery, failure, tries, None)
        finally:
            heartbeat.cancel()

    async def _hold(self, call_next: Any, msg: NatsMessage, delivery: Delivery, tries: DeliveryAttempts) -> Any:
        """Call the handler until no dependency is missing."""
        wait = 0.1
        while True:
            try:
                await tries.begin()
                return await call_next(msg)
            except DependencyUnavailable as error:
                self._rules.metrics.held.labels(delivery.durable, error.name).inc()
                _log.warning(f"Waiting: {error.message}", action="hold", consumer=delivery.durable)
                await tries.take_back()
                if await _is_set_within(self._rules.stopping, wait):
                    raise NackMessage from error
                wait = min(wait * 2, _LONGEST_HOLD)

    async def _put_off(
        self, msg: NatsMessage, delivery: Delivery, error: EcpError, tries: DeliveryAttempts, delay: float | None
    ) -> None:
        if tries.count >= self._rules.max_attempts:
            await self._bury(msg, delivery, error, tries)
        await tries.keep()
        delay = min(0.25 * 2.0**tries.count, _LONGEST_DELAY) if delay is None else delay
        self._rules.metrics.retries.labels(delivery.durable).inc()
        _log.warning(f"Another try in {delay:g} s: {error.message}", action="retry", attempt=tries.count)
        raise NackMessage(delay=delay)

    async def _bury(self, msg: NatsMessage, delivery: Delivery, error: EcpError, tries: DeliveryAttempts) -> None:
        """Make it a dead letter. If even that can't be said, the event stays where it is and comes again."""
        _log.error(
            f"An event can't be handled: {error.message}",
            action="dead-letter",
            code=error.code,
            consumer=delivery.durable,
        )
        self._rules.metrics.dead_letters.labels(delivery.durable, error.code).inc()
        if not delivery.subject.startswith(f"{DEAD_LETTER_PREFIX}."):
            await self._publish_dead_letter(msg, delivery, error, tries.count)
        raise RejectMessage

    async def _publish_dead_letter(self, msg: NatsMessage, delivery: Delivery, error: EcpError, attempts: int) -> None:
        publisher = self._rules.publisher
        letter = letter_for(msg.raw_message, delivery, error, attempts, publisher.limit)
        try:
            await publisher.publish_encoded(*letter)
        except (DependencyUnavailable, PermanentError) as failure:
            _log.warning(f"The dead letter has to wait: {failure.message}", action="dead-letter-waits")
            raise NackMessage(delay=_LONGEST_HOLD) from failure


def _summary(error: Exception) -> str:
    """The exception's type and first line."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:_LONGEST_SUMMARY]


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
