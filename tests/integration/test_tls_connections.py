"""TLS to NATS and PostgreSQL with verification: a wrong authority is refused, mutual TLS asks for a certificate."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import nats
import pytest
import trustme

from embedded.accounts import OUR_ACCOUNT
from embedded.nats import NatsServer
from embedded.postgres import PostgresServer
from shared.bus import Worker
from shared.bus.bootstrap import bootstrap
from shared.bus.dependencies import bus_is_ready
from shared.bus.nats_login import connection_options
from shared.database import Databases
from shared.database.settings import DatabaseSettings
from shared.errors import DependencyUnavailable
from shared.settings import BusSettings
from shared.subjects import Mode
from tests.support.polling import eventually

# TLS begins at once, so that no one between the two can ask for a connection without it.
SERVER = 'tls {{ cert_file: "{0}/server.crt", key_file: "{0}/server.key", handshake_first: true{1} }}\n'
SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)
"""PostgreSQL's question whether a server speaks TLS."""
CHECKING = ', ca_file: "{0}/ca.crt", verify: true'


class Certificates:
    """An authority with a server's and a client's certificate, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(folder / "ca.crt")
        self.issue("server", "127.0.0.1", "localhost")
        self.issue("client", "gateway@ecp.example")

    def issue(self, name: str, *identities: str) -> None:
        issued = self.authority.issue_cert(*identities)
        issued.private_key_pem.write_to_path(self.folder / f"{name}.key")
        (self.folder / f"{name}.key").chmod(0o600)
        (self.folder / f"{name}.crt").write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))

    def client(self) -> dict[str, Path]:
        return {
            "nats_certificate_file": self.folder / "client.crt",
            "nats_key_file": self.folder / "client.key",
        }


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "certificates")


@pytest.fixture
def others(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "others")


def accounts(password: str) -> str:
    users = [{"user": "gateway", "password": password}]
    return f"accounts: {json.dumps({OUR_ACCOUNT: {'jetstream': 'enabled', 'users': users}})}\n"


@contextlib.asynccontextmanager
async def nats_server(folder: Path, tls: str) -> AsyncIterator[NatsServer]:
    server = NatsServer(folder / "nats", authorization=tls + accounts("first"))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def login(server: NatsServer, ca: Path | None, **more: Any) -> BusSettings:
    url = server.url.replace("nats://", "tls://gateway:first@")
    return BusSettings(nats_url=url, nats_ca_file=ca, **more)


async def made(settings: BusSettings) -> None:
    """Create the streams by this connection."""
    client = await nats.connect(**connection_options(settings), allow_reconnect=False, connect_timeout=10)
    try:
        await bootstrap(client.jetstream(timeout=30))
    finally:
        await client.close()


async def test_nats_by_tls_with_the_right_authority_only(
    tmp_path: Path, certificates: Certificates, others: Certificates
) -> None:
    async with nats_server(tmp_path, SERVER.format(certificates.folder, "")) as server:
        right = login(server, certificates.folder / "ca.crt")
        await made(right)
        await bus_is_ready(right, "gateway")
        worker = Worker("gateway", right)
        await worker.start()
        await worker.stop()
        for wrong in (login(server, others.folder / "ca.crt"), login(server, None)):
            with pytest.raises(DependencyUnavailable, match=r"(?i)certificate"):
                await bus_is_ready(wrong, "gateway")


async def test_mutual_tls_asks_for_our_certificate(
    tmp_path: Path, certificates: Certificates, others: Certificates
) -> None:
    checking = CHECKING.format(certificates.folder)
    async with nats_server(tmp_path, SERVER.format(certificates.folder, checking)) as server:
        ca = certificates.folder / "ca.crt"
        right = login(server, ca, **certificates.client())
        await made(right)
        await bus_is_ready(right, "gateway")
        for wrong in (login(server, ca), login(server, ca, **others.client())):
            with pytest.raises(DependencyUnavailable):
                await bus_is_ready(wrong, "gateway")


async def test_a_server_without_tls_never_gets_the_password(tmp_path: Path, certificates: Certificates) -> None:
    """An attacker in between might pretend that NATS has no TLS: what arrives has to be a TLS handshake only."""
    received = bytearray()

    async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.15.0","tls_required":false,"auth_required":true}\r\n')
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                received.extend(data)
        writer.close()

    server = await asyncio.start_server(pretend, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = BusSettings(
        nats_url=f"tls://gateway:first@127.0.0.1:{port}", nats_ca_file=certificates.folder / "ca.crt"
    )
    async with server:
        with pytest.raises(DependencyUnavailable):
            await bus_is_ready(settings, "gateway")
    assert received[:1] == b"\x16", "a TLS record of a handshake"
    assert b"first" not in received


async def test_a_rotated_password_counts_from_the_next_reconnect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = NatsServer(tmp_path / "nats", authorization=accounts("first"))
    await server.start()
    file = tmp_path / "url"
    try:
        file.write_text(server.url.replace("nats://", "nats://gateway:first@"))
        monkeypatch.setenv("NATS_URL_FILE", str(file))
        settings = BusSettings()
        await made(settings)
        worker = Worker("gateway", settings)
        await worker.start()
        file.write_text(server.url.replace("nats://", "nats://gateway:second@"))
        await server.stop()
        server._authorization = accounts("second")
        await server.start()

        async def reconnected() -> bool:
            client = worker.broker.connection
            return client.is_connected and client.stats["reconnects"] > 0

        await eventually(reconnected)
        await worker.stop()
    finally:
        await server.stop()


@pytest.fixture
async def postgres(tmp_path: Path) -> AsyncIterator[PostgresServer]:
    server = PostgresServer(tmp_path / "postgres")
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def tls_in_front(server: PostgresServer, certificates: Certificates) -> AsyncIterator[int]:
    """A port on which the server has TLS: the wheel's PostgreSQL is built without, so this speaks it in its place."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.folder / "server.crt", certificates.folder / "server.key")

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            assert await reader.readexactly(8) == SSL_REQUEST
            writer.write(b"S")
            await writer.start_tls(context)
            behind, to = await asyncio.open_connection("127.0.0.1", server.port)
            await asyncio.gather(copied(reader, to), copied(behind, writer))

    front = await asyncio.start_server(pass_on, "127.0.0.1", 0)
    async with front:
        yield front.sockets[0].getsockname()[1]


async def copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def test_postgresql_by_tls_with_the_right_authority_only(
    postgres: PostgresServer, certificates: Certificates, others: Certificates
) -> None:
    def database(port: int, ca: Path) -> Databases:
        address = postgres.url("postgres").replace(f":{postgres.port}/", f":{port}/")
        url = f"{address}?sslmode=verify-full&sslrootcert={ca}"
        return Databases(DatabaseSettings(database_url=url, demo_database_url=url), "test")

    right, wrong = certificates.folder / "ca.crt", others.folder / "ca.crt"
    async with tls_in_front(postgres, certificates) as port:
        await database(port, right)[Mode.DEMO].answers()
        with pytest.raises(DependencyUnavailable, match=r"(?i)certificate"):
            await database(port, wrong)[Mode.DEMO].answers()
    # A server without TLS isn't accepted either.
    with pytest.raises(DependencyUnavailable):
        await database(postgres.port, right)[Mode.DEMO].answers()


async def test_a_rotated_database_password_counts_from_the_next_connection(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await asyncpg.connect(postgres.url("postgres"))
    await admin.execute("CREATE ROLE rotated LOGIN PASSWORD 'first'")
    file = tmp_path / "url"
    file.write_text(f"postgresql://rotated:first@127.0.0.1:{postgres.port}/postgres")
    monkeypatch.setenv("DATABASE_URL_FILE", str(file))
    databases = Databases(DatabaseSettings(), "test")
    await databases[Mode.PRODUCTION].answers()
    await admin.execute("ALTER ROLE rotated PASSWORD 'second'")
    with pytest.raises(DependencyUnavailable) as refused:
        await databases[Mode.PRODUCTION].answers()
    assert "first" not in str(refused.value)
    file.write_text(file.read_text().replace("first", "second"))
    await databases[Mode.PRODUCTION].answers()
    await databases.dispose()
    await admin.close()


def test_a_context_checks_names_and_refuses_old_versions(certificates: Certificates) -> None:
    settings = BusSettings(nats_url="tls://nats:4222", nats_ca_file=certificates.folder / "ca.crt")
    context = settings.nats_tls()

    assert context is not None
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
