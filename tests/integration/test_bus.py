"""The worker and its middlewares on a real NATS server."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import NamedTuple

import nats
import pytest
from nats.js.api import ConsumerConfig, DeliverPolicy

from embedded.child import until
from shared.bus import BusSettings, Delivery, EventHandler, Worker, derived_id
from shared.bus.dead_letters import DeadLetters
from shared.bus.middlewares.deadline import CLOCK_TOLERANCE, deadline_header
from shared.errors import DependencyUnavailable, PermanentError, Refused, TemporaryError
from shared.events import Event, MetricsCollected, SlaReported
from shared.rpc import CalculateRequest, RenderReply
from shared.subjects import MONITOR_STORES, Mode, Rpc
from tests.support.running_bus import running_bus

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def sample(tenant: str, value: float = 1.0) -> MetricsCollected:
    return MetricsCollected(tenant_id=tenant, time=NOW, values={"cpu": value}, source="test")


def report(tenant: str) -> SlaReported:
    return SlaReported(
        tenant_id=tenant,
        time=NOW,
        since=NOW,
        availability=100.0,
        target=99.5,
        status="meeting",
        downtime_seconds=0,
        observed_seconds=5,
        failures=0,
    )


class Way(NamedTuple):
    """How a worker reads events, and the server on which it does."""

    url: str
    batch: int


@asynccontextmanager
async def running(way: Way, handler: EventHandler[MetricsCollected]) -> AsyncIterator[Worker]:
    worker = Worker("test", BusSettings(nats_url=way.url, max_attempts=3))
    worker.on(MONITOR_STORES, handler, concurrency=1, batch=way.batch)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


async def publish(worker: Worker, event: Event, mode: Mode = Mode.DEMO, event_id: str | None = None) -> None:
    event_id = event_id or derived_id(event.tenant_id, event.model_dump_json(), str(asyncio.get_running_loop().time()))
    await worker.publisher.publish(event, mode=mode, event_id=event_id, correlation_id="req-1")


@pytest.fixture(scope="module", params=[1, 16], ids=["one by one", "in batches"])
async def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Way]:
    """Each way to read events, on a NATS server for the tests of this module."""
    async with running_bus(tmp_path_factory.mktemp("bus")) as url:
        yield Way(url, request.param)


@pytest.fixture(scope="module")
async def nats_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A NATS server for this module only, because its tests act as the services."""
    async with running_bus(tmp_path_factory.mktemp("bus")) as url:
        yield url


async def read(url: str, stream: str, tenant: str, count: int) -> list[tuple[dict[str, str], bytes]]:
    """Wait for the first `count` messages of a tenant on a stream, and return them."""
    client = await nats.connect(url)
    consumer = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
    subscription = await client.jetstream().subscribe(">", stream=stream, ordered_consumer=True, config=consumer)
    found: list[tuple[dict[str, str], bytes]] = []
    try:
        async with asyncio.timeout(60):
            while len(found) < count:
                message = await subscription.next_msg(timeout=60)
                if (message.headers or {}).get("ce-subject", "") == tenant or tenant.encode() in message.data:
                    found.append((dict(message.headers or {}), message.data))
    finally:
        await client.close()
    return found


async def test_what_a_handler_returns_is_published_once_with_the_input_s_correlation_id(way: Way) -> None:
    seen: list[tuple[MetricsCollected, Delivery]] = []

    async def handler(event: MetricsCollected, delivery: Delivery) -> Iterable[Event]:
        seen.append((event, delivery))
        return [report(event.tenant_id)]

    async with running(way, handler) as worker:
        await publish(worker, sample("once"), event_id="event-once")
        await publish(worker, sample("once"), event_id="event-once")
        _, (headers, body) = await read(way.url, "DEMO_METRICS", "once", 2)
    assert len(seen) == 1
    delivery = seen[0][1]
    assert (delivery.mode, delivery.subject, delivery.attempt) == (Mode.DEMO, "metrics.collected", 1)
    assert headers["ce-type"] == "ai.ecp.sla.reported"
    assert headers["ce-source"] == "/ecp/test"
    assert headers["correlation-id"] == "req-1"
    assert headers["Nats-Msg-Id"] == headers["ce-id"] == derived_id("event-once", "monitor-stores", "sla.reported", "0")
    assert json.loads(body)["tenant_id"] == "once"


async def test_the_mode_comes_from_the_subject(way: Way) -> None:
    modes: asyncio.Queue[Mode] = asyncio.Queue()

    async def handler(event: MetricsCollected, delivery: Delivery) -> None:
        await modes.put(delivery.mode)

    async with running(way, handler) as worker:
        for mode in Mode:
            await publish(worker, sample("mode"), mode=mode)
            assert await asyncio.wait_for(modes.get(), 15) is mode


async def test_a_temporary_failure_is_tried_again_and_then_becomes_a_dead_letter(way: Way) -> None:
    attempts: list[int] = []

    async def handler(event: MetricsCollected, delivery: Delivery) -> None:
        if event.tenant_id == "tired":
            attempts.append(delivery.attempt)
            raise TemporaryError("not now", delay=0.01)

    async with running(way, handler) as worker:
        await publish(worker, sample("tired"))
        [(headers, _)] = await read(way.url, "DEMO_DLQ", "tired", 1)
    assert attempts == [1, 2, 3]
    assert headers["dlq-reason"] == "not now"
    assert headers["dlq-consumer"] == "monitor-stores"
    assert headers["dlq-subject"] == "metrics.collected"


async def test_an_outage_of_a_dependency_never_counts_as_an_attempt(way: Way) -> None:
    outage = iter(range(6))
    done = asyncio.Event()

    async def handler(event: MetricsCollected, delivery: Delivery) -> None:
        if event.tenant_id != "patient":
            return
        if next(outage, None) is not None:
            raise DependencyUnavailable("PostgreSQL", "connection refused")
        assert delivery.attempt == 1
        done.set()

    async with running(way, handler) as worker:
        await publish(worker, sample("patient"))
        await asyncio.wait_for(done.wait(), 60)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{broken", "Invalid JSON"),
        (b"[]", "should be an object"),
        (b'{"tenant_id": "bad-body-3", "time": "yesterday"}', "time:"),
        (b"", "Invalid JSON"),
    ],
)
async def test_a_body_that_its_model_refuses_is_a_dead_letter_with_the_reason(
    way: Way, body: bytes, reason: str
) -> None:
    async def handler(event: MetricsCollected, delivery: Delivery) -> None:
        raise AssertionError("must not be reached")

    name = derived_id("bad", body.decode())
    async with running(way, handler) as worker:
        await worker.publisher.publish_encoded(
            "demo.metrics.collected", body, {"Nats-Msg-Id": name, "ce-subject": name}
        )
        [(headers, kept)] = await read(way.url, "DEMO_DLQ", name, 1)
    assert reason in headers["dlq-reason"]
    assert headers["dlq-code"] == "VALIDATION_ERROR"
    assert kept == body


async def test_a_message_without_any_header_is_fine(way: Way) -> None:
    seen: asyncio.Queue[Delivery] = asyncio.Queue()

    async def handler(event: MetricsCollected, delivery: Delivery) -> None:
        if event.tenant_id == "plain":
            await seen.put(delivery)

    async with running(way, handler):
        client = await nats.connect(way.url)
        await client.publish("metrics.collected", sample("plain").model_dump_json().encode())
        delivery = await asyncio.wait_for(seen.get(), 60)
        await client.close()
    assert delivery.event_id == derived_id(*delivery.place)
    assert delivery.correlation_id == delivery.event_id


async def test_an_unexpected_exception_is_tried_again(way: Way) -> None:
    attempts: list[int] = []
    done = asyncio.Event()

    async def handler(event: MetricsCollected, delivery: Delivery) -> None:
        if event.tenant_id != "flaky":
            return
        attempts.append(delivery.attempt)
        if delivery.attempt == 1:
            raise ZeroDivisionError
        done.set()

    async with running(way, handler) as worker:
        await publish(worker, sample("flaky"))
        await asyncio.wait_for(done.wait(), 60)
    assert attempts == [1, 2]


async def test_a_stop_finishes_what_is_in_flight(way: Way) -> None:
    begun, release, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handler(event: MetricsCollected, delivery: Delivery) -> None:
        if event.tenant_id == "inflight":
            begun.set()
            await release.wait()
            finished.set()

    async with running(way, handler) as worker:
        await publish(worker, sample("inflight"))
        await asyncio.wait_for(begun.wait(), 60)
        stopping = asyncio.create_task(worker.stop())
        release.set()
        await stopping
        assert finished.is_set()
        await worker.start()


async def test_a_request_is_answered_refused_or_has_no_worker_to_answer_it(nats_url: str) -> None:
    async def answer(request: CalculateRequest, mode: Mode) -> RenderReply:
        if request.preset == "huge":
            raise Refused("no such preset", code="INVALID_PRESET", details={"presets": ["micro"]})
        if request.preset == "bug":
            raise KeyError("secret")
        return RenderReply(text=mode.value, digest="d", summary={})

    worker = Worker("calculator", BusSettings(nats_url=nats_url))
    worker.answer(Rpc.CALCULATE, CalculateRequest, answer)
    await worker.start()
    try:
        ask = CalculateRequest(service_requirements={"callbot": 1})
        for mode in Mode:
            assert (await worker.rpc.ask(Rpc.CALCULATE, ask, RenderReply, mode=mode)).text == mode
        with pytest.raises(Refused) as refused:
            await worker.rpc.ask(Rpc.CALCULATE, ask.model_copy(update={"preset": "huge"}), RenderReply, mode=Mode.DEMO)
        assert (refused.value.code, refused.value.details) == ("INVALID_PRESET", {"presets": ["micro"]})
        with pytest.raises(Refused) as failed:
            await worker.rpc.ask(Rpc.CALCULATE, ask.model_copy(update={"preset": "bug"}), RenderReply, mode=Mode.DEMO)
        assert failed.value.code == "INTERNAL"
        assert "secret" not in failed.value.message
        with pytest.raises(DependencyUnavailable) as unavailable:
            await worker.rpc.ask(Rpc.RENDER, ask, RenderReply, mode=Mode.DEMO)
        assert unavailable.value.code == "WORKER_UNAVAILABLE"
        assert unavailable.value.name == "manifest"
    finally:
        await worker.stop()


async def test_a_worker_that_has_started_answers_requests_of_any_connection(nats_url: str) -> None:
    async def answer(request: CalculateRequest, mode: Mode) -> RenderReply:
        return RenderReply(text=mode.value, digest="d", summary={})

    ask = CalculateRequest(service_requirements={"callbot": 1}).model_dump_json().encode()
    other = await nats.connect(nats_url)
    for _ in range(40):
        worker = Worker("calculator", BusSettings(nats_url=nats_url))
        worker.answer(Rpc.CALCULATE, CalculateRequest, answer)
        await worker.start()
        try:
            assert json.loads((await other.request(Mode.DEMO.subject(Rpc.CALCULATE), ask, timeout=10)).data)["ok"]
        finally:
            await worker.stop()
    await other.close()


async def test_a_request_whose_sender_stopped_waiting_is_dropped_and_the_next_one_is_answered(nats_url: str) -> None:
    asked: list[str | None] = []
    slow = asyncio.Event()

    async def answer(request: CalculateRequest, mode: Mode) -> RenderReply:
        asked.append(request.preset)
        if request.preset == "slow":
            await slow.wait()
        return RenderReply(text=mode.value, digest="d", summary={})

    worker = Worker("calculator", BusSettings(nats_url=nats_url))
    worker.answer(Rpc.CALCULATE, CalculateRequest, answer)
    await worker.start()
    try:
        subject, inbox = Mode.DEMO.subject(Rpc.CALCULATE), "_INBOX.calculator.left"

        async def ask(preset: str, left: float) -> None:
            request = CalculateRequest(service_requirements={"callbot": 1}, preset=preset)
            headers = deadline_header(left, time.time())
            body = request.model_dump_json().encode()
            await worker.broker.connection.publish(subject, body, reply=inbox, headers=headers)

        await ask("slow", 60)
        await until(lambda: asked == ["slow"], 60)
        await ask("expired", -CLOCK_TOLERANCE)
        slow.set()
        live = CalculateRequest(service_requirements={"callbot": 1}, preset="live")
        assert (await worker.rpc.ask(Rpc.CALCULATE, live, RenderReply, mode=Mode.DEMO, timeout=30)).text == Mode.DEMO
        assert asked == ["slow", "live"]
        assert worker.registry.get_sample_value("ecp_rpc_expired_total") == 1
    finally:
        await worker.stop()


async def test_work_on_a_request_ends_when_its_sender_leaves(nats_url: str) -> None:
    ended = asyncio.Event()

    async def never(request: CalculateRequest, mode: Mode) -> RenderReply:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    worker = Worker("calculator", BusSettings(nats_url=nats_url))
    worker.answer(Rpc.CALCULATE, CalculateRequest, never, concurrency=2)
    await worker.start()
    try:
        with pytest.raises(DependencyUnavailable):
            request = CalculateRequest(service_requirements={"callbot": 1})
            await worker.rpc.ask(Rpc.CALCULATE, request, RenderReply, mode=Mode.DEMO, timeout=0.1)
        async with asyncio.timeout(60):
            await ended.wait()
    finally:
        await worker.stop()


async def test_a_permanent_failure_is_a_dead_letter_at_once(way: Way) -> None:
    async def handler(event: MetricsCollected, delivery: Delivery) -> None:
        if event.tenant_id == "never":
            raise PermanentError("한글 reason\nin two lines", code="NO_WAY")

    async with running(way, handler) as worker:
        await publish(worker, sample("never"))
        [(headers, _)] = await read(way.url, "DEMO_DLQ", "never", 1)
    assert headers["dlq-code"] == "NO_WAY"
    assert headers["dlq-reason"].endswith("reason in two lines")
    assert headers["dlq-attempts"] == "1"


async def test_a_dead_letter_can_be_listed_shown_replayed_to_the_consumer_that_failed_and_dropped(
    way: Way,
) -> None:
    well = asyncio.Event()
    handled: asyncio.Queue[Delivery] = asyncio.Queue()

    async def handler(event: MetricsCollected, delivery: Delivery) -> None:
        if event.tenant_id != "replayed":
            return
        if not well.is_set():
            raise PermanentError("the disk is full", code="DISK_FULL")
        await handled.put(delivery)

    async with running(way, handler) as worker:
        letters = DeadLetters(worker.jetstream, Mode.DEMO)
        for number in (1, 2):
            await publish(worker, sample("replayed", number), event_id=f"replayed-{number}")
        await read(way.url, "DEMO_DLQ", "replayed", 2)
        first, second = [letter async for letter in letters.all() if letter.tenant_id == "replayed"]
        assert (first.code, first.reason, first.consumer) == ("DISK_FULL", "the disk is full", "monitor-stores")
        assert (await letters.get(first.sequence)).content["values"] == {"cpu": 1.0}

        well.set()
        await letters.replay(first.sequence)
        await letters.drop(second.sequence)
        again = await asyncio.wait_for(handled.get(), 60)
        assert (again.event_id, again.replay_for) == (first.event_id, "monitor-stores")
        for gone in (first, second):
            with pytest.raises(Refused, match="no dead letter"):
                await letters.get(gone.sequence)


async def test_a_replay_for_another_consumer_is_left_out(way: Way) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def handler(event: MetricsCollected, delivery: Delivery) -> None:
        await seen.put(event.tenant_id)

    async with running(way, handler) as worker:
        for tenant, durable in (("not-mine", "another-durable"), ("mine", "monitor-stores")):
            headers = {"Nats-Msg-Id": f"for-{tenant}", "replay-for": durable}
            await worker.publisher.publish_encoded(
                "demo.metrics.collected", sample(tenant).model_dump_json().encode(), headers
            )
        assert await asyncio.wait_for(seen.get(), 15) == "mine"
