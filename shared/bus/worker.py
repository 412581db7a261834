"""A worker: one broker, its handlers in both modes, its dependencies and its background tasks.

The workers run under `shared.bus.serving`; the gateway runs one in FastAPI's lifespan. Concurrency is several
subscribers with `PullSub(batch_size=1)` on one durable: with several processes, FastStream's larger batches stall and
strand messages at a stop; these don't. A flood is read by a `BatchReader` instead.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import structlog
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsRouter, PullSub
from nats.js import JetStreamContext
from nats.js.kv import KeyValue
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from shared.access import inbox
from shared.bus.batch_reader import BatchReader
from shared.bus.bootstrap import consumer_config
from shared.bus.dependencies import bus_is_ready
from shared.bus.envelope import Delivery, derived_id
from shared.bus.lag import Lag
from shared.bus.middlewares import BusMetrics, FailureRules, HandlingMetrics, chain, stack
from shared.bus.middlewares.context import current_delivery
from shared.bus.middlewares.deadline import Deadline
from shared.bus.middlewares.validation import decode
from shared.bus.mode_bus import ModeBus
from shared.bus.nats_login import addresses, broker_security
from shared.bus.publishing import NATS_ERRORS, EventPublisher
from shared.bus.pull_subscription import PullSubscription, wrap_pull_subscriptions
from shared.bus.rpc import RpcClient, responder
from shared.bus.turns import Turns
from shared.dependencies import Dependencies
from shared.errors import DependencyUnavailable
from shared.events import DeadLetter, Event, OutsideRequest
from shared.process.tasks import cancel_until_ended
from shared.settings import BusSettings
from shared.subjects import Bucket, Durable, Mode, Rpc, Stream
from shared.tenants import Model

E = TypeVar("E", bound=Event | DeadLetter | OutsideRequest)
Q = TypeVar("Q", bound=Model)
EventHandler = Callable[[E, Delivery], Awaitable[Iterable[Event] | None]]
"""Takes an event and its delivery. The events that it returns are published before the event is acknowledged."""

_log = structlog.get_logger(__name__)
_REQUEST_SECONDS = 5.0
"""How long a request for the next event is open. The fifty readers of an idle stack make one each in that time. In a
cluster of NATS servers, a request that got lost with its server delays the next event by so much."""
_CLOSE_WITHOUT_NATS = 2.0
"""Seconds until a stop gives up on a lost connection. The client would try to drain it for a minute."""


class Worker:
    """Wiring of one service on the bus. Nothing connects before `start`."""

    def __init__(self, service: str, settings: BusSettings) -> None:
        self.service = service
        self.registry = _registry()
        self.dependencies = Dependencies()
        self.broker = _broker(service, settings, self._connection_ended, self._reconnected)
        self.publisher = EventPublisher(self.broker, service, settings.publish_timeout)
        self.rpc = RpcClient(self.broker)
        self.requires("NATS", lambda: bus_is_ready(settings, service))
        self.dependencies.add("writes to NATS", self.publisher.check_writes, at_start=False)
        attempts = partial(self.key_value, Bucket.TRIES)
        metrics = BusMetrics(self.registry)
        self._rules = FailureRules(self.publisher, metrics, settings.max_attempts, attempts)
        self._metrics = HandlingMetrics(self.registry, service)
        self._traces = settings.otel_exporter_otlp_endpoint is not None
        self._events = NatsRouter(middlewares=stack(service, settings, self.registry, self._rules))  # type: ignore[arg-type]
        deadline: Any = partial(Deadline, dropped=metrics.expired.inc)
        self._requests = NatsRouter(middlewares=[deadline])
        self._graceful_timeout = settings.graceful_timeout
        self._background: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self._durables: list[Durable] = []
        self._lag = Lag(self.registry)
        self._closing: list[Callable[[], Awaitable[None]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._buckets: dict[str, KeyValue] = {}
        """By bucket name. Opening a bucket costs a request; the object stays valid until the connection is closed."""
        self._readers: list[BatchReader] = []
        self._pulling: list[PullSubscription | Turns] = []
        self._outside: list[tuple[Any, Mode, Durable]] = []
        """Subscribers to the events of other systems, which are read in turn."""
        self._included = False
        self.started = False
        self.failed: asyncio.Future[None] | None = None

    def on(self, durable: Durable, handler: EventHandler[Any], *, concurrency: int = 2, batch: int = 1) -> None:
        """Handle the events of `durable`, `concurrency` at a time for each mode.

        With a `batch` above 1, so many are requested at once, and read without FastStream: for a flood of events. It
        has no tracing; where that is configured, FastStream reads them.
        """
        self._durables.append(durable)
        if batch > 1 and not self._traces:
            handle = chain(self._receiver(handler), self._metrics, self._rules)
            streams = [mode.stream(durable.stream) for mode in Mode]
            options = {"batch": batch, "concurrency": concurrency}
            self._readers += [BatchReader(stream, durable.name, handle, **options) for stream in streams]
            return
        for mode in Mode:
            for _ in range(concurrency):
                subscriber = self._events.subscriber(
                    config=consumer_config(mode, durable),
                    stream=JStream(mode.stream(durable.stream), declare=False),
                    durable=durable.name,
                    pull_sub=PullSub(batch_size=1, timeout=_REQUEST_SECONDS),
                    inbox_prefix=f"{inbox(self.service)}.".encode(),
                    decoder=decode,
                    ack_policy=AckPolicy.NACK_ON_ERROR,
                    no_reply=True,
                )
                subscriber(self._receiver(handler))
                if durable.stream is Stream.OUTSIDE:
                    self._outside.append((subscriber, mode, durable))

    def answer(
        self, rpc: Rpc, request: type[Q], handler: Callable[[Q, Mode], Awaitable[Model]], *, concurrency: int = 1
    ) -> None:
        """Reply to `rpc`: one copy of this service handles each request, and `concurrency` of them at a time.

        Use more than 1 if the handler waits for other systems, such as a cluster's API server: then one slow reply
        doesn't delay the others.
        """
        at_once: dict[str, Any] = {"max_workers": concurrency} if concurrency > 1 else {}
        for mode in Mode:
            subscriber = self._requests.subscriber(mode.subject(rpc), queue=self.service, **at_once)
            subscriber(responder(request, handler, mode))

    def requires(self, name: str, check: Callable[[], Awaitable[None]]) -> None:
        """A dependency: the start waits for it, and `/ready` checks it. `check` raises while it is unavailable."""
        self.dependencies.add(name, check)

    def background(self, name: str, task: Callable[[], Awaitable[None]]) -> None:
        """Run `task` from the start to the stop. If it ends by itself, the process exits and is restarted."""
        self._background.append((name, task))

    def closes(self, close: Callable[[], Awaitable[None]]) -> None:
        """Call `close` at the end of a stop: for connection pools and clients."""
        self._closing.append(close)

    async def start(self) -> None:
        """Wait for the dependencies, then consume."""
        await self.dependencies.wait()
        if not self._included:
            self.broker.include_router(self._events)
            self.broker.include_router(self._requests)
            self._included = True
        self._rules.stopping.clear()
        self.failed = asyncio.get_running_loop().create_future()
        self._buckets.clear()
        await self.broker.start()
        self._pulling = wrap_pull_subscriptions(self.broker.subscribers, self.broker.connection)
        for subscriber, mode, durable in self._outside:
            subscriber.subscription = Turns(subscriber.subscription, mode, durable, lambda: self.broker.connection)
            self._pulling.append(subscriber.subscription)
        for reader in self._readers:
            await reader.start(self.broker.connection, self._fail)
        await self._subscriptions_taken()
        self.started = True
        lag: Callable[[], Awaitable[None]] = partial(self._lag.follow, self._durables, lambda: self.jetstream)
        background = [*self._background, ("lag", lag)]
        self._tasks = [asyncio.create_task(self._run(name, task), name=name) for name, task in background]
        _log.info(f"{self.service} is running.", action="started")

    async def _subscriptions_taken(self) -> None:
        """Wait for the server to read the subscriptions: until then requests have no responder."""
        with suppress(*NATS_ERRORS):
            # nats-py sends a ping before what is pending: the first round sends that, the second one confirms it.
            await self.broker.connection.flush()
            await self.broker.connection.flush()

    async def stop(self) -> None:
        """Stop consuming, hand back the events that are held, finish those in flight, close the connection."""
        self.started = False
        await self._stop_pulling()
        self._rules.stopping.set()
        await cancel_until_ended(self._tasks)
        await self._disconnect()
        for close in self._closing:
            await close()
        _log.info(f"{self.service} has stopped.", action="stopped")

    async def _stop_pulling(self) -> None:
        """Withdraw the open pull requests before events are handed back: another worker is to get those events."""
        for each in (*self._pulling, *self._readers):
            await each.unsubscribe()
        if (self._pulling or self._readers) and await self.broker.ping(timeout=0.1):
            with suppress(*NATS_ERRORS):
                await self.broker.connection.flush(1)
        self._pulling = []

    async def _disconnect(self) -> None:
        """Finish what is in flight and close the connection; a lost connection isn't drained."""
        await asyncio.gather(*(reader.finish(self._graceful_timeout) for reader in self._readers))
        timeout = self._graceful_timeout + 5.0 if await self.broker.ping(timeout=0.1) else _CLOSE_WITHOUT_NATS
        try:
            async with asyncio.timeout(timeout):
                await self.broker.stop()
        except (TimeoutError, *NATS_ERRORS) as error:
            _log.warning(f"Connection closed without draining: {error!r}", action="stop-without-drain")

    @property
    def jetstream(self) -> JetStreamContext:
        """The JetStream context of nats-py, for key-value buckets and direct reads."""
        return self.broker.connection.jetstream()

    async def key_value(self, bucket: Bucket, mode: Mode) -> KeyValue:
        """A bucket that the bootstrap has made."""
        name = mode.bucket(bucket)
        if name not in self._buckets:
            try:
                self._buckets[name] = await self.jetstream.key_value(name)
            except NATS_ERRORS as error:
                raise DependencyUnavailable("NATS", f"bucket {name}: {error!r}") from error
        return self._buckets[name]

    def bus(self, mode: Mode) -> ModeBus:
        """Publisher, buckets and requests of `mode`, for a component that works in one mode only."""
        return ModeBus(mode, self.publisher, self.key_value, self.rpc)

    def _receiver(self, handler: EventHandler[Any]) -> Callable[[Any], Awaitable[None]]:
        async def receive(event: Any) -> None:
            delivery = current_delivery()
            for index, outgoing in enumerate(await handler(event, delivery) or ()):
                await self.publisher.publish(
                    outgoing,
                    mode=delivery.mode,
                    event_id=derived_id(delivery.event_id, delivery.durable, outgoing.subject, str(index)),
                    correlation_id=delivery.correlation_id,
                    traceparent=delivery.traceparent,
                )

        receive.__name__ = getattr(handler, "__name__", "receive")
        receive.__doc__ = handler.__doc__
        return receive

    async def _connection_ended(self) -> None:
        """NATS closed the connection with an error that the client doesn't retry; a restarted process will."""
        if self.started:
            reason = self.broker.connection.last_error
            _log.error(f"NATS closed the connection ({reason}); the process exits.", action="connection-ended")
            self._fail(ConnectionError(f"NATS closed the connection: {reason}"))

    async def _reconnected(self) -> None:
        """A server that was restarted has no open requests: without new ones, no event would come until their end."""
        for each in (*self._pulling, *self._readers):
            each.request_again()

    async def _run(self, name: str, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
            raise RuntimeError(f"the background task {name!r} ended unexpectedly")
        except Exception as error:
            _log.exception("A background task failed; the process exits.", action="background-failed", task=name)
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self.failed is not None and not self.failed.done():
            self.failed.set_exception(error)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def _broker(
    service: str,
    settings: BusSettings,
    closed: Callable[[], Awaitable[None]],
    reconnected: Callable[[], Awaitable[None]],
) -> NatsBroker:
    """Reconnect without a limit: after the default of 60 attempts a closed client spins and ignores SIGTERM."""
    return NatsBroker(
        addresses(settings.nats_url),
        security=broker_security(settings),
        name=f"ecp-{service}",
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        ping_interval=10,
        max_outstanding_pings=2,
        graceful_timeout=settings.graceful_timeout,
        inbox_prefix=inbox(service),
        closed_cb=closed,
        reconnected_cb=reconnected,
        apply_types=False,
        logger=None,
    )
