"""A pull subscription that can be told to take no more, and that doesn't spin when its connection is gone.

FastStream asks for the next event in a loop. On a connection that is closed for good the client refuses without
waiting for anything, so the loop would keep the process's event loop to itself; and a request that is still open at a
stop would be given what the stop gives back, where nobody handles it until the consumer's `ack_wait` is over.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from shared.bus.publishing import NATS_ERRORS


class PullSubscription:
    """Takes the place of a subscriber's subscription; FastStream calls `fetch` and `unsubscribe`."""

    def __init__(self, subscription: JetStreamContext.PullSubscription) -> None:
        self._subscription = subscription
        self._ended = False

    async def fetch(self, batch: int = 1, timeout: float = 1.0) -> list[Msg]:
        """The next events. TimeoutError if there is none in `timeout` seconds, which is never over before."""
        if not self._ended:
            try:
                return await self._subscription.fetch(batch, timeout)
            except nats.errors.ConnectionClosedError:
                self._ended = True
        await asyncio.sleep(timeout)
        raise nats.errors.TimeoutError

    async def unsubscribe(self) -> None:
        """Take no more. What has arrived by now is still given out by the `fetch` that waits for it."""
        if not self._ended:
            self._ended = True
            with suppress(*NATS_ERRORS):
                await self._subscription.unsubscribe()


def wrap_pull_subscriptions(subscribers: Iterable[Any]) -> list[Any]:
    """Put a `PullSubscription` in the place of each pull subscription of FastStream's `subscribers`."""
    pulling = []
    for subscriber in subscribers:
        if isinstance(getattr(subscriber, "subscription", None), JetStreamContext.PullSubscription):
            subscriber.subscription = PullSubscription(subscriber.subscription)
            pulling.append(subscriber.subscription)
    return pulling
