"""A pull subscription that can stop pulling, and that doesn't spin when its connection is closed.

FastStream requests the next event in a loop. On a connection that is closed for good, the client refuses each request
at once, so the loop would block the process's event loop. And a request that is still open at a stop would receive the
events that the stop gives back: this process would not handle them, and they would be stuck until the consumer's
`ack_wait`. A server that was restarted doesn't know the requests that were open, so they are made again. And the client
would keep the requests of an outage and send them all at its end, so none is made in it.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from shared.bus.publishing import NATS_ERRORS


class PullSubscription:
    """Replaces the subscription of a FastStream subscriber, which calls `fetch` and `unsubscribe`."""

    def __init__(self, subscription: JetStreamContext.PullSubscription, client: Client) -> None:
        self._subscription = subscription
        self._client = client
        self._ended = False
        self._open: asyncio.Task[list[Msg]] | None = None
        """The request that waits for an event."""

    async def fetch(self, batch: int = 1, timeout: float = 1.0) -> list[Msg]:
        """The next events. TimeoutError if none arrives within `timeout` seconds; earlier only after a reconnect."""
        if not self._ended:
            one = self._subscription.fetch(batch, timeout) if self._client.is_connected else _nothing(timeout)
            request = self._open = asyncio.ensure_future(one)
            try:
                return await request
            except nats.errors.ConnectionClosedError:
                self._ended = True
            except asyncio.CancelledError:
                if self._open is request:
                    raise
                raise nats.errors.TimeoutError from None
        await asyncio.sleep(timeout)
        raise nats.errors.TimeoutError

    def request_again(self) -> None:
        """End the open request, which the server has lost: the reader's loop makes another one at once."""
        request, self._open = self._open, None
        if request is not None:
            request.cancel()

    async def unsubscribe(self) -> None:
        """Stop pulling. The `fetch` that is waiting still returns what has arrived by now."""
        if not self._ended:
            self._ended = True
            with suppress(*NATS_ERRORS):
                await self._subscription.unsubscribe()


async def _nothing(seconds: float) -> list[Msg]:
    """No event within `seconds`, as during an outage."""
    await asyncio.sleep(seconds)
    raise nats.errors.TimeoutError


def wrap_pull_subscriptions(subscribers: Iterable[Any], client: Client) -> list[Any]:
    """Replace each pull subscription of FastStream's `subscribers`, which are `client`'s; returns the replacements."""
    wrapped = []
    for subscriber in subscribers:
        if isinstance(getattr(subscriber, "subscription", None), JetStreamContext.PullSubscription):
            subscriber.subscription = PullSubscription(subscriber.subscription, client)
            wrapped.append(subscriber.subscription)
    return wrapped
