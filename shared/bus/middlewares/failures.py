"""What happens to an event whose handler fails.

    DependencyUnavailable   held: the handler is called again until the dependency is back. Neither this nor a stop in
                            between counts as an attempt (`shared.bus.delivery_attempts`)
    TemporaryError          retried after its delay, or with exponential back-off
    any other exception     the same, because a bug may depend on circumstances
    PermanentError          dead-lettered at once
    too many attempts       dead-lettered before the handler runs, because the handler may kill its process

A dead letter keeps the event's body and headers, and adds headers with the reason and the consumer
(`shared.bus.dead_letters`). Of an unexpected exception it has the type and the first line only, because further lines
may quote SQL with its parameters.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn, TypeVar

import structlog
from faststream import BaseMiddleware
from faststream.exceptions import HandlerException, NackMessage, RejectMessage
from faststream.nats import NatsMessage
from nats.aio.msg import Msg

from shared.bus.dead_letters import letter_for
from shared.bus.delivery_attempts import AttemptBucket, DeliveryAttempts
from shared.bus.middlewares.context import current_delivery
from shared.bus.middlewares.metrics import BusMetrics
from shared.bus.publishing import EventPublisher
from shared.errors import DependencyUnavailable, EcpError, PermanentError, TemporaryError
from shared.process.backoff import Backoff
from shared.process.backoff import delay as backoff_delay
from shared.subjects import DEAD_LETTER_PREFIX

T = TypeVar("T")
_log = structlog.get_logger(__name__)
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 30.0
"""Seconds until a retry."""
_FIRST_HOLD, _LONGEST_HOLD = 0.1, 5.0
"""Seconds between calls of the handler while a dependency is unavailable."""
_LONGEST_SUMMARY = 300
HEARTBEAT = 5.0
"""Seconds between the progress reports of a handler; a third of the consumers' `ack_wait`."""


@dataclass
class FailureRules:
    """The policy's collaborators, shared by all messages of a process."""

    publisher: EventPublisher
    metrics: BusMetrics
    max_attempts: int
    attempts: AttemptBucket
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at a stop: held events go back to the stream."""


class FailurePolicy(BaseMiddleware[Any, Any]):
    """The policy as a middleware of FastStream."""

    def __init__(self, msg: Any, /, *, context: Any, rules: FailureRules) -> None:
        super().__init__(msg, context=context)
        self._rules = rules

    async def consume_scope(self, call_next: Any, msg: Any) -> Any:
        heartbeat = asyncio.create_task(_report_progress(msg))
        try:
            return await GuardedCall(msg.raw_message, self._rules).run(partial(call_next, msg))
        finally:
            heartbeat.cancel()


class GuardedCall:
    """Turns a handler's exceptions into holding, retries and dead letters. Its event must be the current delivery."""

    def __init__(self, message: Msg, rules: FailureRules) -> None:
        self._message = message
        self._rules = rules
        self._delivery = current_delivery()
        self._attempts = DeliveryAttempts(rules.attempts, self._delivery, rules.max_attempts)

    async def run(self, handle: Callable[[], Awaitable[T]]) -> T:
        """Call `handle`. Raises AckMessage, NackMessage or RejectMessage for all that isn't success."""
        try:
            return await self._hold(handle)
        except HandlerException:
            raise
        except PermanentError as error:
            return await self._dead_letter(error)
        except TemporaryError as error:
            return await self._retry(error, error.delay)
        except Exception as error:
            failure = EcpError(_summary(error))
            _log.error(
                f"A handler failed unexpectedly: {failure.message}",
                action="handler-failed",
                consumer=self._delivery.durable,
                exception="".join(traceback.format_tb(error.__traceback__)),
            )
            return await self._retry(failure, None)

    async def _hold(self, handle: Callable[[], Awaitable[T]]) -> T:
        """Call the handler until its dependencies are available."""
        backoff = Backoff(_FIRST_HOLD, _LONGEST_HOLD)
        while True:
            try:
                await self._attempts.begin()
                return await handle()
            except DependencyUnavailable as error:
                self._rules.metrics.held.labels(self._delivery.durable, error.name).inc()
                _log.warning(f"Waiting: {error.message}", action="hold", consumer=self._delivery.durable)
                await self._attempts.revoke()
                if await _is_set_within(self._rules.stopping, backoff.next()):
                    raise NackMessage from error

    async def _retry(self, error: EcpError, delay: float | None) -> NoReturn:
        if self._attempts.count >= self._rules.max_attempts:
            await self._dead_letter(error)
        await self._attempts.confirm()
        if delay is None:
            delay = backoff_delay(self._attempts.count, first=_FIRST_DELAY, longest=_LONGEST_DELAY)
        self._rules.metrics.retries.labels(self._delivery.durable).inc()
        _log.warning(f"Retrying in {delay:g} s: {error.message}", action="retry", attempt=self._attempts.count)
        raise NackMessage(delay=delay)

    async def _dead_letter(self, error: EcpError) -> NoReturn:
        """Store a dead letter and reject the event. If that fails, the event stays in its stream and is redelivered."""
        delivery = self._delivery
        _log.error(
            f"An event can't be handled: {error.message}",
            action="dead-letter",
            code=error.code,
            consumer=delivery.durable,
        )
        self._rules.metrics.dead_letters.labels(delivery.durable, error.code).inc()
        if not delivery.subject.startswith(f"{DEAD_LETTER_PREFIX}."):
            await self._publish_dead_letter(error)
        raise RejectMessage

    async def _publish_dead_letter(self, error: EcpError) -> None:
        publisher = self._rules.publisher
        letter = letter_for(self._message, self._delivery, error, self._attempts.count, publisher.limit)
        try:
            await publisher.publish_encoded(*letter)
        except (DependencyUnavailable, PermanentError) as failure:
            _log.warning(f"Dead letter not stored, retrying: {failure.message}", action="dead-letter-waits")
            raise NackMessage(delay=_LONGEST_HOLD) from failure


def _summary(error: Exception) -> str:
    """The exception's type and first line."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:_LONGEST_SUMMARY]


async def _report_progress(msg: NatsMessage) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT)
        await msg.in_progress()


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
