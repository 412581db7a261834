"""TLS of the server: certificates from files that change, on real sockets."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from embedded.ports import free_ports
from services.gateway.settings import GatewaySettings
from services.simulator.settings import SimulatorSettings
from shared.http.connections import ConnectionLimits
from shared.http.listening import HttpServer, Listener
from shared.http.security_headers import YEAR
from shared.http.tls import ServerCertificate, UnusableCertificate
from shared.process.serving import server_config
from tests.support.polling import eventually


class Server(HttpServer):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


class Files:
    """A certificate and its key, which a test replaces."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self.key = folder / "tls.crt", folder / "tls.key"
        self.authority = self.replace()

    def replace(self) -> trustme.CA:
        """A new certificate of a new authority."""
        self.authority = trustme.CA()
        issued = self.authority.issue_cert("127.0.0.1", "localhost")
        write(self.key, issued.private_key_pem.bytes())
        write(self.certificate, b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        return self.authority

    def settings(self) -> dict[str, Any]:
        return {"tls_certificate_file": str(self.certificate), "tls_key_file": str(self.key)}


def write(file: Path, content: bytes) -> None:
    """As Kubernetes does: another file in its place."""
    partial = file.with_suffix(".new")
    partial.write_bytes(content)
    partial.replace(file)


def trusting(authority: trustme.CA, **options: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(**options)
    authority.configure_trust(context)
    return context


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


async def told(request: Request) -> JSONResponse:
    return JSONResponse({"scheme": request.url.scheme, "marked": request.scope.get("state", {}).get("marked", False)})


@contextlib.asynccontextmanager
async def serving(*listeners: Listener) -> AsyncIterator[Server]:
    app = Starlette(routes=[Route("/", told)])
    limits = ConnectionLimits()
    config = server_config(
        app, host="127.0.0.1", port=listeners[0].port, limits=limits, drain_seconds=1, listeners=listeners
    )
    server = Server(config)
    running = asyncio.create_task(server.serve())

    async def listens() -> bool:
        return bool(server.started)

    await eventually(listens)
    try:
        yield server
    finally:
        server.should_exit = True
        await running


async def ask(port: int, context: ssl.SSLContext) -> dict[str, Any]:
    transport = httpx.AsyncHTTPTransport(verify=context)
    async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=30) as client:
        answer: dict[str, Any] = (await client.get(f"https://127.0.0.1:{port}/")).json()
        return answer


async def test_one_process_serves_a_port_with_tls_and_one_without(files: Files) -> None:
    plain, secure = free_ports(2)
    certificate = ServerCertificate(files.certificate, files.key)
    async with serving(Listener(plain), Listener(secure, certificate, (("marked", True),))):
        assert await ask(secure, trusting(files.authority)) == {"scheme": "https", "marked": True}
        async with httpx.AsyncClient(trust_env=False) as client:
            # What a client writes makes no request look like one of the other port.
            headers = {"X-Forwarded-Proto": "https"}
            assert not (await client.get(f"http://127.0.0.1:{plain}/", headers=headers)).json()["marked"]
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            await ask(secure, trusting(trustme.CA()))


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """One request on an open connection; the head of its answer."""
    writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
    return head


async def test_a_new_certificate_is_used_and_open_connections_stay(files: Files) -> None:
    [port] = free_ports(1)
    certificate = ServerCertificate(files.certificate, files.key)
    async with serving(Listener(port, certificate)):
        before = trusting(files.authority)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=before)
        assert b" 200 " in await exchange(reader, writer)
        after = trusting(files.replace())
        certificate.reload()
        assert b" 200 " in await exchange(reader, writer)
        writer.close()
        await writer.wait_closed()
        assert (await ask(port, after))["scheme"] == "https"
        with pytest.raises(httpx.ConnectError):
            await ask(port, before)


async def test_a_client_that_names_no_host_gets_the_new_certificate_too(files: Files) -> None:
    """As clients of an address do: they send no name of a server."""
    [port] = free_ports(1)
    certificate = ServerCertificate(files.certificate, files.key)
    async with serving(Listener(port, certificate)):
        after = trusting(files.replace())
        certificate.reload()
        after.check_hostname = False
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=after, server_hostname="")
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()


def broken_certificate(files: Files) -> None:
    write(files.certificate, b"no certificate")


def foreign_key(files: Files) -> None:
    write(files.key, trustme.CA().issue_cert("127.0.0.1").private_key_pem.bytes())


def missing_key(files: Files) -> None:
    files.key.unlink()


@pytest.mark.parametrize("damage", [broken_certificate, foreign_key, missing_key])
async def test_files_that_are_unusable_leave_the_old_certificate(
    files: Files, damage: Callable[[Files], None], caplog: pytest.LogCaptureFixture
) -> None:
    [port] = free_ports(1)
    certificate = ServerCertificate(files.certificate, files.key)
    async with serving(Listener(port, certificate)):
        before = trusting(files.authority)
        damage(files)
        certificate.reload()
        assert "The old certificate stays" in caplog.text
        assert (await ask(port, before))["scheme"] == "https"
        after = trusting(files.replace())
        certificate.reload()
        assert (await ask(port, after))["scheme"] == "https"


async def test_versions_before_tls_1_2_are_refused(files: Files) -> None:
    [port] = free_ports(1)
    async with serving(Listener(port, ServerCertificate(files.certificate, files.key))):
        old = trusting(files.authority)
        # Otherwise OpenSSL's own default would refuse it on the client's side.
        old.set_ciphers("DEFAULT@SECLEVEL=0")
        with pytest.warns(DeprecationWarning):
            old.minimum_version = ssl.TLSVersion.TLSv1_1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(httpx.ConnectError):
            await ask(port, old)
        new = trusting(files.authority)
        new.maximum_version = ssl.TLSVersion.TLSv1_2
        assert (await ask(port, new))["scheme"] == "https"


@pytest.mark.parametrize("damage", [broken_certificate, foreign_key, missing_key])
def test_unusable_files_stop_the_start_and_name_the_variables(files: Files, damage: Callable[[Files], None]) -> None:
    damage(files)
    with pytest.raises(ValidationError, match="TLS_CERTIFICATE_FILE"):
        GatewaySettings(**files.settings())
    with pytest.raises(UnusableCertificate):
        ServerCertificate(files.certificate, files.key)


def test_one_file_alone_is_refused_and_both_turn_hsts_on(files: Files) -> None:
    with pytest.raises(ValidationError, match="belong together"):
        GatewaySettings(tls_certificate_file=files.certificate)
    assert GatewaySettings(**files.settings()).hsts == YEAR
    assert GatewaySettings(**files.settings(), hsts_seconds=0).hsts == 0


def test_the_simulator_turns_hsts_on_only_if_told_since_its_other_port_is_without_tls(files: Files) -> None:
    """Browsers apply it to every port of a host."""
    assert SimulatorSettings(**files.settings()).hsts is None
    assert SimulatorSettings(**files.settings(), hsts_seconds=60).hsts == 60


def test_a_key_with_a_passphrase_is_refused_without_a_question(files: Files) -> None:
    key = load_pem_private_key(files.key.read_bytes(), None)
    write(files.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    with pytest.raises(UnusableCertificate, match="passphrase"):
        ServerCertificate(files.certificate, files.key)
