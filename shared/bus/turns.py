"""Reads the events of other systems round-robin: one event of each system that has any.

Each system has a stream (`shared.systems`) with a consumer of the durable's name. So an event waits for at most one
event of each other system, however many one of them published before. A consumer delivers one event at a time: one
system can't occupy all readers, and the order of its events is kept. The list of streams is refreshed from time to
time, so that adding a system needs no restart.
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

_REFRESH_SECONDS = 5.0
"""Seconds between two refreshes of the list of streams."""
_IDLE_SECONDS = 0.5
"""Seconds that a reader waits if no system has an event, and therefore the longest delay of the next one."""
_REQUEST_TIMEOUT = 2.0
"""Seconds until a request to the server times out."""
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
        self._refreshed_at: float | None = None
        self._ended = False

    async def fetch(self, batch: int = 1, timeout: float = 1.0) -> list[Msg]:
        """The next event. TimeoutError if none arrives within `timeout` seconds, and never earlier."""
        deadline = time.monotonic() + timeout
        while not self._ended:
            await self._refresh()
            if len(self._queue) > 1 and (message := await self._next()) is not None:
                return [message]
            rest = deadline - time.monotonic()
            if rest <= 0:
                raise nats.errors.TimeoutError
            try:
                return await self._own.fetch(batch, min(rest, _IDLE_SECONDS) if len(self._queue) > 1 else rest)
            except nats.errors.TimeoutError:
                continue
        return await self._own.fetch(batch, timeout)

    def request_again(self) -> None:
        """As `PullSubscription` does; the other systems' streams are asked every half second."""
        self._own.request_again()

    async def unsubscribe(self) -> None:
        """Stop pulling; no request for an event stays open."""
        self._ended = True
        await self._own.unsubscribe()

    async def _next(self) -> Msg | None:
        """One event of the first system that has one; that system moves to the end of the queue."""
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
            # Not the client's common inbox: an event arrives with its own subject, and not with the inbox's.
            message = await self._client().request(subject, _AT_ONCE, timeout=_REQUEST_TIMEOUT, old_style=True)
        except NATS_ERRORS:
            return None
        return message if message.reply.startswith("$JS.ACK.") else None

    async def _refresh(self) -> None:
        """Refresh the queue with the streams that exist. While NATS is unavailable it stays as it is."""
        now = time.monotonic()
        if self._refreshed_at is not None and now - self._refreshed_at < _REFRESH_SECONDS:
            return
        self._refreshed_at = now
        body = json.dumps({"subject": self._mode.subject(f"{OUTSIDE_PREFIX}.>")}).encode()
        try:
            answer = await self._client().request("$JS.API.STREAM.NAMES", body, timeout=_REQUEST_TIMEOUT)
            names = set(json.loads(answer.data).get("streams") or ())
        except (*NATS_ERRORS, ValueError):
            return
        named = {each for each in names if each.startswith(stream_of_system(self._mode, ""))}
        wanted = {self._mode.stream(self._durable.stream), *named}
        self._queue = [each for each in self._queue if each in wanted] + sorted(wanted - set(self._queue))
