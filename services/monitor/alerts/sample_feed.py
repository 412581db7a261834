"""All samples of a mode, as they come, for one process: an ordered consumer of the stream of measurements.

The copies of the monitor share the durables that store samples, so a copy stores samples of any tenant. A copy that
evaluates a shard needs all of its samples, and reads the stream by a consumer of its own, without acknowledgements.
After a gap or a silence FeedInterrupted is raised, and the reader begins again where it was.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import datetime
from typing import NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, Header
from pydantic import ValidationError

from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable
from shared.events import EVENTS, Event
from shared.subjects import Mode, Stream, Subject, split_mode

_HEARTBEAT = 1.0
_SILENCE = 4.0
"""Seconds without a message or heartbeat after which the consumer is considered lost."""
_READ_AHEAD = 100
_INACTIVE_AFTER = 30.0
MOST_BEATS = 10


class StoredEvent(NamedTuple):
    """An event, and when the stream stored it."""

    event: Event
    stored: datetime


class Backlog:
    """Whether a heartbeat means silence, or that the server is only slow to send what it has.

    Heartbeats alone don't tell: a busy server sends them also between messages that it holds already. What it counted
    may have been discarded since, so `MOST_BEATS` heartbeats in a row are silence all the same.
    """

    def __init__(self, pending: int) -> None:
        """`pending` messages are there for the consumer."""
        self._pending = pending
        self._beats = 0

    def received(self, pending: int) -> None:
        """A message came, and `pending` ones are left."""
        self._pending, self._beats = pending, 0

    def is_silent(self) -> bool:
        """Note a heartbeat."""
        self._beats += 1
        return not self._pending or self._beats >= MOST_BEATS


async def samples_since(client: Client, mode: Mode, since: datetime) -> AsyncGenerator[StoredEvent | None, None]:
    """The samples that the stream stored at `since` or later; None at each silence of a second.

    Raises DependencyUnavailable if the consumer has a gap, or NATS is away.
    """
    try:
        async with aclosing(_read(client, mode, since)) as messages:
            async for message in messages:
                if message is None:
                    yield None
                elif (event := _decoded(message)) is not None:
                    yield event
    except (TimeoutError, *NATS_ERRORS) as error:
        raise DependencyUnavailable("NATS", f"samples to evaluate: {error or type(error).__name__}") from error


async def _read(client: Client, mode: Mode, since: datetime) -> AsyncGenerator[Msg | None, None]:
    jetstream, stream, inbox = client.jetstream(), mode.stream(Stream.METRICS), client.new_inbox()
    arrived: asyncio.Queue[Msg] = asyncio.Queue(_READ_AHEAD)
    subscription = await client.subscribe(inbox, cb=arrived.put)
    name: str | None = None
    count = 0
    try:
        consumer = await jetstream.add_consumer(stream, _config(mode, inbox, since))
        name, backlog = consumer.name, Backlog(consumer.num_pending or 0)
        while True:
            message = await _next(arrived)
            headers = message.headers or {}
            if Header.STATUS in headers:
                if int(headers.get(Header.LAST_CONSUMER, count)) != count:
                    raise TimeoutError("messages are missing")
                if backlog.is_silent():
                    yield None
                continue
            count += 1
            if message.metadata.sequence.consumer != count:
                raise TimeoutError("messages are missing")
            backlog.received(message.metadata.num_pending)
            yield message
    finally:
        with suppress(*NATS_ERRORS):
            await subscription.unsubscribe()
            if name is not None and client.is_connected:
                await jetstream.delete_consumer(stream, name)


def _config(mode: Mode, inbox: str, since: datetime) -> ConsumerConfig:
    return ConsumerConfig(
        # Permissions are given for this name pattern; without a name the server would need a permission for all.
        name=f"monitor-alerts-{secrets.token_hex(8)}",
        deliver_subject=inbox,
        deliver_policy=DeliverPolicy.BY_START_TIME,
        opt_start_time=since,
        ack_policy=AckPolicy.NONE,
        max_deliver=1,
        filter_subjects=[mode.subject(Subject.METRICS_COLLECTED), mode.subject(Subject.METRICS_SAMPLED)],
        idle_heartbeat=_HEARTBEAT,
        inactive_threshold=_INACTIVE_AFTER,
        mem_storage=True,
        num_replicas=1,
    )


def _decoded(message: Msg) -> StoredEvent | None:
    try:
        event = EVENTS[split_mode(message.subject)[1]].model_validate_json(message.data)
    except (ValidationError, KeyError):
        return None  # what stores samples dead-letters it with the reason
    return StoredEvent(event, message.metadata.timestamp)


async def _next(arrived: asyncio.Queue[Msg]) -> Msg:
    if not arrived.empty():
        return arrived.get_nowait()
    async with asyncio.timeout(_SILENCE):
        return await arrived.get()
