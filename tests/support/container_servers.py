"""NATS and PostgreSQL in containers, instead of the servers that tests otherwise start from PyPI's wheels.

The images are those of compose.yaml, so the results apply to the deployed containers.
"""

import gc
import re
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import asyncpg
import docker
import docker.errors
import nats
import nats.errors
import yaml
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from embedded.child import until
from embedded.nats import MAX_PAYLOAD_BYTES, one_account
from embedded.postgres import PostgresServer, is_ready
from embedded.postgres_cluster import TEST_LOGIN
from tools.locks import ROOT

START_SECONDS = 60.0
PULL_SECONDS = 300
IMAGES = {
    name: service["image"]
    for name, service in yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"].items()
}

GRAFANA = IMAGES["grafana"]
# Required in any case: our images are built on Python's.
NEEDED = (
    *re.findall(r"(?m)^FROM (\S+:\S+) AS build$", (ROOT / "Dockerfile").read_text(encoding="utf-8")),
    *(IMAGES[name] for name in ("nats", "postgres", "prometheus", "alertmanager")),
)

# Ryuk is a separate image that removes containers of a killed test; fixtures stop their containers themselves.
testcontainers_config.ryuk_disabled = True


@cache
def why_not() -> str | None:
    """Why containers can't be used; None if a Docker engine answers and has, or can pull, the images."""
    if reason := _why_no_engine():
        return reason
    if lacking := [image for image in NEEDED if not is_available(image)]:
        return f"{', '.join(lacking)} can't be pulled (tests/containers/engine.sh makes stand-ins where no registry is)"
    return None


@cache
def is_available(image: str) -> bool:
    """Whether the engine has the image, or can pull it."""
    client = docker.from_env(timeout=PULL_SECONDS)
    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        try:
            client.images.pull(image)
        except docker.errors.APIError:
            return False
    finally:
        client.close()
    return True


def _why_no_engine() -> str | None:
    reason = None
    with warnings.catch_warnings():
        # Without an engine the client leaves its socket to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            docker.from_env().close()
        except docker.errors.DockerException as error:
            reason = f"no Docker engine answers ({error}); start one, or set DOCKER_HOST"
        gc.collect()
    return reason


@asynccontextmanager
async def container_nats() -> AsyncIterator[str]:
    """The URL of a NATS with JetStream."""
    jetstream = "jetstream { store_dir: /tmp/jetstream, sync_interval: always }"
    config = f"max_payload: {MAX_PAYLOAD_BYTES}\n{jetstream}\n{one_account()}"
    container = (
        DockerContainer(IMAGES["nats"])
        .with_copy_into_container(config.encode(), "/etc/nats-test.conf")
        .with_command("--config /etc/nats-test.conf")
        .with_exposed_ports(4222)
    )
    with container:
        url = f"nats://{container.get_container_host_ip()}:{container.get_exposed_port(4222)}"
        await until(lambda: _answers(url), START_SECONDS)
        yield url


async def _answers(url: str) -> bool:
    try:
        client = await nats.connect(url, allow_reconnect=False, connect_timeout=1, error_cb=_ignore)
        await client.jetstream().account_info()
        await client.close()
    except (TimeoutError, OSError, nats.errors.Error):
        return False
    return True


async def _ignore(_: Exception) -> None:
    """Do nothing; the connection is retried."""


class ContainerPostgres(PostgresServer):
    """A PostgreSQL container with the interface of PostgresServer that tests use to create databases."""

    def __init__(self) -> None:
        self._container = (
            DockerContainer(IMAGES["postgres"])
            .with_envs(
                LANG="C.UTF-8",
                POSTGRES_USER=TEST_LOGIN.user,
                POSTGRES_PASSWORD=TEST_LOGIN.password,
                POSTGRES_DB=TEST_LOGIN.database,
            )
            .with_command("postgres -c fsync=off -c max_connections=200")
            .with_exposed_ports(5432)
        )
        self.port = 0

    async def start(self) -> None:
        self._container.start()
        self.port = int(self._container.get_exposed_port(5432))
        await until(lambda: is_ready(TEST_LOGIN, self.port), START_SECONDS)

    async def stop(self) -> None:
        self._container.stop()

    async def version(self) -> str:
        """The version that the server reports."""
        connection = await asyncpg.connect(self.url())
        try:
            return str(await connection.fetchval("SHOW server_version"))
        finally:
            await connection.close()


@asynccontextmanager
async def container_postgres() -> AsyncIterator[ContainerPostgres]:
    """A PostgreSQL container that is removed afterwards."""
    server = ContainerPostgres()
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
