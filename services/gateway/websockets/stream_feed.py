"""One ordered reader for each stream and mode, fanned out to this process's sockets.

A socket reads its snapshot from PostgreSQL, which lags behind the stream. So a feed begins where the rows end (at the
acknowledgement floor of the durable that writes them) and keeps the recent messages: whoever subscribes first and reads
the rows then finds everything that the rows don't have among the recent messages or in its queue.

The reader is a push consumer without acknowledgements. Its numbers are checked: after a gap, a silence or a
reconnect it is made again at the last message, so that sockets see each message once and in order. If that message is
no longer what it was, the stream has lost its end or was made again: then the feed begins as at its start.
"""

import asyncio
import secrets
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, Header
from pydantic import ValidationError

from shared.bus.envelope import CORRELATION_ID
from shared.bus.publishing import NATS_ERRORS
from shared.events import EVENTS, Event
from shared.subjects import Mode, Stream, split_mode

P = TypeVar("P")
_log = structlog.get_logger(__name__)
_HEARTBEAT = 1.0
_SILENCE = 4.0
"""Seconds without a message or a heartbeat until the consumer is taken for lost."""
_PAUSE = 0.5
_FORGOTTEN_AFTER = 30.0
"""Seconds until NATS removes a consumer that nobody reads any more."""


@dataclass(frozen=True, slots=True)
class Message(Generic[P]):
    """What sockets need of an event. `seq` and `time` are the stream's."""

    seq: int
    topic: str
    time: datetime
    correlation_id: str
    content: P


class Subscription(Generic[P]):
    """A bounded queue for one socket. What a slow one misses is the oldest, and it is counted."""

    def __init__(self, recent: Sequence[Message[P]], limit: int, forgotten: int) -> None:
        self.recent = recent
        """What came lately, before the subscription."""
        self.forgotten = forgotten
        """The latest message of any topic that is no longer among the recent ones; 0 if none is missing."""
        self._queue: deque[Message[P]] = deque()
        self._limit = limit
        self._missed = 0
        self._filled = asyncio.Event()
        self._poked = False

    def put(self, message: Message[P]) -> bool:
        """Queue a message; False if another had to go for it."""
        full = len(self._queue) >= self._limit
        if full:
            self._queue.popleft()
            self._missed += 1
        self._queue.append(message)
        self._filled.set()
        return not full

    def poke(self) -> None:
        """Make `get` return though there may be no message."""
        self._poked = True
        self._filled.set()

    async def get(self) -> tuple[int, Message[P] | None]:
        """How many messages were missed, and the next one; None after a poke. Nothing is lost if it is cancelled."""
        while not self._queue and not self._poked:
            self._filled.clear()
            await self._filled.wait()
        self._poked = False
        missed, self._missed = self._missed, 0
        return missed, self._queue.popleft() if self._queue else None


class Lost(Exception):
    """The consumer has a gap or is silent, or the stream isn't the one that was read before."""


class Feed(Generic[P]):
    """The messages of one stream and mode, by topic."""

    def __init__(
        self,
        mode: Mode,
        stream: Stream,
        read: Callable[[Event], tuple[str, P] | None],
        *,
        subjects: Sequence[str],
        behind: str | None,
        keep: int,
        queue: int,
        on_missed: Callable[[], None],
    ) -> None:
        """`read` gives an event's topic and content, or None for what no socket wants.

        `behind` names the durable whose progress is the beginning; None begins with what comes.
        """
        self.mode = mode
        self.last_seq = 0
        self._last_time: datetime | None = None
        self._stream = mode.stream(stream)
        self._read = read
        self._subjects = [mode.subject(subject) for subject in subjects]
        self._behind = behind
        self._recent: deque[Message[P]] = deque(maxlen=keep)
        self._forgotten = 0
        self._queue = queue
        self._on_missed = on_missed
        self._subscriptions: defaultdict[str, set[Subscription[P]]] = defaultdict(set)

    @contextmanager
    def subscribe(self, topic: str) -> Iterator[Subscription[P]]:
        """Everything of `topic` from now on, and what came lately."""
        recent = [message for message in self._recent if message.topic == topic]
        subscription = Subscription(recent, self._queue, self._forgotten)
        self._subscriptions[topic].add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions[topic].discard(subscription)
            if not self._subscriptions[topic]:
                del self._subscriptions[topic]

    async def run(self, connection: Callable[[], Client]) -> None:
        """Follow the stream until cancelled."""
        while True:
            try:
                await self._follow(connection())
            except (Lost, TimeoutError, *NATS_ERRORS) as error:
                _log.info(f"Reading {self._stream} anew: {error or type(error).__name__}", action="read-anew")
            await asyncio.sleep(_PAUSE)

    async def _follow(self, client: Client) -> None:
        jetstream = client.jetstream()
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox)
        name: str | None = None
        try:
            config = self._config(inbox, await self._first(client))
            name = (await jetstream.add_consumer(self._stream, config)).name
            await self._consume(subscription.next_msg)
        finally:
            with suppress(*NATS_ERRORS):
                await subscription.unsubscribe()
                if name is not None and client.is_connected:
                    await jetstream.delete_consumer(self._stream, name)

    async def _consume(self, next_message: Callable[[float], Awaitable[Msg]]) -> None:
        count = 0
        while True:
            message = await next_message(_SILENCE)
            headers = message.headers or {}
            if Header.STATUS in headers:
                if int(headers.get(Header.LAST_CONSUMER, count)) != count:
                    raise Lost("messages are missing")
                continue
            count += 1
            if message.metadata.sequence.consumer != count:
                raise Lost("messages are missing")
            if count == 1 and self._last_time is not None:
                if not self._is_last(message):
                    self._forget()
                    raise Lost("the stream has lost its end")
                continue
            self._receive(message)

    async def _first(self, client: Client) -> int:
        """The sequence to begin with."""
        jetstream = client.jetstream()
        last = (await jetstream.stream_info(self._stream)).state.last_seq
        if self.last_seq > last:
            # The stream was made again, or has lost its end.
            self._forget()
        if self.last_seq:
            # The last one once more: where it is another one, or gone, the numbers after it are no longer the same.
            return self.last_seq
        if self._behind is None:
            return last + 1
        info = await jetstream.consumer_info(self._stream, self._behind)
        # After a loss the floor is 0, though nothing that was delivered is open.
        done = info.ack_floor if info.num_ack_pending else info.delivered
        return (done.stream_seq if done else 0) + 1

    def _is_last(self, message: Msg) -> bool:
        metadata = message.metadata
        return (metadata.sequence.stream, metadata.timestamp) == (self.last_seq, self._last_time)

    def _forget(self) -> None:
        self._recent.clear()
        self.last_seq = self._forgotten = 0
        self._last_time = None

    def _config(self, inbox: str, first: int) -> ConsumerConfig:
        return ConsumerConfig(
            # A name of its own choice, which its permissions need: without one the request could mean any consumer.
            name=f"gateway-feed-{secrets.token_hex(8)}",
            deliver_subject=inbox,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=first,
            ack_policy=AckPolicy.NONE,
            max_deliver=1,
            filter_subjects=self._subjects,
            idle_heartbeat=_HEARTBEAT,
            inactive_threshold=_FORGOTTEN_AFTER,
            mem_storage=True,
            num_replicas=1,
        )

    def _receive(self, message: Msg) -> None:
        metadata = message.metadata
        self.last_seq, self._last_time = metadata.sequence.stream, metadata.timestamp
        try:
            found = self._read(EVENTS[split_mode(message.subject)[1]].model_validate_json(message.data))
        except (ValidationError, KeyError):
            # The bus makes a dead letter of it, with the reason.
            return
        if found is None:
            return
        topic, content = found
        correlation_id = (message.headers or {}).get(CORRELATION_ID, "")
        self._fan_out(Message(self.last_seq, topic, metadata.timestamp, correlation_id, content))

    def _fan_out(self, message: Message[P]) -> None:
        if len(self._recent) == self._recent.maxlen:
            self._forgotten = self._recent[0].seq
        self._recent.append(message)
        for subscription in self._subscriptions.get(message.topic, ()):
            if not subscription.put(message):
                self._on_missed()
