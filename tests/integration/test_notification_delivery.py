"""Delivery over real connections: HTTP with checked addresses, SMTP, a real Alertmanager, and the running sender."""

import asyncio
import shutil
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from embedded.postgres import PostgresServer
from services.monitor.clock import utc_now
from services.monitor.notifications.channels.http_call import HttpCall, Secrets
from services.monitor.notifications.connector import ReceiverHttp
from services.monitor.notifications.delivery import Delivery
from services.monitor.notifications.delivery_rules import Failure
from services.monitor.notifications.outbox_store import Waiting
from services.monitor.notifications.sender import LEASE_SECONDS
from services.monitor.notifications.signatures import new_secret
from services.monitor.notifications.smtp import STEP_SECONDS, Smtp, SmtpServer
from services.monitor.notifications.smtp import TOTAL_SECONDS as SMTP_SECONDS
from shared.database import Database
from shared.process.tasks import cancel_until_ended
from shared.rpc.receivers import Channel, ReceiverSpec, ReceiversRequest
from tests.support.migrated_databases import owners_database
from tests.support.notices import content, notice, transition
from tests.support.notification_parts import Parts, empty_tables
from tests.support.polling import eventually
from tests.support.smtp_receiver import smtp_receiver
from tests.support.webhook_receiver import webhook_receiver

SECRETS = Secrets("", None, new_secret(), None)


class Names(AbstractResolver):
    """A DNS of the test: each question is answered with the next address, and with a failure after the last."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if not self.addresses:
            raise OSError(f"no address of {host}")
        address = self.addresses.pop(0)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        pass


def client(*, allow_private: bool = True, **options: Any) -> ReceiverHttp:
    return ReceiverHttp(allow_private=allow_private, most_connections=4, **options)


def call(url: str) -> HttpCall:
    return HttpCall("POST", url, {}, b"{}")


def waiting(url: str, kind: Channel = Channel.WEBHOOK, **spec: Any) -> Waiting:
    secrets = SECRETS._replace(url=url)
    return Waiting(1, content(), 0, utc_now(), ReceiverSpec(type=kind, **spec), 0, secrets)


async def test_a_webhook_arrives_signed() -> None:
    async with webhook_receiver() as receiver, client() as http:
        assert await Delivery(http, no_smtp()).deliver(waiting(receiver.url), utc_now()) is None
    [received] = receiver.received
    assert SECRETS.signing is not None
    assert received.is_signed_with(SECRETS.signing)
    assert not received.is_signed_with(new_secret())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_a_private_address_is_refused_when_it_is_connected_to(host: str) -> None:
    async with webhook_receiver() as receiver, client(allow_private=False) as http:
        failure = await http.send(call(receiver.url.replace("127.0.0.1", host)))
        assert failure is not None
        assert failure.reason.startswith("refused: the address is private")
        assert receiver.received == []


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "64:ff9b::a9fe:a9fe", "::ffff:169.254.169.254"])
async def test_the_metadata_service_is_refused_in_development_too(address: str) -> None:
    async with client(resolver=Names(address)) as http:
        failure = await http.send(call("http://metadata.example.com/latest"))
    assert failure is not None
    assert failure.reason.startswith("refused")


async def test_a_name_that_turns_private_after_it_was_checked_is_refused() -> None:
    """Each connection asks DNS again, and the address of its answer is the one that is checked and connected to."""
    async with webhook_receiver() as receiver, client(resolver=Names("127.0.0.1", "169.254.169.254")) as http:
        receiver.headers["connection"] = "close"
        url = receiver.url.replace("127.0.0.1", "hooks.example.com")
        assert await http.send(call(url)) is None
        failure = await http.send(call(url))
    assert failure is not None
    assert failure.reason.startswith("refused")
    assert len(receiver.received) == 1


async def test_names_that_dont_resolve_take_no_thread_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than the process has common threads, in which the other connections' names are resolved."""
    asked: list[str] = []
    answered = threading.Event()

    def ask(host: str, *_: Any, **__: Any) -> Any:
        asked.append(host)
        answered.wait()
        raise socket.gaierror("no answer")

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    async with ReceiverHttp(allow_private=True, most_connections=40) as http:
        calls = [asyncio.create_task(http.send(call(f"http://hooks-{number}.example/"))) for number in range(40)]
        try:
            await eventually(lambda: _got(asked, 40))
            async with asyncio.timeout(60):
                await asyncio.get_running_loop().run_in_executor(None, threading.get_ident)
        finally:
            answered.set()
        assert all(await asyncio.gather(*calls))


async def test_a_redirect_is_not_followed() -> None:
    async with webhook_receiver() as target, webhook_receiver() as receiver, client() as http:
        receiver.status, receiver.headers = 307, {"location": target.url}
        failure = await http.send(call(receiver.url))
    assert failure is not None
    assert "redirects aren't followed" in failure.reason
    assert target.received == []


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with webhook_receiver() as receiver, client() as http:
        assert await http.send(call(receiver.url)) is None


async def test_tls_checks_the_name_of_the_url() -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("hooks.example.com").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with webhook_receiver(context) as receiver:
        async with client(resolver=Names("127.0.0.1", "127.0.0.1"), tls=trusting) as http:
            assert await http.send(call(receiver.url.replace("127.0.0.1", "hooks.example.com"))) is None
            failure = await http.send(call(receiver.url.replace("127.0.0.1", "other.example.com")))
        assert failure == Failure("TLS: the certificate isn't valid for this name")
        async with client(resolver=Names("127.0.0.1")) as http:
            failure = await http.send(call(receiver.url.replace("127.0.0.1", "hooks.example.com")))
        assert failure == Failure("TLS: the certificate isn't valid for this name")


async def test_a_large_or_endless_answer_costs_a_bounded_time_and_memory() -> None:
    async with webhook_receiver() as receiver, client() as http:
        receiver.answer = b"x" * 10_000_000
        assert await http.send(call(receiver.url)) is None
    async with silent_server() as port, client(total_seconds=0.3) as http:
        assert await http.send(call(f"http://127.0.0.1:{port}/")) == Failure("no answer in time")


@pytest.mark.parametrize("closes", [True, False])
async def test_an_answer_is_one_also_if_its_body_never_comes(closes: bool) -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
        if not closes:
            await ended.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        async with client() as http:
            assert await http.send(call(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")) is None
    finally:
        ended.set()
        server.close()


async def test_failures_name_neither_the_url_nor_a_secret() -> None:
    async with client() as http, silent_server(closes=True) as port:
        for url in (
            f"http://127.0.0.1:{port}/hunter2",
            f"https://127.0.0.1:{port}/hunter2",
            "http://127.0.0.1:1/hunter2",
        ):
            failure = await http.send(HttpCall("POST", url, {"authorization": "hunter3"}, b""))
            assert failure is not None
            assert "hunter" not in failure.reason
    async with client(resolver=Names()) as http:
        failure = await http.send(call("http://hunter2.example.invalid/"))
        assert failure is not None
        assert "hunter" not in failure.reason


@asynccontextmanager
async def silent_server(*, closes: bool = False) -> AsyncIterator[int]:
    """Accepts connections and answers nothing."""
    ended = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not closes:
            await ended.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        ended.set()
        server.close()


def no_smtp() -> Smtp:
    return smtp(None)


def smtp(port: int | None) -> Smtp:
    host = None if port is None else "127.0.0.1"
    return Smtp(SmtpServer(host, port or 25, "ecp@example.com", "none", None, lambda: None))


async def test_an_e_mail_arrives_with_all_its_recipients() -> None:
    async with smtp_receiver() as receiver:
        receiver.refused = {"gone@example.com"}
        recipients = ("a@example.com", "gone@example.com")
        assert await smtp(receiver.port).send(content(), recipients, "ko") is None
        [mail] = receiver.mails
        assert mail.recipients == ("a@example.com",)
        assert mail.message["Subject"] == "[심각] 발생: high_cpu_usage (acme)"
        assert mail.message["To"] == "a@example.com, gone@example.com"
        failure = await smtp(receiver.port).send(content(), ("gone@example.com",), "en")
        assert failure == Failure("the SMTP server refuses all recipients", concerns_content=True)
        receiver.greeting = b"421 busy with hunter2"
        failure = await smtp(receiver.port).send(content(), recipients, "en")
        assert failure is not None
        assert "hunter2" not in failure.reason
    assert await no_smtp().send(content(), recipients, "en") == Failure("no SMTP server is set: SMTP_HOST")


async def test_an_e_mail_to_many_recipients_ends_before_its_lease_does() -> None:
    """Each step is in time here; without a bound for all of them another process would send the e-mail meanwhile."""
    async with smtp_receiver() as receiver:
        receiver.seconds = 0.05
        server = SmtpServer("127.0.0.1", receiver.port, "ecp@example.com", "none", None, lambda: None)
        recipients = [f"someone-{number}@example.com" for number in range(50)]
        failure = await Smtp(server, total_seconds=0.3).send(content(), recipients, "en")
        assert failure == Failure("SMTP: no e-mail handed over (TimeoutError)")
        assert receiver.mails == []
    assert SMTP_SECONDS + STEP_SECONDS < LEASE_SECONDS


async def test_a_notification_of_which_no_message_can_be_made_is_given_up() -> None:
    """An encoded word in an address is read by the headers' parser, and refuses to be a line break."""
    impossible = waiting("", Channel.EMAIL, recipients=("=?utf-8?q?=0d=0aBcc?=@example.com",))
    async with client() as http:
        failure = await Delivery(http, smtp(1)).deliver(impossible, utc_now())
    assert failure == Failure("it can't be sent (ValueError)", concerns_content=True)


@pytest.mark.slow
async def test_a_real_alertmanager_gets_alerts_and_their_end(tmp_path: Path) -> None:
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        pytest.skip("Alertmanager isn't installed (Debian's package prometheus-alertmanager)")
    async with alertmanager(program, tmp_path) as url, client() as http, aiohttp.ClientSession() as session:
        now = datetime.now(UTC)
        firing = [notice("a", at=now, starts_at=now), notice("b", at=now, starts_at=now, labels={"0 bad-name": "x"})]
        sent = waiting(url, Channel.ALERTMANAGER)._replace(content=content(*firing))

        async def names() -> set[str]:
            async with session.get(f"{url}/api/v2/alerts") as answer:
                return {each["labels"]["ecp_alert_id"] for each in await answer.json()}

        assert await Delivery(http, no_smtp()).deliver(sent, now) is None
        await eventually(lambda: _is(names, {"alert-a", "alert-b"}))
        ended = notice("a", at=now + timedelta(milliseconds=1), starts_at=now, status="resolved")
        await Delivery(http, no_smtp()).deliver(sent._replace(content=content(ended)), now)
        await eventually(lambda: _is(names, {"alert-b"}))


async def _is(read: Any, expected: set[str]) -> bool:
    return bool(await read() == expected)


@asynccontextmanager
async def alertmanager(program: str, folder: Path) -> AsyncIterator[str]:
    """A real Alertmanager on a free port, alone in its cluster."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = folder / "alertmanager.yml"
    configuration.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={configuration}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"

    async def is_ready() -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{url}/-/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    try:
        await eventually(is_ready)
        yield url
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture(scope="module")
async def tables(postgres: PostgresServer) -> AsyncIterator[Database]:
    async with owners_database(postgres) as database:
        yield database


async def test_the_running_sender_is_woken_by_a_commit_and_outlives_the_databases_connections(
    tables: Database,
) -> None:
    """Also with a receiver that is away meanwhile, which delays no other."""
    async with empty_tables(tables) as database, webhook_receiver() as receiver, client() as http:
        parts = Parts(database, Delivery(http, no_smtp()).deliver, utc_now)
        secret = await parts.create("oncall", url=receiver.url)
        await parts.create("away", url="http://127.0.0.1:1/")
        running = asyncio.create_task(parts.sender.run())
        try:
            await parts.tell(transition("a"))
            await eventually(lambda: _got(receiver.alerts, 1))
            async with database.session() as session:
                await session.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            await _tell_when_possible(parts)
            await eventually(lambda: _got(receiver.alerts, 2))
        finally:
            await cancel_until_ended([running])
        assert receiver.alerts == ["alert-a", "alert-b"]
        assert all(each.is_signed_with(secret) for each in receiver.received)
        listed = await parts.receivers.answer(ReceiversRequest(tenant_id=None))
        errors = {each.name: each.health.last_error for each in listed.receivers}
        assert errors == {"oncall": None, "away": "the connection was refused"}


async def _got(alerts: list[str], number: int) -> bool:
    return len(alerts) >= number


async def _tell_when_possible(parts: Parts) -> None:
    """The pool notices that its connections were ended by the next use of each."""
    while True:
        try:
            await parts.tell(transition("b"))
            return
        except Exception:
            await asyncio.sleep(0.02)
