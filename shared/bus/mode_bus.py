"""The bus of one mode: what a component that works in one mode only needs, without the parameter `mode`.

`Worker.bus(mode)` makes it. Components depend on the protocols below, so that tests replace them by fakes.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol, TypeVar

from nats.js.kv import KeyValue

from shared.bus.publishing import EventPublisher
from shared.bus.rpc import RpcClient
from shared.events import Event
from shared.subjects import Bucket, Mode, Rpc
from shared.tenants import Model

R = TypeVar("R", bound=Model)


class ModePublisher(Protocol):
    """Publishes events in one mode."""

    async def publish(
        self,
        event: Event,
        *,
        event_id: str,
        correlation_id: str,
        time: datetime | None = None,
        traceparent: str | None = None,
    ) -> None:
        """Publish and wait for the acknowledgement. Raises DependencyUnavailable, PermanentError."""


class ModeBuckets(Protocol):
    """Opens the key-value buckets of one mode."""

    async def key_value(self, bucket: Bucket) -> KeyValue:
        """A bucket that the bootstrap has made. Raises DependencyUnavailable."""


class ModeBus:
    """Publisher, buckets and requests of one mode."""

    def __init__(
        self,
        mode: Mode,
        publisher: EventPublisher,
        key_value: Callable[[Bucket, Mode], Awaitable[KeyValue]],
        rpc: RpcClient,
    ) -> None:
        self.mode = mode
        self._publisher = publisher
        self._key_value = key_value
        self._rpc = rpc

    async def publish(
        self,
        event: Event,
        *,
        event_id: str,
        correlation_id: str,
        time: datetime | None = None,
        traceparent: str | None = None,
    ) -> None:
        """As `EventPublisher.publish`."""
        await self._publisher.publish(
            event,
            mode=self.mode,
            event_id=event_id,
            correlation_id=correlation_id,
            time=time,
            traceparent=traceparent,
        )

    async def key_value(self, bucket: Bucket) -> KeyValue:
        """As `Worker.key_value`."""
        return await self._key_value(bucket, self.mode)

    async def ask(self, rpc: Rpc, request: Model, reply: type[R], *, timeout: float = 2.0) -> R:
        """As `RpcClient.ask`."""
        return await self._rpc.ask(rpc, request, reply, mode=self.mode, timeout=timeout)
