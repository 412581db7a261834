"""Leaves out an event that this process has finished already (an acknowledgement got lost, or came too late), and one
that was put back for another consumer.

It saves work and nothing rests on it. What makes a repeated handler harmless is elsewhere: output ids are derived from
the input's, generations only rise, and rows change only where `last_seq` is lower.
"""

from collections import OrderedDict
from typing import Any

import structlog
from faststream import BaseMiddleware
from faststream.exceptions import AckMessage

from shared.bus.middlewares.context import current_delivery

Key = tuple[str, str, int]
"""Stream, durable and sequence: what names a delivery. An event's id is only as unique as its source made it."""

_log = structlog.get_logger(__name__)


class Finished:
    """The last `limit` deliveries that were handled to the end; about 200 bytes each."""

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._keys: OrderedDict[Key, None] = OrderedDict()

    def __contains__(self, key: Key) -> bool:
        return key in self._keys

    def add(self, key: Key) -> None:
        self._keys[key] = None
        while len(self._keys) > self._limit:
            self._keys.popitem(last=False)


class Idempotence(BaseMiddleware[Any, Any]):
    def __init__(self, msg: Any, /, *, context: Any, finished: Finished) -> None:
        super().__init__(msg, context=context)
        self._finished = finished

    async def consume_scope(self, call_next: Any, msg: Any) -> Any:
        delivery = current_delivery()
        if delivery.replay_for not in (None, delivery.durable):
            raise AckMessage
        key = (delivery.stream, delivery.durable, delivery.sequence)
        if key in self._finished:
            _log.info("An event came again that is done; it is acknowledged.", action="skip-repeated")
            raise AckMessage
        result = await call_next(msg)
        self._finished.add(key)
        return result
