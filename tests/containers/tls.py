"""What `make up TLS=on` promises: connections to NATS and PostgreSQL have TLS, and one without is refused."""

import json
import ssl
from contextlib import suppress
from functools import partial

import httpx
import nats.errors
from nats.aio.client import Client

from embedded.child import until
from tests.containers.project import Project

SECONDS, POLL_SECONDS = 300.0, 0.5
LOGINS = {
    "postgres": {"ecp_gateway", "ecp_monitor"},
    "postgres-demo": {"ecp_gateway", "ecp_monitor"},
    "k8s-simulator-postgres": {"ecp_simulator"},
}
"""The services' logins at each database."""
ACCOUNTS = {"gateway", "calculator", "manifest", "deployer", "monitor"}
SESSIONS = """
SELECT coalesce(json_agg(json_build_array(usename, ssl, version)), '[]')
FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL
"""
CONNECTIONS = 'u=\'http://127.0.0.1:8222/connz?auth=1\'; wget -qO- "$u" || curl -fsS "$u"'
TENANT = {"tenant_id": "by-tls", "name": "TLS", "service_requirements": {"chatbot": 5}}


async def speaks_tls(project: Project) -> None:
    """Every service is connected by TLS, NATS refuses everything else, and a tenant is deployed over it."""
    for server, logins in LOGINS.items():
        await until(partial(has_sessions, project, server, logins), SECONDS, POLL_SECONDS)
    await until(lambda: is_connected(project), SECONDS, POLL_SECONDS)

    assert await reaches_nats(project, certificates(project, "client"))
    assert not await reaches_nats(project, certificates(project))
    assert not await reaches_nats(project, None)
    await deploys(project)
    project.shell("docker compose run --rm ecp dlq list --demo")


def has_sessions(project: Project, server: str, logins: set[str]) -> bool:
    """Whether all of these logins have sessions; each session must have TLS."""
    [container] = project.containers(server)
    command = ["psql", "-U", "postgres", "-d", "postgres", "-Atc", SESSIONS]
    sessions = json.loads(container.exec_run(command, stderr=False).output or "[]")
    assert all(encrypted and version.startswith("TLSv1.") for _, encrypted, version in sessions), sessions
    return logins <= {login for login, _, _ in sessions}


def is_connected(project: Project) -> bool:
    """Whether all services are connected to NATS; each connection must have TLS."""
    [container] = project.containers("nats")
    found = json.loads(container.exec_run(["sh", "-c", CONNECTIONS], stderr=False).output)["connections"]
    assert all(each.get("tls_version") for each in found), found
    return {each["authorized_user"] for each in found} >= ACCOUNTS


def certificates(project: Project, own: str = "") -> ssl.SSLContext:
    """Trust in the authority, with or without a certificate of it."""
    folder = project.folder / "certificates"
    context = ssl.create_default_context(cafile=folder / "ca.crt")
    if own:
        context.load_cert_chain(folder / f"{own}.crt", folder / f"{own}.key")
    return context


async def reaches_nats(project: Project, tls: ssl.SSLContext | None) -> bool:
    """Whether NATS accepts another system, with a right password."""
    client = Client()
    try:
        await client.connect(
            f"{'tls' if tls else 'nats'}://127.0.0.1:{project.variables['NATS_PORT']}",
            user="outside",
            password=project.password("NATS_OUTSIDE_PASSWORD"),
            tls=tls,
            tls_handshake_first=tls is not None,
            allow_reconnect=False,
            connect_timeout=10,
            error_cb=ignore,
        )
        await client.flush()
    except (OSError, TimeoutError, nats.errors.Error):
        return False
    finally:
        # A refused client keeps its transport; the server may have reset it.
        with suppress(OSError):
            await client.close()
    return True


async def ignore(_: Exception) -> None:
    """The refusal is what `connect` raises."""


async def deploys(project: Project) -> None:
    """A tenant is created by HTTPS, with a check of the certificate, and runs."""
    api = f"https://127.0.0.1:{project.variables['GATEWAY_PORT']}/api/v1/tenants"
    async with httpx.AsyncClient(
        headers={"X-Demo-Mode": "true"}, timeout=10, verify=certificates(project), trust_env=False
    ) as client:
        answer = await client.post(f"{api}/", json=TENANT)
        assert answer.status_code == 201, answer.text

        async def is_deployed() -> bool:
            status = (await client.get(f"{api}/{TENANT['tenant_id']}/deployment-status")).json()
            assert status["status"] != "failed", status
            return bool(status["status"] == "completed")

        await until(is_deployed, SECONDS, POLL_SECONDS)
