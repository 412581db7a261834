"""Named other systems on a real server: none can delay another, publish as another or displace its events."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import nats
import nats.errors
import pytest
from nats.aio.client import Client
from nats.js.errors import APIError

from embedded import systems
from embedded.accounts import add_system, authorization, nats_accounts, passwords
from embedded.child import until
from embedded.directory import DataDirectory, write_private
from embedded.errors import EmbeddedError
from embedded.launch import launcher
from embedded.nats import NatsServer, configuration, is_ready, nats_server
from embedded.ports import free_ports
from embedded.programs import INFRASTRUCTURE, Program
from embedded.settings import EmbeddedSettings
from embedded.supervision import Supervisor
from shared.access import BOOTSTRAP, OPERATOR, OUTSIDE
from shared.bus import Delivery
from shared.bus.bootstrap import bootstrap, stream_config
from shared.bus.dead_letters import DeadLetters
from shared.errors import PermanentError
from shared.events import OutsideRequest
from shared.subjects import GATEWAY_INGESTS_OUTSIDE, MONITOR_INGESTS_OUTSIDE, Mode, Stream
from tests.support.guarded_bus import GuardedBus, deployed_url, start_deployed

FLOOD = 2000
NAMED = {"outside.crm": "of-crm", "outside.erp": "of-erp"}


async def embedded(directory: Path) -> tuple[str, dict[str, str], Callable[[], Awaitable[None]]]:
    for name in ("crm", "erp"):
        add_system(directory / "passwords.json", name)
    secrets = passwords(directory / "passwords.json")
    server = NatsServer(directory, authorization=authorization(secrets))
    await server.start()
    return server.url, secrets, server.stop


async def deployed(directory: Path) -> tuple[str, dict[str, str], Callable[[], Awaitable[None]]]:
    secrets = {account: f"of-{account}" for account in passwords(directory / "passwords.json")} | NAMED
    server = start_deployed(directory, secrets)
    return await deployed_url(server, directory), secrets, server.stop


@pytest.fixture(params=[embedded, deployed], ids=["embedded", "deployed"])
async def bus(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[GuardedBus]:
    url, secrets, stop = await request.param(tmp_path)
    try:
        yield await prepared(url, secrets, tmp_path)
    finally:
        await stop()


async def prepared(url: str, secrets: dict[str, str], directory: Path) -> GuardedBus:
    named = {key.removeprefix("outside."): value for key, value in secrets.items()}
    guarded = GuardedBus(url, named, directory / "nats.conf")
    client = await guarded.client(BOOTSTRAP)
    await bootstrap(client.jetstream(timeout=10), systems=["crm", "erp"])
    await client.close()
    return guarded


class Gateway:
    """A gateway that consumes requests of other systems, and records system and tenant of each."""

    def __init__(self, bus: GuardedBus) -> None:
        self.consumed: list[tuple[str, str]] = []
        self._worker = bus.worker("gateway")
        self._worker.on(GATEWAY_INGESTS_OUTSIDE, self._consume)

    async def _consume(self, request: OutsideRequest, delivery: Delivery) -> None:
        self.consumed.append((delivery.system, str(request.fields.get("tenant_id"))))
        if "junk" in request.fields:
            raise PermanentError("junk")

    async def __aenter__(self) -> "Gateway":
        await self._worker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._worker.stop()

    async def until_consumed(self, *wanted: tuple[str, str]) -> None:
        async def are_there() -> bool:
            return set(wanted) <= set(self.consumed)

        await until(are_there, 60)


async def publish(client: Client, body: dict[str, str], message_id: str | None = None) -> nats.js.api.PubAck:
    headers = {"Nats-Msg-Id": message_id} if message_id else None
    return await client.jetstream(timeout=10).publish("demo.tenant.created", json.dumps(body).encode(), headers=headers)


async def test_an_event_waits_for_only_a_few_of_the_thousands_that_another_system_published_before(
    bus: GuardedBus,
) -> None:
    crm, erp, outside = await bus.client("crm"), await bus.client("erp"), await bus.client(OUTSIDE)
    for _ in range(FLOOD // 200):
        await asyncio.gather(*(publish(crm, {"junk": "x"}) for _ in range(200)))
    await publish(erp, {"tenant_id": "honest"})
    await publish(outside, {"tenant_id": "without-a-name"})
    async with Gateway(bus) as gateway:
        await gateway.until_consumed(("erp", "honest"), ("outside", "without-a-name"))
        place = max(gateway.consumed.index(each) for each in (("erp", "honest"), ("outside", "without-a-name")))
    assert place < 10
    for client in (crm, erp, outside):
        await client.close()


async def test_a_system_that_has_used_up_its_room_is_refused_and_no_other_one(bus: GuardedBus) -> None:
    bootstrapper, crm, erp = await bus.client(BOOTSTRAP), await bus.client("crm"), await bus.client("erp")
    config = (await bootstrapper.jetstream().stream_info("DEMO_OUTSIDE_crm")).config
    await bootstrapper.jetstream().update_stream(replace(config, max_bytes=2000))
    with pytest.raises(APIError, match="maximum bytes exceeded"):
        for _ in range(20):
            await publish(crm, {"junk": "x" * 100})
    assert (await publish(erp, {"tenant_id": "honest"})).stream == "DEMO_OUTSIDE_erp"
    for client in (bootstrapper, crm, erp):
        await client.close()


async def test_what_a_system_forges_stays_under_its_own_name(bus: GuardedBus) -> None:
    crm, erp = await bus.client("crm"), await bus.client("erp")
    for subject in ("outside.erp.tenant.created", "erp.tenant.created", "outside.tenant.created", "dlq.x"):
        with pytest.raises(nats.errors.Error):
            await crm.request(subject, b"{}", timeout=0.5)
    first = await publish(crm, {"tenant_id": "of-crm"}, message_id="the-same")
    second = await publish(erp, {"tenant_id": "of-erp"}, message_id="the-same")
    again = await publish(erp, {"tenant_id": "of-erp"}, message_id="the-same")
    assert (first.duplicate, second.duplicate, again.duplicate) == (None, None, True)
    async with Gateway(bus) as gateway:
        await gateway.until_consumed(("crm", "of-crm"), ("erp", "of-erp"))
    assert sorted(gateway.consumed) == [("crm", "of-crm"), ("erp", "of-erp")]
    await crm.close()
    await erp.close()


async def test_the_server_lets_no_account_publish_as_another_system(tmp_path: Path) -> None:
    """Even with wider imports and user permissions: the name of the account is compared with the subject."""
    add_system(tmp_path / "passwords.json", "crm")
    accounts = nats_accounts(passwords(tmp_path / "passwords.json"))
    crm = accounts["crm"]
    crm["users"][0].pop("permissions")
    for each in crm["imports"]:
        each["service"]["subject"] = each["service"]["subject"].replace("crm", "erp")
    server = NatsServer(tmp_path, authorization=f"accounts: {json.dumps(accounts)}\n")
    try:
        with pytest.raises(EmbeddedError):
            await server.start()
    finally:
        await server.stop()


async def test_a_dead_letter_has_its_system_s_name_and_a_replay_goes_back_to_it(bus: GuardedBus) -> None:
    crm, operator, reader = await bus.client("crm"), await bus.client(OPERATOR), await bus.client(BOOTSTRAP)
    await publish(crm, {"junk": "x"})
    letters = DeadLetters(operator.jetstream(timeout=30), Mode.DEMO)
    async with Gateway(bus):

        async def is_there() -> bool:
            return bool([letter async for letter in letters.all()])

        await until(is_there, 60)
    [letter] = [letter async for letter in letters.all()]
    assert letter.subject == "outside.crm.tenant.created"
    stored = await reader.jetstream().get_msg("DEMO_DLQ", letter.sequence)
    assert stored.subject == "demo.dlq.outside.crm.tenant.created"
    await letters.replay(letter.sequence)
    assert (await reader.jetstream().stream_info("DEMO_OUTSIDE_crm")).state.messages == 1
    for client in (crm, operator, reader):
        await client.close()


async def test_the_monitor_reads_each_system_s_samples_and_dead_letters_invalid_ones(bus: GuardedBus) -> None:
    monitor, crm, operator = bus.worker("monitor"), await bus.client("crm"), await bus.client(OPERATOR)

    async def never(event: object, delivery: Delivery) -> None:
        raise AssertionError("this is no sample")

    monitor.on(MONITOR_INGESTS_OUTSIDE, never)
    await monitor.start()
    try:
        await crm.jetstream().publish("demo.metrics.collected", b"{}")
        letters = DeadLetters(operator.jetstream(), Mode.DEMO)

        async def is_there() -> bool:
            return [letter.subject async for letter in letters.all()] == ["outside.crm.metrics.collected"]

        await until(is_there, 60)
    finally:
        await monitor.stop()
        await crm.close()
        await operator.close()


async def test_events_that_wait_in_the_layout_without_names_are_ingested_after_the_upgrade(tmp_path: Path) -> None:
    secrets = passwords(tmp_path / "passwords.json")
    server = NatsServer(tmp_path, authorization=authorization(secrets))
    await server.start()
    guarded = GuardedBus(server.url, secrets, tmp_path / "nats.conf")
    client = await guarded.client(BOOTSTRAP)
    await bootstrap(client.jetstream())
    await client.jetstream().update_stream(
        replace((await client.jetstream().stream_info("DEMO_DLQ")).config, max_bytes=256 * 1024**2)
    )
    await client.close()
    outside = await guarded.client(OUTSIDE)
    await publish(outside, {"tenant_id": "of-before"})
    await outside.close()
    await server.stop()

    url, secrets, stop = await embedded(tmp_path)
    try:
        guarded = await prepared(url, secrets, tmp_path)
        reader = await guarded.client(BOOTSTRAP)
        letters = (await reader.jetstream().stream_info("DEMO_DLQ")).config
        assert letters.max_bytes == stream_config(Mode.DEMO, Stream.DLQ, 1).max_bytes
        await reader.close()
        crm = await guarded.client("crm")
        await publish(crm, {"tenant_id": "of-crm"})
        await crm.close()
        async with Gateway(guarded) as gateway:
            await gateway.until_consumed((OUTSIDE, "of-before"), ("crm", "of-crm"))
    finally:
        await stop()


async def test_a_system_is_added_and_removed_while_everything_runs(tmp_path: Path) -> None:
    directory = DataDirectory.prepare(tmp_path / ".ecp")
    port, monitor_port = free_ports(2)
    settings = EmbeddedSettings.read(data_dir=directory.root, nats_port=port, nats_monitor_port=monitor_port)
    secrets = passwords(directory.bus_passwords)
    text = configuration(
        port=settings.nats_port,
        monitor_port=settings.nats_monitor_port,
        store=directory.jetstream,
        authorization=authorization(secrets),
    )
    write_private(directory.run / "nats.conf", text)
    command = launcher([nats_server(), "-c", directory.run / "nats.conf"], record=directory.record("nats"))
    program = Program("nats", INFRASTRUCTURE, command, stop_seconds=5, start_seconds=1)
    supervisor = Supervisor([program], directory, dict(os.environ))
    await supervisor.start()
    try:
        await supervisor.start_group(INFRASTRUCTURE)
        await until(lambda: is_ready(settings.nats_monitor_url), 60)
        guarded = GuardedBus(f"nats://127.0.0.1:{settings.nats_port}", secrets, directory.run / "nats.conf")
        await guarded.prepare()
        other = await guarded.client(OUTSIDE)
        async with Gateway(guarded) as gateway:
            await systems.add(settings, "erp")
            url = await systems.add(settings, "crm")
            assert systems.names(settings) == ["crm", "erp"]
            crm = await nats.connect(url, allow_reconnect=False, connect_timeout=30, error_cb=quiet)
            await publish(crm, {"tenant_id": "of-crm"})
            await gateway.until_consumed(("crm", "of-crm"))
            await publish(crm, {"tenant_id": "of-before-the-removal"})
            await systems.remove(settings, "crm")
            await gateway.until_consumed(("crm", "of-before-the-removal"))
            assert systems.names(settings) == ["erp"]
            assert not await is_accepted(url)
            # No other client was disconnected, and the server was not restarted.
            await publish(other, {"tenant_id": "of-outside"})
            await gateway.until_consumed((OUTSIDE, "of-outside"))
        await other.close()
        await crm.close()
    finally:
        await supervisor.stop()


async def is_accepted(url: str) -> bool:
    """Whether the server accepts the login in `url`."""
    client = Client()
    try:
        await client.connect(url, allow_reconnect=False, connect_timeout=30, error_cb=quiet)
    except nats.errors.Error:
        return False
    finally:
        await client.close()
    return True


async def quiet(_: Exception) -> None:
    """Do nothing; the caller gets the exception."""


async def test_a_system_is_added_and_removed_while_nothing_runs(tmp_path: Path) -> None:
    directory = DataDirectory.prepare(tmp_path / ".ecp")
    settings = EmbeddedSettings.read(data_dir=directory.root)
    with pytest.raises(EmbeddedError, match="Nothing has run"):
        await systems.add(settings, "crm")
    passwords(directory.bus_passwords)
    url = await systems.add(settings, "crm")
    assert url == f"nats://crm:{passwords(directory.bus_passwords)['outside.crm']}@127.0.0.1:4222"
    assert directory.bus_passwords.stat().st_mode & 0o077 == 0
    invalid = "is not a valid name"
    for name, reason in (("crm", "there already"), ("CRM", invalid), ("a" * 31, invalid), ("gateway", "own")):
        with pytest.raises(EmbeddedError, match=reason):
            await systems.add(settings, name)
    await systems.remove(settings, "crm")
    assert systems.names(settings) == []
    with pytest.raises(EmbeddedError, match="there is no system"):
        await systems.remove(settings, "crm")


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        ("CRM:x", "is no name"),
        ("-a:x", "is no name"),
        ("a" * 31 + ":x", "more than 30 characters"),
        ("gateway:x", "account of our own"),
        ("crm", "has no password"),
        ('crm:"x', "has to be letters"),
    ],
)
async def test_containers_do_not_start_with_a_system_that_can_not_be(tmp_path: Path, pair: str, reason: str) -> None:
    server = start_deployed(tmp_path, passwords(tmp_path / "passwords.json"), NATS_OUTSIDE_SYSTEMS=pair)
    try:
        with pytest.raises(EmbeddedError, match=reason):
            await deployed_url(server, tmp_path)
    finally:
        await server.stop()
