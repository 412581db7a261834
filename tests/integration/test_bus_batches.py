"""What only a reader of batches can do wrong. All else is tested with both ways to read, in test_bus.py and beside."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from structlog.testing import capture_logs

from embedded.child import until
from embedded.nats import NatsServer, running_nats
from shared.bus import BusSettings, Delivery, EventHandler, Worker
from shared.bus.batch_reader import BatchReader
from shared.bus.bootstrap import bootstrap
from shared.events import MetricsCollected
from shared.examples import EXAMPLES
from shared.subjects import MONITOR_STORES, Mode, Subject

EVENT = EXAMPLES[Subject.METRICS_COLLECTED]
BATCH = 8


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async with running_nats(tmp_path) as url:
        await prepare(url)
        yield url


@pytest.fixture
async def jetstream(url: str) -> AsyncIterator[JetStreamContext]:
    client = await nats.connect(url)
    yield client.jetstream()
    await client.close()


async def prepare(url: str) -> None:
    """Make the streams."""
    client = await nats.connect(url)
    await bootstrap(client.jetstream())
    await client.close()


@asynccontextmanager
async def running(
    url: str, handler: EventHandler[MetricsCollected], *, batch: int = BATCH, concurrency: int = 1
) -> AsyncIterator[Worker]:
    worker = Worker("test", BusSettings(nats_url=url))
    worker.on(MONITOR_STORES, handler, concurrency=concurrency, batch=batch)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


async def publish(jetstream: JetStreamContext, first: int, last: int) -> None:
    """Events with the ids of `first` to `last`."""
    for number in range(first, last + 1):
        headers: dict[str, Any] = {"ce-id": str(number)}
        await jetstream.publish("metrics.collected", EVENT.model_dump_json().encode(), headers=headers)


async def test_more_events_than_a_batch_are_handled_in_order_and_none_is_left(
    url: str, jetstream: JetStreamContext
) -> None:
    seen: list[str] = []

    async def handler(event: MetricsCollected, delivery: Delivery) -> None:
        seen.append(delivery.event_id)

    await publish(jetstream, 1, 5 * BATCH + 3)
    async with running(url, handler):
        await until(lambda: len(seen) == 5 * BATCH + 3, 60)
        await until(lambda: _is_done(jetstream), 60)
        await publish(jetstream, 100, 100)
        await until(lambda: seen[-1] == "100", 60)
    assert seen[:-1] == [str(number) for number in range(1, 5 * BATCH + 4)]


async def test_at_a_stop_events_that_wait_go_to_the_next_worker(url: str, jetstream: JetStreamContext) -> None:
    begun, release = asyncio.Event(), asyncio.Event()
    first: list[str] = []
    second: set[str] = set()

    async def slow(event: MetricsCollected, delivery: Delivery) -> None:
        first.append(delivery.event_id)
        begun.set()
        await release.wait()

    async def fast(event: MetricsCollected, delivery: Delivery) -> None:
        second.add(delivery.event_id)

    await publish(jetstream, 1, BATCH)
    async with running(url, slow) as worker:
        await asyncio.wait_for(begun.wait(), 60)
        await until(lambda: _all_are_delivered(jetstream), 60)
        stopping = asyncio.create_task(worker.stop())
        async with running(url, fast):
            await until(lambda: len(second) == BATCH - 1, 60)
            release.set()
            await stopping
            await until(lambda: _is_done(jetstream), 60)
    assert first == ["1"]
    assert "1" not in second


async def test_an_event_that_waits_is_reported_as_in_progress(url: str, jetstream: JetStreamContext) -> None:
    progressing: set[str] = set()
    client = await nats.connect(url)

    async def acknowledgement(message: Msg) -> None:
        if message.data == Msg.Ack.Progress:
            progressing.add(message.subject.split(".")[5])

    await client.subscribe("$JS.ACK.>", cb=acknowledgement)
    release = asyncio.Event()

    async def handle(message: Msg) -> None:
        await release.wait()

    reader = BatchReader(
        Mode.PRODUCTION.stream(MONITOR_STORES.stream),
        MONITOR_STORES.name,
        handle,
        batch=BATCH,
        concurrency=1,
        heartbeat=0.05,
    )
    await publish(jetstream, 1, 2)
    await reader.start(client, lambda error: pytest.fail(repr(error)))
    await until(lambda: progressing == {"1", "2"}, 60)
    release.set()
    await until(lambda: _is_done(jetstream), 60)
    await reader.unsubscribe()
    await reader.finish(30)
    await client.close()


async def test_events_arrive_after_nats_was_started_again(tmp_path: Path) -> None:
    seen: list[str] = []

    async def handler(event: MetricsCollected, delivery: Delivery) -> None:
        seen.append(delivery.event_id)

    server = NatsServer(tmp_path)
    await server.start()
    try:
        await prepare(server.url)
        async with running(server.url, handler):
            server.kill()
            await server.start()
            client = await nats.connect(server.url)
            await publish(client.jetstream(), 1, 3)
            await client.close()
            await until(lambda: sorted(seen) == ["1", "2", "3"], 60)
    finally:
        await server.stop()


async def test_nothing_is_requested_while_the_connection_is_lost(tmp_path: Path) -> None:
    """The client would send all these requests at the end of the outage."""
    handled = asyncio.Event()

    async def handle(message: Msg) -> None:
        handled.set()

    server = NatsServer(tmp_path)
    await server.start()
    try:
        await prepare(server.url)
        client = await nats.connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.05, error_cb=_ignore)
        stream = Mode.PRODUCTION.stream(MONITOR_STORES.stream)
        reader = BatchReader(stream, MONITOR_STORES.name, handle, batch=BATCH, concurrency=1)
        await reader.start(client, lambda error: pytest.fail(repr(error)))
        server.kill()
        await until(lambda: not client.is_connected, 60)
        waiting = client.pending_data_size
        for _ in range(100):
            reader.request_again()
            await asyncio.sleep(0)
        assert client.pending_data_size == waiting
        await server.start()
        await until(lambda: client.is_connected, 60)
        reader.request_again()
        await publish(client.jetstream(), 1, 1)
        await asyncio.wait_for(handled.wait(), 60)
        await reader.unsubscribe()
        await reader.finish(30)
        await client.close()
    finally:
        await server.stop()


async def test_a_durable_that_is_gone_is_logged_once(url: str, jetstream: JetStreamContext) -> None:
    async def handler(event: MetricsCollected, delivery: Delivery) -> None:
        raise AssertionError("there is no event")

    with capture_logs() as logs:
        async with running(url, handler):
            await jetstream.delete_consumer("METRICS", MONITOR_STORES.name)
            await until(lambda: any("503" in each["event"] for each in logs), 60)
    found = [each["event"] for each in logs if each.get("action") == "request-refused"]
    assert len(found) == len(set(found)) <= 2
    assert all(MONITOR_STORES.name in each for each in found)


async def test_a_worker_that_never_started_can_be_stopped() -> None:
    async def handler(event: MetricsCollected, delivery: Delivery) -> None:
        raise AssertionError("must not be reached")

    worker = Worker("test", BusSettings(nats_url="nats://127.0.0.1:1"))
    worker.on(MONITOR_STORES, handler, batch=BATCH)
    await worker.stop()
    await worker.stop()


async def test_both_ways_to_read_count_the_same_metrics(url: str, jetstream: JetStreamContext) -> None:
    counted = []
    for batch in (1, BATCH):
        handled = asyncio.Event()

        async def handler(event: MetricsCollected, delivery: Delivery, handled: asyncio.Event = handled) -> None:
            handled.set()

        async with running(url, handler, batch=batch) as worker:
            await publish(jetstream, 1, 1)
            await asyncio.wait_for(handled.wait(), 60)
            await until(lambda: _is_done(jetstream), 60)
            counted.append(
                {
                    (sample.name, *sorted(sample.labels.items()))
                    for family in worker.registry.collect()
                    for sample in family.samples
                    if family.name.startswith("ecp_bus_received") and sample.labels.get("status", "acked") == "acked"
                }
            )
    assert counted[0] == counted[1] != set()


async def _is_done(jetstream: JetStreamContext) -> bool:
    """Whether each event is acknowledged."""
    info = await jetstream.consumer_info("METRICS", MONITOR_STORES.name)
    return not info.num_pending and not info.num_ack_pending


async def _all_are_delivered(jetstream: JetStreamContext) -> bool:
    return not (await jetstream.consumer_info("METRICS", MONITOR_STORES.name)).num_pending


async def _ignore(_: Exception) -> None:
    """Accept connection errors, because a test stops the server."""
