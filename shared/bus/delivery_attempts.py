"""Counts how often a handler was started for an event and neither finished, nor was held, nor gave the event back.

The server's delivery count (`num_delivered`) can't be used: it also counts the hand-backs at a stop, and deliveries
after an outage of NATS in which the handler could not report progress. So a counter is kept in a key-value bucket for
each event that was delivered before. It is written before the handler runs, because the handler may kill its process,
and decremented when the event is held. The first delivery writes no counter, so an event that crashes its worker each
time gets `max_attempts + 1` attempts.

A counter that can't be decremented, because NATS is unavailable, stays too high until NATS is back; a stop in between
costs the event that one attempt.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from shared.bus.envelope import Delivery
from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable, PermanentError
from shared.subjects import Mode

AttemptBucket = Callable[[Mode], Awaitable[KeyValue]]
"""Opens the bucket of counters of a mode. Raises DependencyUnavailable."""


class DeliveryAttempts:
    """The attempts of one event by one consumer, as one delivery of it sees them."""

    def __init__(self, bucket: AttemptBucket, delivery: Delivery, limit: int) -> None:
        self._bucket = bucket
        self._delivery = delivery
        self._limit = limit
        self._earlier: int | None = None
        """Attempts in earlier deliveries; None until it is known."""
        self._stored: int | None = None
        """What the bucket has; None if that isn't known."""

    @property
    def _key(self) -> str:
        """With the time, since a stream that lost its end gives the same sequence numbers to other events."""
        delivery = self._delivery
        return f"{delivery.durable}.{delivery.sequence}.{int(delivery.time.timestamp() * 1e6)}"

    @property
    def count(self) -> int:
        """Attempts including this one, at most the limit."""
        return min((self._earlier or 0) + 1, self._limit)

    async def begin(self) -> None:
        """Count this attempt. Raises PermanentError past the limit, DependencyUnavailable if the count is unknown."""
        if self._earlier is None:
            self._earlier = self._stored = await self._read() if self._delivery.attempt > 1 else 0
        if self._earlier >= self._limit:
            raise PermanentError(f"not finished in {self._limit} attempts")
        if self._delivery.attempt > 1:
            await self._store(self._earlier + 1)

    async def revoke(self) -> None:
        """Don't count this attempt: the event is held, or goes back to the stream."""
        await self._try_to_store(self._earlier)

    async def confirm(self) -> None:
        """Count this attempt, and expect another delivery."""
        await self._try_to_store(self.count)

    async def _try_to_store(self, attempts: int | None) -> None:
        if attempts is not None:
            with suppress(DependencyUnavailable):
                await self._store(attempts)

    async def _read(self) -> int:
        try:
            return int((await (await self._bucket(self._delivery.mode)).get(self._key)).value or b"0")
        except KeyNotFoundError:
            return 0
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"the attempts of {self._key} can't be read ({error!r})") from error

    async def _store(self, attempts: int) -> None:
        if self._stored == attempts:
            return
        self._stored = None
        try:
            await (await self._bucket(self._delivery.mode)).put(self._key, b"%d" % attempts)
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"the attempts of {self._key} can't be stored ({error!r})") from error
        self._stored = attempts
