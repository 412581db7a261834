"""How often an event has been tried. A try is a handler that was begun and neither finished nor held nor given back.

The server's count of deliveries is none of it: an event also comes again after a stop, and after an outage of NATS in
which nobody could show life. So a mark is kept for each event that was given out before, written before the handler
runs, since the handler may kill its process, and taken back when the event is held. The first delivery writes none,
which is why the usual way costs nothing, and why a crash at it is forgiven: one that crashes its worker each time is
begun once more than `max_attempts`.

A mark that can't be taken back, because NATS is what is away, stays until the process has NATS again; a stop in
between costs that one try.
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
"""The bucket of marks of a mode. Raises DependencyUnavailable."""


class DeliveryAttempts:
    """The tries of one event by one consumer, as one delivery of it sees them."""

    def __init__(self, marks: AttemptBucket, delivery: Delivery, limit: int) -> None:
        self._marks = marks
        self._delivery = delivery
        self._limit = limit
        self._earlier: int | None = None
        self._marked: int | None = None
        # With the time, since a stream that lost its end gives the same numbers to other events.
        self._key = f"{delivery.durable}.{delivery.sequence}.{int(delivery.time.timestamp() * 1e6)}"

    @property
    def count(self) -> int:
        """This one included, but never more than the limit."""
        return min((self._earlier or 0) + 1, self._limit)

    async def begin(self) -> None:
        """Count this try. PermanentError if there were too many; DependencyUnavailable if that can't be known."""
        if self._earlier is None:
            self._earlier = self._marked = await self._read() if self._delivery.attempt > 1 else 0
        if self._earlier >= self._limit:
            raise PermanentError(f"not finished in {self._limit} tries")
        if self._delivery.attempt > 1:
            await self._mark(self._earlier + 1)

    async def take_back(self) -> None:
        """It was none: the event is held, or goes back to the stream."""
        await self._try_to_mark(self._earlier)

    async def keep(self) -> None:
        """It was one, and there will be another."""
        await self._try_to_mark(self.count)

    async def _try_to_mark(self, tries: int | None) -> None:
        if tries is not None:
            with suppress(DependencyUnavailable):
                await self._mark(tries)

    async def _read(self) -> int:
        try:
            return int((await (await self._marks(self._delivery.mode)).get(self._key)).value or b"0")
        except KeyNotFoundError:
            return 0
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"the tries of {self._key} can't be read ({error!r})") from error

    async def _mark(self, tries: int) -> None:
        if self._marked == tries:
            return
        self._marked = None
        try:
            await (await self._marks(self._delivery.mode)).put(self._key, b"%d" % tries)
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"the tries of {self._key} can't be kept ({error!r})") from error
        self._marked = tries
