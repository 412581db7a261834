"""Reads the envelope and binds it to the log context, so that each log line of a handler names its request."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import structlog
from faststream import BaseMiddleware

from shared.bus.envelope import Delivery, read_delivery

_current: ContextVar[Delivery] = ContextVar("delivery")


def current_delivery() -> Delivery:
    """The delivery that is being handled. LookupError outside of a handler."""
    return _current.get()


@contextmanager
def delivering(delivery: Delivery) -> Iterator[None]:
    """Make `delivery` the current one."""
    token = _current.set(delivery)
    # Not `bound_contextvars`, which reads all variables of the context first.
    bound = structlog.contextvars.bind_contextvars(
        correlation_id=delivery.correlation_id, mode=delivery.mode.value, subject=delivery.subject
    )
    try:
        yield
    finally:
        structlog.contextvars.reset_contextvars(**bound)
        _current.reset(token)


class DeliveryContext(BaseMiddleware[Any, Any]):
    """Makes the delivery available to the middlewares behind it and to the handler."""

    async def consume_scope(self, call_next: Any, msg: Any) -> Any:
        with delivering(read_delivery(msg.raw_message)):
            return await call_next(msg)
