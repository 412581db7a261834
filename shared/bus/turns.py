"""Reading the events of other systems in turn: one from each that has any, whatever number waits behind it.

Each system has a stream (`shared.systems`), with a consumer of the durable's name in it. A reader goes round them, so
that an event waits for one event of each other system at most, and not for the thousands that one of them published
before it. A consumer gives out one event at a time: one system can't occupy all readers, and the order of its events is
kept. Streams are looked for from time to time, so that a system that is added needs no restart here.
"""

import json
import time
from collections.abc import Callable

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.bus.publishing import NATS_ERRORS
from shared.bus.pull_subscription import PullSubscription
from shared.subjects import OUTSIDE_PREFIX, Durable, Mode
from shared.systems import stream_of_system

_LOOK_EVERY = 5.0
"""Seconds between two looks for streams of systems."""
_IDLE = 0.5
"""Seconds that a reader waits when no system has an event; the longest that the first one then waits."""
_ANSWER = 2.0
"""Seconds that the server has for an answer."""
_AT_ONCE = b'{"batch": 1, "no_wait": true}'


class Turns:
    """Stands in for a subscriber's subscription, as `PullSubscription` does; that one serves the system `outside`."""

    def __init__(self, own: PullSubscription, mode: Mode, durable: Durable, client: Callable[[], Client]) -> None:
        self._own = own
        self._mode = mode
        self._durable = durable
        self._client = client
        self._queue = [mode.stream(durable.stream)]
        """The streams, in the order of their turns."""
        self._looked: float | None = None
        self._ended = False

    async def fetch(self, batch: int = 1, timeout: float = 1.0) -> list[Msg]:
        """The next event. TimeoutError if there is none in `timeout` seconds, which is never over before."""
        deadline = time.monotonic() + timeout
        while not self._ended:
            await self._look()
            if len(self._queue) > 1 and (message := await self._next()) is not None:
                return [message]
            rest = deadline - time.monotonic()
            if rest <= 0:
                raise nats.errors.TimeoutError
            try:
                return await self._own.fetch(batch, min(rest, _IDLE) if len(self._queue) > 1 else rest)
            except nats.errors.TimeoutError:
                continue
        return await self._own.fetch(batch, timeout)

    async def unsubscribe(self) -> None:
        """Take no more; no request for an event stays open."""
        self._ended = True
        await self._own.unsubscribe()

    async def _next(self) -> Msg | None:
        """One event of the first system that has one, which goes to the end of the queue then."""
        for stream in list(self._queue):
            message = None if self._ended else await self._ask(stream)
            if message is not None:
                self._queue.remove(stream)
                self._queue.append(stream)
                return message
        return None

    async def _ask(self, stream: str) -> Msg | None:
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{self._durable.name}"
        try:
            # Not the client's common inbox: an event comes under its own subject, and not under the inbox's.
            message = await self._client().request(subject, _AT_ONCE, timeout=_ANSWER, old_style=True)
        except NATS_ERRORS:
            return None
        return message if message.reply.startswith("$JS.ACK.") else None

    async def _look(self) -> None:
        """Bring the queue up to the streams that there are. While NATS is away, those of the last look count."""
        now = time.monotonic()
        if self._looked is not None and now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        body = json.dumps({"subject": self._mode.subject(f"{OUTSIDE_PREFIX}.>")}).encode()
        try:
            answer = await self._client().request("$JS.API.STREAM.NAMES", body, timeout=_ANSWER)
            names = set(json.loads(answer.data).get("streams") or ())
        except (*NATS_ERRORS, ValueError):
            return
        named = {each for each in names if each.startswith(stream_of_system(self._mode, ""))}
        wanted = {self._mode.stream(self._durable.stream), *named}
        self._queue = [each for each in self._queue if each in wanted] + sorted(wanted - set(self._queue))
