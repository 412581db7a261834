"""How far a worker's consumers are behind, polled every few seconds so that a Prometheus scrape needs no request."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from nats.js import JetStreamContext
from prometheus_client import CollectorRegistry, Gauge

from shared.bus.publishing import NATS_ERRORS
from shared.subjects import Durable, Mode

_SECONDS = 10.0


class Lag:
    """The gauges of one worker: one series per consumer and mode."""

    def __init__(self, registry: CollectorRegistry) -> None:
        names = ["consumer", "mode"]
        self._waiting = Gauge(
            "ecp_bus_lag_messages", "Events that are not yet delivered to the consumer", names, registry=registry
        )
        self._unfinished = Gauge(
            "ecp_bus_unfinished_messages",
            "Events that are delivered and not yet acknowledged",
            names,
            registry=registry,
        )

    async def follow(self, durables: Iterable[Durable], jetstream: Callable[[], JetStreamContext]) -> None:
        """Poll until cancelled. While NATS is unavailable the gauges keep their last values."""
        durables = tuple(durables)
        while True:
            for durable in durables:
                for mode in Mode:
                    with suppress(*NATS_ERRORS):
                        await self._ask(durable, mode, jetstream())
            await asyncio.sleep(_SECONDS)

    async def _ask(self, durable: Durable, mode: Mode, jetstream: JetStreamContext) -> None:
        info = await jetstream.consumer_info(mode.stream(durable.stream), durable.name)
        self._waiting.labels(durable.name, mode).set(info.num_pending or 0)
        self._unfinished.labels(durable.name, mode).set(info.num_ack_pending or 0)
