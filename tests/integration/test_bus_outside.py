"""Other systems on a real server with our accounts: their events are only requests, whatever they contain."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import nats
import nats.errors
import pytest
from nats.aio.client import Client
from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError, ServiceUnavailableError
from sqlalchemy import text

from embedded.accounts import authorization, passwords
from embedded.child import until
from embedded.errors import EmbeddedError
from embedded.nats import NatsServer, adopt_streams
from embedded.postgres import PostgresServer
from services.calculator import app as calculator
from services.calculator.settings import CalculatorSettings
from services.manifest import app as manifest
from services.manifest.settings import ManifestSettings
from services.monitor.handlers import ingest_sample
from services.monitor.metric_names import KUBERNETES
from services.monitor.publisher import sample_id
from services.monitor.sample_senders import SampleSenders
from shared.access import BOOTSTRAP, OPERATOR, OUTSIDE, crossings, inbox
from shared.bus.bootstrap import bootstrap, consumer_config
from shared.bus.dead_letters import DeadLetters, Letter
from shared.bus.envelope import encode
from shared.events import MetricsCollected
from shared.examples import EXAMPLES
from shared.identity.systems import OutsideSystems
from shared.subjects import (
    EARLIER_INTAKE,
    GATEWAY_INGESTS_OUTSIDE,
    MONITOR_INGESTS_OUTSIDE,
    PUBLISHED_BY_OTHERS,
    Durable,
    Mode,
    Stream,
    Subject,
)
from tests.support.gateway import (
    DEMO,
    Gateway,
    make_databases,
    running_gateway,
    tenant,
    wait_until_ready,
)
from tests.support.guarded_bus import GuardedBus, deployed_bus, deployed_url, embedded_bus, start_deployed
from tests.support.polling import eventually

FORGED = {
    "ce-source": "/ecp/gateway",
    "ce-specversion": "1.0",
    "ce-type": "ai.ecp.deploy.requested",
    "ce-subject": "another-tenant",
    "ce-time": "2020-01-01T00:00:00+00:00",
    "content-type": "application/json",
    "correlation-id": "req-of-another-client",
    "replay-for": "calculator-sizes-deployments",
    "dlq-cut": "the first part",
    "dlq-consumer": "calculator-sizes-deployments",
}
"""The headers of the gateway's own events, and all other headers that a service reads."""


@pytest.fixture(scope="module", params=[embedded_bus, deployed_bus], ids=["embedded", "deployed"])
async def bus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GuardedBus]:
    async with request.param(tmp_path_factory.mktemp("outside")) as guarded:
        yield guarded


@pytest.fixture
async def outside(bus: GuardedBus) -> AsyncIterator[Client]:
    client = await bus.client(OUTSIDE)
    yield client
    await client.close()


@pytest.fixture
async def operator(bus: GuardedBus) -> AsyncIterator[Client]:
    client = await bus.client(OPERATOR)
    yield client
    await client.close()


@dataclass
class Pipeline:
    """A gateway and its workers, each with its own permissions, and a client that reads the stream."""

    gateway: Gateway
    watcher: Client

    async def published(self, tenant_id: str) -> list[tuple[str, Any, Any]]:
        """Subject, generation and revision of all events of a tenant on our stream."""
        jetstream = self.watcher.jetstream()
        state = (await jetstream.stream_info("DEMO_ECP")).state
        messages = [await jetstream.get_msg("DEMO_ECP", seq) for seq in range(state.first_seq, state.last_seq + 1)]
        bodies = [(each.subject or "", json.loads(each.data or b"{}")) for each in messages]
        return [
            (subject, body.get("generation"), body.get("revision"))
            for subject, body in bodies
            if body.get("tenant_id") == tenant_id
        ]


@pytest.fixture(scope="module")
async def pipeline(bus: GuardedBus, postgres: PostgresServer) -> AsyncIterator[Pipeline]:
    workers = [
        calculator.build(CalculatorSettings(nats_url=bus.url("calculator"))),
        manifest.build(ManifestSettings(nats_url=bus.url("manifest"))),
    ]
    for worker in workers:
        await worker.start()
    watcher = await bus.client(BOOTSTRAP)
    name = f"outside_{Path(bus.configuration).parent.name.replace('-', '_')}"
    async with running_gateway(nats_url=bus.url("gateway"), **await make_databases(postgres, name)) as gateway:
        await wait_until_ready(gateway)
        yield Pipeline(gateway, watcher)
    await watcher.close()
    for worker in workers:
        await worker.stop()


async def publish(client: Client, subject: str, body: Any, headers: dict[str, str] | None = None) -> Any:
    return await client.jetstream(timeout=30).publish(f"demo.{subject}", json.dumps(body).encode(), headers=headers)


async def letters_for(operator: Client, wanted: str) -> list[Letter]:
    """The dead letters that mention `wanted`, as soon as there is one."""
    found: list[Letter] = []

    async def there_is_one() -> bool:
        letters = [each async for each in DeadLetters(operator.jetstream(), Mode.DEMO).all()]
        found[:] = [each for each in letters if wanted in each.body.decode(errors="replace")]
        return bool(found)

    await until(there_is_one, 60)
    return found


async def test_events_of_others_are_acknowledged_by_a_stream_that_drops_duplicates(
    outside: Client, bus: GuardedBus
) -> None:
    jetstream = outside.jetstream(timeout=30)
    for subject in crossings():
        headers = {"Nats-Msg-Id": f"once-{subject}"}
        first = await jetstream.publish(subject, b"{}", headers=headers)
        again = await jetstream.publish(subject, b"{}", headers=headers)
        assert first.stream == ("DEMO_OUTSIDE" if subject.startswith("demo.") else "OUTSIDE")
        assert (again.seq, again.duplicate) == (first.seq, True)


async def test_others_reach_nothing_but_these_subjects(outside: Client, bus: GuardedBus) -> None:
    beyond = [
        *(subject for subject in Subject if subject not in PUBLISHED_BY_OTHERS),
        *crossings().values(),
        "dlq.tenant.created",
        "$KV.desired.simulator.a",
        "$KV.manifests.x",
        "rpc.calculate",
        "$JS.API.STREAM.INFO.ECP",
        "$JS.API.CONSUMER.DELETE.ECP.gateway-projects",
        "$JS.ACK.OUTSIDE.gateway-takes-in-outside.1.1.1.1.1",
    ]
    asked = (outside.request(subject, b"{}", timeout=1) for subject in beyond)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in answers if not isinstance(each, nats.errors.Error | TimeoutError)] == []


async def test_the_server_keeps_others_apart_even_if_their_user_might_do_everything(tmp_path: Path) -> None:
    """The NATS account alone is sufficient; the user's permissions are an additional restriction."""
    block = json.loads(authorization(passwords(tmp_path / "passwords.json")).removeprefix("accounts: "))
    [user] = block["OUTSIDE"]["users"]
    user.pop("permissions")
    server = NatsServer(tmp_path, authorization=f"accounts: {json.dumps(block)}\n")
    await server.start()
    try:
        guarded = GuardedBus(server.url, passwords(tmp_path / "passwords.json"), tmp_path / "nats.conf")
        await guarded.prepare()
        client, gateway = await guarded.client(OUTSIDE), await guarded.client("gateway")
        heard = await client.subscribe(">")
        jetstream = client.jetstream(timeout=1)
        with pytest.raises(ServiceUnavailableError):
            await jetstream.stream_info("ECP")
        for subject in ("operation.requested", "outside.tenant.created", "dlq.x", "$KV.desired.simulator.a"):
            with pytest.raises(nats.errors.Error):
                await client.request(subject, b"{}", timeout=0.3)
        await gateway.jetstream().publish(Subject.TENANT_CREATED, b"ours")
        await client.publish("last", b"")
        bodies = []
        async for message in heard.messages:
            bodies.append(message.data)
            if message.subject == "last":
                break
        assert b"ours" not in bodies
        assert (await jetstream.publish(Subject.TENANT_CREATED, b"{}")).stream == "OUTSIDE"
        await client.close()
        await gateway.close()
    finally:
        await server.stop()


@pytest.mark.parametrize("subject", [Subject.TENANT_CREATED, Subject.DEPLOY_REQUESTED])
async def test_an_event_with_forged_headers_and_fields_has_the_same_outcome_as_a_plain_one(
    pipeline: Pipeline, outside: Client, subject: str
) -> None:
    honest, forger = tenant(), tenant()
    own = {"generation": 999_999, "revision": 55, "deployment_id": "dep-forged", "target": "simulator"}
    await publish(outside, subject, honest)
    forged = {**FORGED, "ce-id": f"of-{forger['tenant_id']}", "Nats-Msg-Id": f"of-{forger['tenant_id']}"}
    await publish(outside, subject, {**forger, "spec": forger, **own}, forged)
    outcomes = []
    for wanted in (honest, forger):
        path = f"/tenants/{wanted['tenant_id']}"

        async def is_there(path: str = path) -> bool:
            return (await pipeline.gateway.http.get(path, headers=DEMO)).status_code == 200

        await eventually(is_there)
        await pipeline.gateway.eventually(f"{path}/deployment-status", phase="validating")

        async def all_is_published(tenant_id: str = wanted["tenant_id"]) -> bool:
            """Two events of the gateway, two sizings and a manifest."""
            return len(await pipeline.published(tenant_id)) == 5

        await eventually(all_is_published)
        stored = await pipeline.gateway.get(path)
        # The sizings of the tenant and of the deployment are published in either order.
        events = sorted(await pipeline.published(wanted["tenant_id"]), key=str)
        outcomes.append((stored["generation"], stored["revision"], events))
        assert stored["deployment_id"] != "dep-forged"
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][:2] == (1, 1)


async def test_what_is_refused_is_a_dead_letter_that_can_be_replayed(
    pipeline: Pipeline, outside: Client, operator: Client
) -> None:
    created = await pipeline.gateway.create()
    wanted = tenant(tenant_id=created["tenant_id"], deploy=False)
    forged = {**FORGED, "ce-id": f"refused-{created['tenant_id']}"}
    await publish(outside, Subject.TENANT_CREATED, wanted, forged)
    [letter] = await letters_for(operator, created["tenant_id"])
    assert (letter.code, letter.subject) == ("TENANT_ALREADY_EXISTS", "outside.tenant.created")
    assert letter.consumer == GATEWAY_INGESTS_OUTSIDE.name
    async with pipeline.gateway.database.begin() as connection:
        await connection.execute(text("DELETE FROM tenants WHERE tenant_id = :id"), {"id": created["tenant_id"]})

    await DeadLetters(operator.jetstream(timeout=30), Mode.DEMO).replay(letter.sequence)

    async def is_there() -> bool:
        answer = await pipeline.gateway.http.get(f"/tenants/{created['tenant_id']}", headers=DEMO)
        return answer.status_code == 200 and answer.json()["deployment_id"] is None

    await eventually(is_there)


async def test_handled_events_make_room_for_more(pipeline: Pipeline, outside: Client) -> None:
    """Events of others are rejected only while too many wait, and they can't fill our streams."""
    await publish(outside, Subject.TENANT_CREATED, tenant(deploy=False))
    await publish(outside, Subject.DEPLOY_REQUESTED, {"broken": True})

    async def nothing_waits() -> bool:
        filtered = "demo.outside.*.*"
        state = (await pipeline.watcher.jetstream().stream_info("DEMO_OUTSIDE", subjects_filter=filtered)).state
        left = state.subjects or {}
        return not any(name for name in left if not name.endswith("metrics.collected"))

    await until(nothing_waits, 60)


async def test_a_sample_of_others_is_published_again_and_displaces_none_of_the_monitor_s(
    bus: GuardedBus, outside: Client, operator: Client
) -> None:
    monitor = bus.worker("monitor")
    monitor.on(
        MONITOR_INGESTS_OUTSIDE,
        partial(
            ingest_sample,
            buses={mode: monitor.bus(mode) for mode in Mode},
            senders=SampleSenders(OutsideSystems(None), {}),
        ),
    )
    sample = EXAMPLES[Subject.METRICS_COLLECTED]
    assert isinstance(sample, MetricsCollected)
    genuine = sample_id(Mode.DEMO, sample.tenant_id, sample.time)
    under_our_name = sample.model_copy(update={"source": KUBERNETES}).model_dump(mode="json")
    theirs = sample.model_copy(update={"source": "their-own"}).model_dump(mode="json")
    await monitor.start()
    try:
        watcher = await bus.client("gateway")
        subscription = await watcher.jetstream().subscribe(
            "demo.metrics.collected",
            stream="DEMO_METRICS",
            ordered_consumer=True,
            config=ConsumerConfig(name="gateway-feed-x"),
        )
        await publish(outside, Subject.METRICS_COLLECTED, under_our_name, {**FORGED, "ce-id": genuine})
        [letter] = await letters_for(operator, KUBERNETES)
        assert (letter.code, letter.consumer) == ("VALIDATION_ERROR", MONITOR_INGESTS_OUTSIDE.name)
        for message_id in (genuine, "another"):
            headers = {**FORGED, "ce-id": genuine, "Nats-Msg-Id": message_id}
            await publish(outside, Subject.METRICS_COLLECTED, theirs, headers)
        samples = [await subscription.next_msg(timeout=60) for _ in range(2)]
        assert [json.loads(each.data)["source"] for each in samples] == ["their-own"] * 2
        assert {(each.headers or {})["ce-source"] for each in samples} == {"/ecp/monitor"}
        await monitor.publisher.publish(sample, mode=Mode.DEMO, event_id=genuine, correlation_id="c")
        ours = await subscription.next_msg(timeout=60)
        assert (ours.headers or {})["ce-id"] == genuine
        await watcher.close()
    finally:
        await monitor.stop()


async def test_a_publisher_goes_on_after_an_outage(tmp_path: Path) -> None:
    secrets = passwords(tmp_path / "passwords.json")
    server = NatsServer(tmp_path, authorization=authorization(secrets))
    await server.start()
    try:
        guarded = GuardedBus(server.url, secrets, tmp_path / "nats.conf")
        await guarded.prepare()
        client = await nats.connect(
            guarded.url(OUTSIDE), inbox_prefix=inbox(OUTSIDE), reconnect_time_wait=0.05, max_reconnect_attempts=-1
        )
        first = await client.jetstream().publish(Subject.TENANT_CREATED, b"{}", headers={"Nats-Msg-Id": "x"})
        server.kill()
        await server.start()
        await until(lambda: _true(client.is_connected), 60)
        again = await client.jetstream().publish(Subject.TENANT_CREATED, b"{}", headers={"Nats-Msg-Id": "x"})
        assert (again.seq, again.duplicate) == (first.seq, True)
        await client.close()
    finally:
        await server.stop()


async def _true(value: bool) -> bool:
    return value


async def embedded_again(directory: Path) -> tuple[str, dict[str, str], Callable[[], Awaitable[None]]]:
    secrets = passwords(directory / "passwords.json")
    adopt_streams(directory / "jetstream")
    server = NatsServer(directory, authorization=authorization(secrets))
    await server.start()
    return server.url, secrets, server.stop


async def deployed_again(directory: Path) -> tuple[str, dict[str, str], Callable[[], Awaitable[None]]]:
    secrets = {account: f"of-{account}" for account in passwords(directory / "passwords.json")}
    server = start_deployed(directory, secrets)
    return await deployed_url(server, directory), secrets, server.stop


@pytest.mark.parametrize("again", [embedded_again, deployed_again], ids=["embedded", "deployed"])
async def test_two_sets_of_streams_are_left_as_they_are_and_stop_the_start(
    tmp_path: Path, again: Callable[[Path], Awaitable[Any]]
) -> None:
    folders = [tmp_path / "jetstream" / "jetstream" / account for account in ("$G", "SERVICES")]
    for folder in folders:
        folder.mkdir(parents=True)
    with pytest.raises(EmbeddedError, match="remove one of the two"):
        await again(tmp_path)
    assert all(folder.exists() for folder in folders)


@pytest.mark.parametrize("again", [embedded_again, deployed_again], ids=["embedded", "deployed"])
async def test_streams_of_a_version_without_accounts_are_kept_with_what_waits_in_them(
    tmp_path: Path, again: Callable[[Path], Awaitable[tuple[str, dict[str, str], Callable[[], Awaitable[None]]]]]
) -> None:
    earlier = NatsServer(tmp_path, authorization="")
    await earlier.start()
    client = await nats.connect(earlier.url)
    jetstream = client.jetstream()
    await bootstrap(jetstream)
    for mode in Mode:
        await jetstream.delete_stream(mode.stream(Stream.OUTSIDE))
        subjects = [mode.subject(subject) for subject in (Subject.TENANT_CREATED, Subject.DEPLOY_REQUESTED)]
        intake = Durable(EARLIER_INTAKE, Stream.ECP, tuple(subjects))
        await jetstream.add_consumer(
            mode.stream(Stream.ECP), replace(consumer_config(mode, intake), filter_subjects=subjects)
        )
    ours = encode(
        EXAMPLES[Subject.TENANT_CREATED], mode=Mode.DEMO, event_id="ours", correlation_id="c", source="gateway"
    )
    await jetstream.publish("demo.tenant.created", b'{"tenant_id": "of-before"}')
    await jetstream.publish(ours.subject, ours.body, headers=ours.headers)
    await (await jetstream.key_value("demo_desired")).put("simulator.a", b"1")
    sizing = await jetstream.pull_subscribe_bind("calculator-sizes-tenants", stream="DEMO_ECP")
    for message in await sizing.fetch(2, timeout=60):
        await message.ack_sync()
    await client.close()
    await earlier.stop()

    url, secrets, stop = await again(tmp_path)
    try:
        guarded = GuardedBus(url, secrets, tmp_path / "nats.conf")
        await guarded.prepare()
        client = await guarded.client(BOOTSTRAP)
        jetstream = client.jetstream()
        assert (await jetstream.consumer_info("DEMO_ECP", "calculator-sizes-tenants")).num_pending == 0
        with pytest.raises(NotFoundError):
            await jetstream.consumer_info("DEMO_ECP", EARLIER_INTAKE)
        moved = await jetstream.get_last_msg("DEMO_OUTSIDE", "demo.outside.tenant.created")
        assert moved.data == b'{"tenant_id": "of-before"}'
        assert (await jetstream.stream_info("DEMO_OUTSIDE")).state.messages == 1
        assert (await jetstream.stream_info("DEMO_ECP")).state.messages == 1, "only ours stays"
        assert (await client.jetstream().get_last_msg("KV_demo_desired", "$KV.demo_desired.simulator.a")).data == b"1"
        await client.close()
    finally:
        await stop()
