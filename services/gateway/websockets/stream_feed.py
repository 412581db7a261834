"""One ordered reader for each stream and mode, whose messages are distributed to the sockets of this process.

A socket reads its snapshot from PostgreSQL, which lags behind the stream. Therefore a feed starts at the last message
that is projected into rows (the acknowledgement floor of the projection's durable) and keeps recent messages: a socket
that subscribes first and reads the rows second finds everything newer than the rows in the recent messages or its
queue.

The reader is a push consumer without acknowledgements. Its sequences are checked: after a gap, a silence or a
reconnect the consumer is created again at the last message, so that sockets get each message once and in order. If the
last message is another one, the stream lost its end or was created again, and the feed starts from the beginning.
"""

import asyncio
import secrets
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Generic, TypeVar

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, Header
from pydantic import ValidationError

from services.gateway.websockets.shared_text import SharedText
from shared.bus.envelope import CORRELATION_ID
from shared.bus.publishing import NATS_ERRORS
from shared.events import EVENTS, Event
from shared.subjects import Mode, Stream, split_mode

P = TypeVar("P")
_log = structlog.get_logger(__name__)
_HEARTBEAT = 1.0
_SILENCE = 4.0
"""Seconds without a message or heartbeat after which the consumer is considered lost."""
_PAUSE = 0.5
_READ_AHEAD = 100
_INACTIVE_AFTER = 30.0
"""Seconds until NATS deletes a consumer without a reader."""


@dataclass(frozen=True, slots=True)
class FeedMessage(Generic[P]):
    """The part of an event that sockets need. `seq` and `time` are those of the stream."""

    seq: int
    topic: str
    time: datetime
    correlation_id: str
    content: P


AtOnce = Callable[[FeedMessage[P]], bool]
"""Deals with a message at once, without waiting for anything; False if that is impossible."""


class FeedSubscription(Generic[P]):
    """A bounded queue for one socket. If it is full, the oldest message is dropped and counted."""

    def __init__(
        self, recent: Sequence[FeedMessage[P]], limit: int, forgotten: int, shared: SharedText | None = None
    ) -> None:
        self.shared = shared or SharedText()
        """What the sockets of the topic have in common."""
        self.text = self.shared.of
        """Encodes a message, once for all sockets of the topic that send the same one."""
        self.recent = recent
        """The recent messages from before the subscription."""
        self.forgotten = forgotten
        """The sequence of the latest message, of any topic, that is no longer recent; 0 if none was dropped."""
        self._queue: deque[FeedMessage[P]] = deque()
        self._limit = limit
        self._missed = 0
        self._filled = asyncio.Event()
        self._poked = False
        self._at_once: AtOnce[P] | None = None

    def forget_before(self, time: datetime) -> None:
        """Drop recent messages that the stream stored before `time`: they are of an earlier owner of the topic."""
        self.recent = [message for message in self.recent if message.time >= time]

    def put(self, message: FeedMessage[P]) -> bool:
        """Queue a message, unless the socket deals with it at once; False if another was dropped for it."""
        if self._at_once is not None and not self._queue and self._at_once(message):
            return True
        full = len(self._queue) >= self._limit
        if full:
            self._queue.popleft()
            self._missed += 1
        self._queue.append(message)
        self._filled.set()
        return not full

    def poke(self) -> None:
        """Make `get` return even without a message."""
        self._poked = True
        self._filled.set()

    async def get(self, at_once: AtOnce[P] | None = None) -> tuple[int, FeedMessage[P] | None]:
        """The number of dropped messages, and the next message (None after `poke`). Cancellation loses nothing.

        While it waits, `at_once` is asked first, which saves to wake the socket's task.
        """
        while not self._queue and not self._poked:
            self._filled.clear()
            self._at_once = at_once
            try:
                await self._filled.wait()
            finally:
                self._at_once = None
        self._poked = False
        missed, self._missed = self._missed, 0
        return missed, self._queue.popleft() if self._queue else None


class FeedInterrupted(Exception):
    """The consumer has a gap or is silent, or the stream isn't the same as before."""


class StreamFeed(Generic[P]):
    """The messages of one stream and mode, by topic."""

    def __init__(
        self,
        mode: Mode,
        stream: Stream,
        read: Callable[[Event], Iterable[tuple[str, P]]],
        *,
        subjects: Sequence[str],
        behind: str | None,
        keep: int,
        queue: int,
        on_missed: Callable[[], None],
        history: timedelta | None = None,
    ) -> None:
        """A feed that isn't running yet.

        Args:
            mode: the mode of the stream.
            stream: the stream to read.
            read: returns topic and content of each message in an event; none for an event that no socket needs.
            subjects: the subjects to read, without mode.
            behind: the durable at whose progress the feed starts; None starts with new messages.
            keep: recent messages that are kept for new sockets.
            queue: messages that may wait for one socket.
            on_missed: is called for each message that a slow socket misses.
            history: with `behind` None: at its start the feed reads the messages of this last time too.
        """
        self.mode = mode
        self.last_seq = 0
        self.remembered_from = 0
        """The sequence from which on all messages are recent ones, where the feed has a history."""
        self._last_time: datetime | None = None
        self._stream = mode.stream(stream)
        self._read = read
        self._subjects = [mode.subject(subject) for subject in subjects]
        self._behind = behind
        self._recent: deque[FeedMessage[P]] = deque(maxlen=keep)
        self._forgotten = 0
        self._queue = queue
        self._on_missed = on_missed
        self._history = history
        self._texts: dict[str, SharedText] = {}
        self._subscriptions: defaultdict[str, set[FeedSubscription[P]]] = defaultdict(set)

    @contextmanager
    def subscribe(self, topic: str) -> Iterator[FeedSubscription[P]]:
        """The messages of `topic` from now on, and the recent ones."""
        recent = [message for message in self._recent if message.topic == topic]
        shared = self._texts.setdefault(topic, SharedText())
        subscription = FeedSubscription(recent, self._queue, self._forgotten, shared)
        self._subscriptions[topic].add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions[topic].discard(subscription)
            if not self._subscriptions[topic]:
                del self._subscriptions[topic], self._texts[topic]

    async def run(self, connection: Callable[[], Client]) -> None:
        """Read the stream until cancelled."""
        while True:
            try:
                await self._follow(connection())
            except (FeedInterrupted, TimeoutError, *NATS_ERRORS) as error:
                _log.info(f"Feed of {self._stream} restarts: {error or type(error).__name__}", action="feed-restarts")
            await asyncio.sleep(_PAUSE)

    async def _follow(self, client: Client) -> None:
        jetstream = client.jetstream()
        inbox = client.new_inbox()
        arrived: asyncio.Queue[Msg] = asyncio.Queue(_READ_AHEAD)
        subscription = await client.subscribe(inbox, cb=arrived.put)
        name: str | None = None
        try:
            config = self._config(inbox, await self._first(client))
            name = (await jetstream.add_consumer(self._stream, config)).name
            await self._consume(partial(_next, arrived))
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
                    raise FeedInterrupted("messages are missing")
                continue
            count += 1
            if message.metadata.sequence.consumer != count:
                raise FeedInterrupted("messages are missing")
            if count == 1 and self._last_time is not None:
                if not self._is_last(message):
                    self._forget()
                    raise FeedInterrupted("the stream lost its end")
                continue
            self._receive(message)

    async def _first(self, client: Client) -> int:
        """The sequence of the first message to read."""
        jetstream = client.jetstream()
        last = (await jetstream.stream_info(self._stream)).state.last_seq
        if self.last_seq > last:
            # The stream was created again, or lost its end.
            self._forget()
        if self.last_seq:
            # Read the last message again: if it differs or is gone, the stream reuses the sequences after it.
            return self.last_seq
        if self._behind is None:
            self.remembered_from = last + 1
            return last + 1
        info = await jetstream.consumer_info(self._stream, self._behind)
        # After a loss the floor is 0, although every delivered message is acknowledged.
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
        start: dict[str, Any] = {"deliver_policy": DeliverPolicy.BY_START_SEQUENCE, "opt_start_seq": first}
        if self._history is not None and not self.last_seq:
            began = (datetime.now(UTC) - self._history).isoformat()
            start = {"deliver_policy": DeliverPolicy.BY_START_TIME, "opt_start_time": began}
        return ConsumerConfig(
            # Permissions are given for this name pattern; without a name the server would need a permission for all.
            name=f"gateway-feed-{secrets.token_hex(8)}",
            deliver_subject=inbox,
            **start,
            ack_policy=AckPolicy.NONE,
            max_deliver=1,
            filter_subjects=self._subjects,
            idle_heartbeat=_HEARTBEAT,
            inactive_threshold=_INACTIVE_AFTER,
            mem_storage=True,
            num_replicas=1,
        )

    def _receive(self, message: Msg) -> None:
        metadata = message.metadata
        self.last_seq, self._last_time = metadata.sequence.stream, metadata.timestamp
        self.remembered_from = min(self.remembered_from, self.last_seq)
        try:
            event = EVENTS[split_mode(message.subject)[1]].model_validate_json(message.data)
        except (ValidationError, KeyError):
            # The projection dead-letters it with the reason.
            return
        correlation_id = (message.headers or {}).get(CORRELATION_ID, "")
        for topic, content in self._read(event):
            self._fan_out(FeedMessage(self.last_seq, topic, metadata.timestamp, correlation_id, content))

    def _fan_out(self, message: FeedMessage[P]) -> None:
        if len(self._recent) == self._recent.maxlen:
            self._forgotten = self._recent[0].seq
            self.remembered_from = self._forgotten + 1
        self._recent.append(message)
        for subscription in self._subscriptions.get(message.topic, ()):
            if not subscription.put(message):
                self._on_missed()


async def _next(arrived: asyncio.Queue[Msg], seconds: float) -> Msg:
    """The next message; TimeoutError after `seconds`. Unlike the client's `next_msg` it makes no task for each."""
    if not arrived.empty():
        return arrived.get_nowait()
    async with asyncio.timeout(seconds):
        return await arrived.get()
