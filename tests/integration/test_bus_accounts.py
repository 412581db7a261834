"""Least privilege on a real server: each account has exactly the permissions that its service needs."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import nats.errors
import pytest
from nats.aio.client import Client
from nats.js.api import ConsumerConfig
from nats.js.errors import BucketNotFoundError, KeyNotFoundError

from embedded.accounts import passwords
from embedded.child import until
from embedded.nats import NatsServer, adopt_streams
from shared.access import ACCESS, BOOTSTRAP, OPERATOR, OUTSIDE
from shared.bus import Delivery, Worker
from shared.bus.dead_letters import DeadLetters
from shared.bus.envelope import encode
from shared.errors import DependencyUnavailable, PermanentError, TemporaryError
from shared.events import DeadLetter, Event
from shared.examples import EXAMPLES
from shared.rpc import CalculateRequest, RenderReply
from shared.subjects import (
    CALCULATOR_SIZES_DEPLOYMENTS,
    DURABLES,
    GATEWAY_FAILS_DEAD_LETTERS,
    MONITOR_STORES,
    Bucket,
    Durable,
    Mode,
    Rpc,
    Stream,
    Subject,
)
from tests.support.guarded_bus import GuardedBus, embedded_bus

SERVICES = ("gateway", "calculator", "manifest", "deployer", "monitor")


@pytest.fixture(scope="module")
async def bus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GuardedBus]:
    async with embedded_bus(tmp_path_factory.mktemp("guarded")) as guarded:
        yield guarded


async def can_publish(worker: Worker, subject: Subject, number: int) -> bool:
    try:
        await worker.publisher.publish(
            EXAMPLES[subject], mode=Mode.DEMO, event_id=f"{worker.service}-{subject}-{number}", correlation_id="c"
        )
    except DependencyUnavailable:
        return False
    return True


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_publishes_its_own_events_and_dead_letters_those_it_cannot_handle(
    bus: GuardedBus, service: str
) -> None:
    async def fail(event: Event, delivery: Delivery) -> None:
        raise PermanentError(f"{service} fails on purpose")

    operator = await bus.client(OPERATOR)
    worker = bus.worker(service)
    durables = [each for each in ACCESS[service].consumes if each.stream is not Stream.DLQ]
    assert durables
    for durable in durables:
        worker.on(durable, fail, concurrency=1)
    await worker.start()
    try:
        for number, subject in enumerate(ACCESS[service].publishes):
            assert await can_publish(worker, subject, number), subject
        forbidden = next(subject for subject in Subject if subject not in ACCESS[service].publishes)
        assert not await can_publish(worker, forbidden, 0)
        wanted = {(durable.name, subject) for durable in durables for subject in durable.subjects}
        for number, (consumer, filtered) in enumerate(sorted(wanted)):
            await publish_for(operator, consumer, filtered, f"{service}-dead-letter-{number}")

        async def all_are_dead_letters() -> bool:
            return wanted <= await dead_letters(operator)

        await until(all_are_dead_letters, 60)
    finally:
        await worker.stop()
        await operator.close()


async def dead_letters(client: Client) -> set[tuple[str, str]]:
    """Consumer and subject of each dead letter."""
    return {(each.consumer, each.subject) async for each in DeadLetters(client.jetstream(), Mode.DEMO).all()}


async def published_failures(client: Client) -> int:
    subject = "demo.deploy.failed"
    state = (await client.jetstream().stream_info("DEMO_ECP", subjects_filter=subject)).state
    return (state.subjects or {}).get(subject, 0)


async def publish_for(client: Client, consumer: str, subject: str, event_id: str) -> None:
    """Publish an event for `consumer`."""
    example = EXAMPLES[Subject(subject.removeprefix("outside."))]
    encoded = encode(example, mode=Mode.DEMO, event_id=event_id, correlation_id="c", source="gateway")
    await client.jetstream().publish(Mode.DEMO.subject(subject), encoded.body, headers=encoded.headers)


async def test_the_gateway_may_publish_that_a_dead_letter_s_deployment_has_failed(bus: GuardedBus) -> None:
    async def fail_dead_letter(letter: DeadLetter, delivery: Delivery) -> list[Event]:
        return [EXAMPLES[Subject.DEPLOY_FAILED]]

    gateway, calculator = bus.worker("gateway"), bus.worker("calculator")

    async def fail(event: Event, delivery: Delivery) -> None:
        raise PermanentError("on purpose")

    gateway.on(GATEWAY_FAILS_DEAD_LETTERS, fail_dead_letter)
    calculator.on(CALCULATOR_SIZES_DEPLOYMENTS, fail)
    operator, listener = await bus.client(OPERATOR), await bus.client(BOOTSTRAP)
    before = await published_failures(listener)
    await gateway.start()
    await calculator.start()
    try:
        await publish_for(operator, CALCULATOR_SIZES_DEPLOYMENTS.name, Subject.DEPLOY_REQUESTED, "to-be-dead-lettered")

        async def one_is_published() -> bool:
            return await published_failures(listener) > before

        await until(one_is_published, 60)
    finally:
        await calculator.stop()
        await gateway.stop()
        await operator.close()
        await listener.close()


@pytest.mark.parametrize("service", [name for name in SERVICES if ACCESS[name].keeps])
async def test_a_service_reads_and_writes_its_own_buckets_and_no_others(bus: GuardedBus, service: str) -> None:
    worker = bus.worker(service)
    await worker.start()
    try:
        for bucket in ACCESS[service].keeps:
            values = await worker.key_value(bucket, Mode.DEMO)
            revision = await values.create(f"{service}.x", b"1")
            await values.update(f"{service}.x", b"2", last=revision)
            assert (await values.get(f"{service}.x")).value == b"2"
            if bucket in ACCESS[service].watches:
                watcher = await values.watchall()
                assert await watcher.updates(timeout=5)
                await watcher.stop()
            await values.delete(f"{service}.x")
        for foreign in sorted({*Bucket} - {*ACCESS[service].keeps, *ACCESS[service].reads, Bucket.TRIES})[:1]:
            with pytest.raises(DependencyUnavailable):
                await worker.key_value(foreign, Mode.DEMO)
    finally:
        await worker.stop()


async def test_a_request_is_answered_within_the_permissions_of_both_sides(bus: GuardedBus) -> None:
    async def answer(request: CalculateRequest, mode: Mode) -> RenderReply:
        return RenderReply(text="yes", digest="", summary={})

    calculator, gateway = bus.worker("calculator"), bus.worker("gateway")
    calculator.answer(Rpc.CALCULATE, CalculateRequest, answer)
    await calculator.start()
    await gateway.start()
    try:
        request = CalculateRequest(service_requirements={"callbot": 1})
        assert (await gateway.rpc.ask(Rpc.CALCULATE, request, RenderReply, mode=Mode.DEMO)).text == "yes"
    finally:
        await gateway.stop()
        await calculator.stop()


async def test_a_gateway_follows_a_stream_with_an_ordered_consumer(bus: GuardedBus) -> None:
    gateway = await bus.client("gateway")
    event = EXAMPLES[Subject.METRICS_COLLECTED]
    named = ConsumerConfig(name="gateway-feed-x")
    subscription = await gateway.jetstream().subscribe(">", stream="METRICS", ordered_consumer=True, config=named)
    await gateway.jetstream().publish(Subject.METRICS_COLLECTED, event.model_dump_json().encode())
    assert (await subscription.next_msg(timeout=60)).subject == "metrics.collected"
    assert await gateway.jetstream().delete_consumer("METRICS", "gateway-feed-x")
    await gateway.close()


async def test_a_monitor_fetches_a_manifest_that_it_can_neither_write_nor_remove(bus: GuardedBus) -> None:
    deployer, monitor = bus.worker("deployer"), bus.worker("monitor")
    await deployer.start()
    await monitor.start()
    try:
        # The deployer stores what it adopts.
        await (await deployer.key_value(Bucket.MANIFESTS, Mode.DEMO)).put("0a", b"kind: Service")
        theirs = await monitor.broker.connection.jetstream(timeout=0.5).key_value(Mode.DEMO.bucket(Bucket.MANIFESTS))
        for forbidden in (theirs.put("0a", b"kind: Secret"), theirs.delete("0a")):
            with pytest.raises(nats.errors.TimeoutError):
                await forbidden
        assert (await theirs.get("0a")).value == b"kind: Service"
    finally:
        await monitor.stop()
        await deployer.stop()


@pytest.mark.parametrize("account", [*SERVICES, OPERATOR, OUTSIDE])
async def test_only_the_bootstrap_can_delete_create_or_change_a_durable(bus: GuardedBus, account: str) -> None:
    """Also through the API for unnamed consumers: NATS 2.15 updates the durable that the request body names."""
    client, bootstrap = await bus.client(account), await bus.client(BOOTSTRAP)
    before = [await consumer(bootstrap, mode, durable) for mode in Mode for durable in DURABLES]
    asked = [ask for mode in Mode for durable in DURABLES for ask in ways_to_change(mode, durable)]
    asked += [
        (f"$JS.API.CONSUMER.MSG.NEXT.{mode.stream(durable.stream)}.{durable.name}", None)
        for mode in Mode
        for durable in DURABLES
        if durable not in ACCESS[account].consumes
    ]
    bodies = [b"" if body is None else json.dumps(body).encode() for _, body in asked]
    requests = (client.request(subject, body, 1) for (subject, _), body in zip(asked, bodies, strict=True))
    answers = await asyncio.gather(*requests, return_exceptions=True)
    refused = [each if isinstance(each, Exception) else json.loads(each.data).get("error") for each in answers]
    assert all(refused), [subject for (subject, _), each in zip(asked, refused, strict=True) if not each]
    assert [await consumer(bootstrap, mode, durable) for mode in Mode for durable in DURABLES] == before
    await client.close()
    await bootstrap.close()


def ways_to_change(mode: Mode, durable: Durable) -> list[tuple[str, dict[str, Any] | None]]:
    """Subjects of JetStream's API, and a request body for each."""
    stream, name = mode.stream(durable.stream), durable.name
    config = {"name": name, "filter_subject": "x", "ack_policy": "explicit", "inactive_threshold": 10**9}
    changed, made = {"config": config}, {"config": config | {"durable_name": name}}
    ways: list[tuple[str, dict[str, Any] | None]] = [
        (f"DELETE.{stream}.{name}", None),
        (f"CREATE.{stream}", changed),
        (f"CREATE.{stream}.{name}", changed),
        (f"CREATE.{stream}.{name}.x", changed),
        (f"CREATE.{stream}.other", made),
        (f"DURABLE.CREATE.{stream}.{name}", made),
    ]
    return [(f"$JS.API.CONSUMER.{way}", body and {"stream_name": stream, **body}) for way, body in ways]


async def consumer(client: Client, mode: Mode, durable: Durable) -> tuple[datetime | None, ConsumerConfig]:
    """Creation time and configuration of a durable."""
    info = await client.jetstream().consumer_info(mode.stream(durable.stream), durable.name)
    return info.created, info.config


async def test_a_service_counts_delivery_attempts_within_its_permissions(bus: GuardedBus) -> None:
    attempts: list[int] = []
    buried = asyncio.Event()

    async def fail(event: Event, delivery: Delivery) -> None:
        if delivery.event_id == "tried":
            attempts.append(delivery.attempt)
            if len(attempts) == 3:
                buried.set()
            raise TemporaryError("not now", delay=0.01)

    monitor = bus.worker("monitor", max_attempts=3)
    monitor.on(MONITOR_STORES, fail, concurrency=1)
    await monitor.start()
    try:
        sample = EXAMPLES[Subject.METRICS_COLLECTED]
        await monitor.publisher.publish(sample, mode=Mode.DEMO, event_id="tried", correlation_id="c")
        await asyncio.wait_for(buried.wait(), 60)
        marks = await monitor.key_value(Bucket.TRIES, Mode.DEMO)
        with pytest.raises(nats.errors.TimeoutError):
            await marks.put("manifest-renders.1", b"9")
    finally:
        await monitor.stop()
    assert attempts == [1, 2, 3]


async def test_the_operator_s_account_lists_replays_and_drops_dead_letters(bus: GuardedBus) -> None:
    monitor = bus.worker("monitor")
    await monitor.start()
    headers = {"Nats-Msg-Id": "dead", "dlq-subject": "metrics.collected", "dlq-consumer": "monitor-stores"}
    for number in ("1", "2"):
        await monitor.publisher.publish_encoded("dlq.metrics.collected", b"{}", headers | {"Nats-Msg-Id": number})
    await monitor.stop()
    operator = await bus.client(OPERATOR)
    letters = DeadLetters(operator.jetstream(timeout=30), Mode.PRODUCTION)
    first, second = [letter.sequence async for letter in letters.all()][-2:]
    await letters.replay(first)
    await letters.drop(second)
    assert not {first, second} & {letter.sequence async for letter in letters.all()}
    await operator.close()


def test_the_server_s_configuration_is_readable_by_its_owner_only(bus: GuardedBus) -> None:
    assert bus.configuration.stat().st_mode & 0o077 == 0


def test_passwords_are_made_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "passwords.json"
    assert passwords(file) == passwords(file)
    assert set(passwords(file)) == set(ACCESS)
    assert file.stat().st_mode & 0o077 == 0


async def test_manifests_of_an_earlier_version_are_moved_by_the_bootstrap(tmp_path: Path) -> None:
    name, long = Mode.DEMO.bucket(Bucket.MANIFESTS), b"x" * 1_500_000
    unguarded = NatsServer(tmp_path, authorization="")
    await unguarded.start()
    client = await nats.connect(unguarded.url)
    store = await client.jetstream().create_object_store(name)
    for digest, text in (("sha256:0a", b"kind: Namespace"), ("sha256:0b", long), ("sha256:0c", b"gone")):
        await store.put(digest, text)
    await store.delete("sha256:0c")
    await client.close()
    await unguarded.stop()
    adopt_streams(tmp_path / "jetstream")
    async with embedded_bus(tmp_path) as bus:
        await bus.prepare()
        client = await bus.client(BOOTSTRAP)
        bucket = await client.jetstream().key_value(name)
        assert (await bucket.get("0a")).value == b"kind: Namespace"
        assert (await bucket.get("0b")).value == long
        with pytest.raises(KeyNotFoundError):
            await bucket.get("0c")
        with pytest.raises(BucketNotFoundError):
            await client.jetstream().object_store(name)
        await client.close()
