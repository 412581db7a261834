"""Skips events that this process has already finished, and replays that are meant for another consumer.

An event is delivered again if its acknowledgement was lost or late.

This only saves work. Repeating a handler is harmless for other reasons: output ids are derived from the input's id,
generations only rise, and rows are only replaced by newer data.

A sequence number identifies a message only as long as its stream lives: a stream that was recreated, or that lost its
end, gives the same numbers to other events. So the key includes the time at which the stream stored the message,
which a redelivery keeps and no other message has.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import structlog
from faststream import BaseMiddleware
from faststream.exceptions import AckMessage

from shared.bus.middlewares.context import current_delivery

DeliveryKey = tuple[str, str, int, datetime, str]
"""Stream, durable, sequence, storage time, and the event's id, which is as unique as its source made it."""

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class Finished:
    """Remembers the last `limit` deliveries that were handled successfully; about 200 bytes each."""

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._keys: OrderedDict[DeliveryKey, None] = OrderedDict()

    def __contains__(self, key: DeliveryKey) -> bool:
        return key in self._keys

    def add(self, key: DeliveryKey) -> None:
        self._keys[key] = None
        while len(self._keys) > self._limit:
            self._keys.popitem(last=False)


class Idempotence(BaseMiddleware[Any, Any]):
    """`unless_finished` as a middleware of FastStream."""

    def __init__(self, msg: Any, /, *, context: Any, finished: Finished) -> None:
        super().__init__(msg, context=context)
        self._finished = finished

    async def consume_scope(self, call_next: Any, msg: Any) -> Any:
        return await unless_finished(partial(call_next, msg), self._finished)


async def unless_finished(handle: Callable[[], Awaitable[T]], finished: Finished) -> T:
    """Call `handle`, and remember the delivery. Raises AckMessage without a call for an event that is finished."""
    delivery = current_delivery()
    if delivery.replay_for not in (None, delivery.durable):
        raise AckMessage
    key = (delivery.stream, delivery.durable, delivery.sequence, delivery.time, delivery.event_id)
    if key in finished:
        _log.info("Skipped duplicate delivery.", action="skip-repeated")
        raise AckMessage
    result = await handle()
    finished.add(key)
    return result
