"""TLS of the deployment: the script's certificates, and NATS as start.sh starts it with them."""

import shutil
import ssl
import subprocess
from pathlib import Path

import nats
import pytest

from embedded.child import until
from shared.access import ACCESS, inbox
from shared.bus import Worker
from shared.bus.bootstrap import bootstrap
from shared.bus.nats_login import connection_options
from shared.settings import BusSettings
from tests.support.guarded_bus import deployed_url, start_deployed
from tools.locks import ROOT

SCRIPT = ROOT / "deploy" / "compose" / "certificates.sh"
SECRETS = {account: f"of-{account}" for account in ACCESS}

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl, which the script needs")


def make(folder: Path, *names: str) -> None:
    subprocess.run(["sh", SCRIPT, folder, *names], check=True, capture_output=True)


def openssl(*arguments: str | Path) -> str:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    make(tmp_path / "certificates")
    return tmp_path / "certificates"


def settings(url: str, user: str, folder: Path, *, own: bool) -> BusSettings:
    """The login of an account by TLS, with the services' certificate or without."""
    return BusSettings(
        nats_url=url.replace("nats://", f"tls://{user}:{SECRETS[user]}@"),
        nats_ca_file=folder / "ca.crt",
        nats_certificate_file=folder / "client.crt" if own else None,
        nats_key_file=folder / "client.key" if own else None,
    )


async def make_streams(login: BusSettings) -> None:
    client = await nats.connect(
        **connection_options(login), allow_reconnect=False, connect_timeout=10, inbox_prefix=inbox("bootstrap")
    )
    try:
        await bootstrap(client.jetstream(timeout=30))
    finally:
        await client.close()


def test_the_certificates_are_of_the_authority_and_stay(tmp_path: Path, certificates: Path) -> None:
    content = {each.name: each.read_bytes() for each in certificates.iterdir()}
    make(certificates, "ecp.example.com")

    assert {each.name: each.read_bytes() for each in certificates.iterdir()} == content
    assert (certificates / "ca.key").stat().st_mode & 0o777 == 0o600
    assert certificates.stat().st_mode & 0o777 == 0o700
    for name in ("nats", "postgres", "gateway", "client"):
        certificate, key = certificates / f"{name}.crt", certificates / f"{name}.key"
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        assert "OK" in openssl("verify", "-x509_strict", "-CAfile", certificates / "ca.crt", certificate)
    make(tmp_path / "more", "ecp.example.com", "10.0.0.5")
    names = openssl("x509", "-in", tmp_path / "more" / "gateway.crt", "-noout", "-ext", "subjectAltName")
    assert "DNS:ecp.example.com" in names
    assert "IP Address:10.0.0.5" in names


@pytest.mark.parametrize("verify", ["", "on"])
async def test_services_reach_nats_of_the_deployment_by_tls(tmp_path: Path, certificates: Path, verify: str) -> None:
    server = start_deployed(tmp_path, SECRETS, NATS_TLS_FOLDER=str(certificates), NATS_TLS_VERIFY=verify)
    try:
        url, is_mutual = await deployed_url(server, tmp_path), bool(verify)
        await make_streams(settings(url, "bootstrap", certificates, own=is_mutual))
        worker = Worker("calculator", settings(url, "calculator", certificates, own=is_mutual))
        await worker.start()
        await worker.stop()
    finally:
        await server.stop()


async def test_a_missing_certificate_stops_the_start_and_is_named(tmp_path: Path, certificates: Path) -> None:
    (certificates / "nats.key").unlink()
    server = start_deployed(tmp_path, SECRETS, NATS_TLS_FOLDER=str(certificates))
    await until(lambda: server.exit_status is not None, 60)

    assert server.exit_status == 1
    assert f"{certificates}/nats.key can't be read" in server.log.read_text()
