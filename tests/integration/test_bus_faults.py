"""Outages, restarts and crashes: what counts as an attempt, and what happens to an event that can't be handled."""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js import JetStreamContext

from embedded.nats import MAX_PAYLOAD_BYTES, running_nats
from shared.bus import BusSettings, Delivery, EventHandler, Worker
from shared.bus.bootstrap import LEASE_SECONDS, bootstrap, consumer_config
from shared.bus.dead_letters import DeadLetters, Letter
from shared.errors import DependencyUnavailable, PermanentError, Refused, TemporaryError
from shared.events import MetricsCollected
from shared.examples import EXAMPLES
from shared.subjects import MONITOR_STORES, Mode, Subject
from tests.integration.test_worker_process import free_port

EVENT = EXAMPLES[Subject.METRICS_COLLECTED]
MAX_ATTEMPTS = 3


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async with running_nats(tmp_path) as url:
        client = await nats.connect(url)
        await bootstrap(client.jetstream())
        await client.close()
        yield url


@pytest.fixture
async def jetstream(url: str) -> AsyncIterator[JetStreamContext]:
    client = await nats.connect(url)
    yield client.jetstream()
    await client.close()


@pytest.fixture(params=[1, 16], ids=["one by one", "in batches"])
def batch(request: pytest.FixtureRequest) -> int:
    """Each way to read events."""
    found: int = request.param
    return found


@asynccontextmanager
async def running(
    url: str, handler: EventHandler[MetricsCollected], *, concurrency: int = 1, batch: int = 1
) -> AsyncIterator[Worker]:
    worker = Worker("test", BusSettings(nats_url=url, max_attempts=MAX_ATTEMPTS))
    worker.on(MONITOR_STORES, handler, concurrency=concurrency, batch=batch)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


async def publish(jetstream: JetStreamContext, body: bytes | None = None, **headers: Any) -> None:
    await jetstream.publish(
        "metrics.collected", EVENT.model_dump_json().encode() if body is None else body, headers=headers
    )


async def letters(jetstream: JetStreamContext, count: int = 1) -> list[Letter]:
    """The dead letters, as soon as there are `count`."""
    async with asyncio.timeout(60):
        while (await jetstream.stream_info("DLQ")).state.messages < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return [letter async for letter in DeadLetters(jetstream, Mode.PRODUCTION).all()]


async def refuse(event: MetricsCollected, delivery: Delivery) -> None:
    raise PermanentError("on purpose")


async def test_restarts_in_an_outage_are_no_attempts_and_each_returns_the_event_to_the_next_worker(
    url: str, jetstream: JetStreamContext, batch: int
) -> None:
    attempts: asyncio.Queue[int] = asyncio.Queue()

    async def wait_for_the_database(event: MetricsCollected, delivery: Delivery) -> None:
        attempts.put_nowait(delivery.attempt)
        raise DependencyUnavailable("PostgreSQL", "connection refused")

    await publish(jetstream)
    for restart in range(1, 2 * MAX_ATTEMPTS):
        async with running(url, wait_for_the_database, concurrency=4, batch=batch):
            assert await asyncio.wait_for(attempts.get(), 30) == restart
        attempts = asyncio.Queue()

    tries: asyncio.Queue[None] = asyncio.Queue()

    async def fail(event: MetricsCollected, delivery: Delivery) -> None:
        tries.put_nowait(None)
        raise TemporaryError("not now", delay=0.01)

    async with running(url, fail, batch=batch):
        [letter] = await letters(jetstream)
    assert tries.qsize() == MAX_ATTEMPTS
    assert (letter.reason, letter.attempts) == ("not now", str(MAX_ATTEMPTS))


CRASHING = """
import os
from shared.bus import Worker, run_worker
from shared.settings import BusSettings, load
from shared.subjects import MONITOR_STORES

async def crash(event, delivery):
    os.write(1, b"begun")
    os._exit(3)

settings = load(BusSettings)
worker = Worker("crashing", settings)
worker.on(MONITOR_STORES, crash, concurrency=1, batch=int(os.environ["BATCH"]))
run_worker(worker, settings)
"""


async def test_an_event_that_crashes_its_worker_gets_one_attempt_more_than_the_limit_and_becomes_a_dead_letter(
    url: str, jetstream: JetStreamContext, batch: int
) -> None:
    # Redeliver the event of a crashed worker after one second instead of fifteen.
    await jetstream.add_consumer("METRICS", replace(consumer_config(Mode.PRODUCTION, MONITOR_STORES), ack_wait=1.0))
    await publish(jetstream)
    environment = {**os.environ, "NATS_URL": url, "PORT": str(free_port()), "MAX_ATTEMPTS": "2", "BATCH": str(batch)}
    for _ in range(3):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CRASHING, env=environment, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await asyncio.wait_for(child.communicate(), 60)
        assert (output, child.returncode) == (b"begun", 3)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CRASHING, env=environment, stdout=asyncio.subprocess.PIPE
    )
    [letter] = await letters(jetstream)
    child.terminate()
    output, _ = await asyncio.wait_for(child.communicate(), 60)
    assert (output, child.returncode) == (b"", 0)
    assert letter.reason == "not finished in 2 attempts"


async def test_the_dead_letter_of_an_event_of_maximum_size_is_truncated(
    url: str, jetstream: JetStreamContext, batch: int
) -> None:
    body = b'{"tenant_id": "' + b"x" * (MAX_PAYLOAD_BYTES - 200) + b'"}'
    async with running(url, refuse, batch=batch) as worker:
        await publish(jetstream, body)
        [letter] = await letters(jetstream)
        assert await worker.broker.ping(timeout=5)
    assert letter.headers["dlq-cut"] == f"the first part of {len(body)} bytes"
    assert body.startswith(letter.body)
    with pytest.raises(Refused, match="can't be replayed"):
        await DeadLetters(jetstream, Mode.PRODUCTION).replay(letter.sequence)


async def test_the_dead_letter_of_an_event_with_too_many_headers_omits_them(
    url: str, jetstream: JetStreamContext
) -> None:
    async with running(url, refuse):
        headers: dict[str, Any] = {"ce-id": "with-headers", "large": "x" * 65_000}
        await publish(jetstream, **headers)
        [letter] = await letters(jetstream)
    assert letter.event_id == "with-headers"
    assert "large" not in letter.headers


async def test_an_event_with_unusual_headers_becomes_a_dead_letter(
    url: str, jetstream: JetStreamContext, batch: int
) -> None:
    async with running(url, refuse, batch=batch) as worker:
        # nats-py refuses such headers; clients of other systems may not.
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        headers = "NATS/1.0\r\nx(y): strange\r\nname: 이름\r\nplain: kept\r\n\r\n".encode()
        body = EVENT.model_dump_json().encode()
        writer.write(b'CONNECT {"verbose": false, "headers": true}\r\n')
        writer.write(b"HPUB metrics.collected %d %d\r\n" % (len(headers), len(headers) + len(body)))
        writer.write(headers + body + b"\r\n")
        await writer.drain()
        [letter] = await letters(worker.jetstream)
        writer.close()
    assert letter.headers["plain"] == "kept"
    assert letter.reason == "on purpose"


@pytest.mark.parametrize(
    ("subject", "body", "headers"),
    [
        ("metrics collected", b"{}", {}),
        ("metrics.collected", b"{}", {"no name": "x"}),
        ("metrics.collected", b"x" * MAX_PAYLOAD_BYTES, {}),
        ("metrics.collected", b"{}", {"large": "x" * 70_000}),
    ],
)
async def test_an_event_that_can_never_be_published_is_no_outage(
    url: str, subject: str, body: bytes, headers: dict[str, str]
) -> None:
    async with running(url, refuse) as worker:
        with pytest.raises(PermanentError, match="can't be published"):
            await worker.publisher.publish_encoded(subject, body, headers | {"Nats-Msg-Id": "1"})
        assert await worker.broker.ping(timeout=5)


async def test_an_unexpected_exception_is_reported_by_its_type_and_first_line(
    url: str, jetstream: JetStreamContext, batch: int, caplog: pytest.LogCaptureFixture
) -> None:
    secret = uuid.uuid4().hex

    async def fail(event: MetricsCollected, delivery: Delivery) -> None:
        raise ValueError(f"no such row\n[parameters: {secret}]")

    async with running(url, fail, batch=batch):
        await publish(jetstream)
        [letter] = await letters(jetstream)
    assert letter.reason == "ValueError: no such row"
    assert "ValueError: no such row" in caplog.text
    assert secret not in caplog.text


async def test_dead_letters_are_listed_after_the_newest_was_dropped(jetstream: JetStreamContext) -> None:
    for number in range(3):
        await jetstream.publish("dlq.tenant.created", b"{}", headers={"dlq-event-id": str(number)})
    all_letters = DeadLetters(jetstream, Mode.PRODUCTION)
    await all_letters.drop(3)
    await all_letters.drop(1)
    assert [letter.event_id async for letter in all_letters.all()] == ["1"]


async def test_the_bootstrap_changes_what_differs_in_streams_and_buckets(jetstream: JetStreamContext) -> None:
    for name in ("ECP", "KV_leases", "KV_desired"):
        current = (await jetstream.stream_info(name)).config
        await jetstream.update_stream(replace(current, max_age=1000.0, duplicate_window=5.0, description="kept"))
    await bootstrap(jetstream)
    found = {name: (await jetstream.stream_info(name)).config for name in ("ECP", "KV_leases", "KV_desired")}
    assert {name: (each.max_age, each.duplicate_window) for name, each in found.items()} == {
        "ECP": (7 * 86_400.0, 600.0),
        "KV_leases": (LEASE_SECONDS, LEASE_SECONDS),
        "KV_desired": (0.0, 120.0),
    }
    assert {each.description for each in found.values()} == {"kept"}
