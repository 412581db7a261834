"""One hop over JetStream (consume and publish): our worker with all middlewares, compared with raw nats-py.

The worker reads one by one with FastStream, and in batches without it, as it does for the durables with most events.

    make bench ARGS=bus

Both use one server. The peer uses the same pull subscriptions, publishes with a message id and acknowledges, without
middlewares. Messages are published before the measurement starts, so that only the consumer is measured.
"""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import nats
from nats.js import JetStreamContext
from rich.table import Table

from embedded.nats import running_nats
from shared.bus import BusSettings, Delivery, Worker, encode
from shared.bus.bootstrap import bootstrap
from shared.events import Event, MetricsCollected, SlaReported
from shared.subjects import MONITOR_STORES, Mode
from tests.benchmarks.waiting import until_set
from tests.support.bench_report import show

MESSAGES = 2000
CONCURRENCY = 4
BATCH = 16
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SAMPLE = MetricsCollected(tenant_id="bench", time=NOW, values={"cpu": 1.0, "memory": 2.0}, source="bench")
REPORT = SlaReported(
    tenant_id="bench",
    time=NOW,
    since=NOW,
    availability=100.0,
    target=99.5,
    status="meeting",
    downtime_seconds=0,
    observed_seconds=5,
    failures=0,
)


async def fill(jetstream: JetStreamContext, mode: Mode, prefix: str) -> None:
    """Publish the messages to the stream, a hundred at a time."""
    for start in range(0, MESSAGES, 100):
        encoded = [
            encode(SAMPLE, mode=mode, event_id=f"{prefix}-{n}", correlation_id="bench", source="bench")
            for n in range(start, start + 100)
        ]
        await asyncio.gather(*(jetstream.publish(subject, body, headers=head) for subject, body, head in encoded))


async def raw(url: str) -> tuple[float, float]:
    """Wall and CPU seconds of nats-py alone, in production's streams."""
    client = await nats.connect(url)
    jetstream = client.jetstream()
    await fill(jetstream, Mode.PRODUCTION, "raw")
    left = iter(range(MESSAGES))

    async def consume() -> None:
        subscription = await jetstream.pull_subscribe_bind(consumer=MONITOR_STORES.name, stream="METRICS")
        for number in left:
            [message] = await subscription.fetch(1, timeout=5)
            encoded = encode(REPORT, mode=Mode.PRODUCTION, event_id=f"r-{number}", correlation_id="b", source="b")
            await jetstream.publish(encoded.subject, encoded.body, headers=encoded.headers, stream="METRICS")
            await message.ack()

    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(consume() for _ in range(CONCURRENCY)))
    elapsed = time.perf_counter() - begun, time.process_time() - cpu
    await client.close()
    return elapsed


async def ours(url: str, batch: int) -> tuple[float, float]:
    """Wall and CPU seconds of a worker that reads `batch` events at once, in demo mode's streams."""
    worker = Worker("bench", BusSettings(nats_url=url))
    handled = 0
    done = asyncio.Event()

    async def report(event: MetricsCollected, delivery: Delivery) -> Iterable[Event]:
        nonlocal handled
        handled += 1
        if handled == MESSAGES:
            done.set()
        return [REPORT]

    client = await nats.connect(url)
    await fill(client.jetstream(), Mode.DEMO, f"ours-{batch}")
    worker.on(MONITOR_STORES, report, concurrency=CONCURRENCY, batch=batch)
    begun, cpu = time.perf_counter(), time.process_time()
    await worker.start()
    await until_set(done, lambda: handled, MESSAGES)
    await worker.stop()
    # For each message that was handled, should some be missing.
    part = MESSAGES / max(1, handled)
    elapsed = (time.perf_counter() - begun) * part, (time.process_time() - cpu) * part
    await client.close()
    return elapsed


async def main() -> None:
    with TemporaryDirectory() as directory:
        async with running_nats(Path(directory)) as url:
            client = await nats.connect(url)
            await bootstrap(client.jetstream())
            await client.close()
            found = {
                "raw nats-py": await raw(url),
                "worker, all middlewares": await ours(url, 1),
                f"worker, in batches of {BATCH}": await ours(url, BATCH),
            }
    table = Table(title=f"One hop: consume, publish, acknowledge ({MESSAGES} messages, {CONCURRENCY} at a time)")
    for column in ("", "messages/s", "CPU a message", "CPU against raw", "rate against raw"):
        table.add_column(column, justify="left" if not column else "right")
    raw_wall, raw_cpu = found["raw nats-py"]
    for name, (wall, cpu) in found.items():
        each = f"{cpu / MESSAGES * 1e6:.0f} µs"
        table.add_row(name, f"{MESSAGES / wall:,.0f}", each, f"{cpu / raw_cpu:.2f}x", f"{raw_wall / wall:.2f}")
    show(table)


if __name__ == "__main__":
    asyncio.run(main())
