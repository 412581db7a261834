"""NATS with our accounts, configured as by `make run` or as in containers, and its clients and workers."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import nats
from nats.aio.client import Client

from embedded.accounts import authorization, passwords, systems
from embedded.child import Child
from embedded.nats import NatsServer, is_ready, nats_server
from shared.access import ACCESS, BOOTSTRAP, inbox
from shared.bus import BusSettings, Worker
from shared.bus.bootstrap import bootstrap
from tools.locks import ROOT
from tools.nats_accounts import variable

DEPLOYED = ROOT / "deploy" / "nats"


@dataclass
class GuardedBus:
    """The server's address, and the password of each account."""

    address: str
    secrets: dict[str, str]
    configuration: Path

    def url(self, account: str) -> str:
        return self.address.replace("nats://", f"nats://{account}:{self.secrets[account]}@")

    async def client(self, account: str) -> Client:
        return await nats.connect(
            self.url(account), inbox_prefix=inbox(account), allow_reconnect=False, connect_timeout=30
        )

    def worker(self, account: str, max_attempts: int = 1) -> Worker:
        settings = BusSettings(nats_url=self.url(account), publish_timeout=1.0, max_attempts=max_attempts)
        return Worker(account, settings)

    async def prepare(self) -> None:
        client = await self.client(BOOTSTRAP)
        await bootstrap(client.jetstream())
        await client.close()


@asynccontextmanager
async def embedded_bus(directory: Path) -> AsyncIterator[GuardedBus]:
    """Run NATS as `make run` configures it."""
    secrets = passwords(directory / "passwords.json")
    server = NatsServer(directory, authorization=authorization(secrets), durable=False)
    await server.start()
    try:
        guarded = GuardedBus(server.url, secrets, directory / "nats.conf")
        await guarded.prepare()
        yield guarded
    finally:
        await server.stop()


@asynccontextmanager
async def deployed_bus(directory: Path) -> AsyncIterator[GuardedBus]:
    """Run NATS as `deploy/nats` starts and configures it, with other ports and folders."""
    secrets = {account: f"of-{account}" for account in ACCESS}
    server = start_deployed(directory, secrets)
    try:
        guarded = GuardedBus(await deployed_url(server, directory), secrets, directory / "nats.conf")
        await guarded.prepare()
        yield guarded
    finally:
        await server.stop()


def start_deployed(directory: Path, secrets: dict[str, str], **variables: str) -> Child:
    """`deploy/nats/start.sh` with everything below `directory`, and `variables` in its environment."""
    text = (DEPLOYED / "nats.conf").read_text(encoding="utf-8")
    for container, here in {
        "0.0.0.0:4222": "127.0.0.1:-1",
        "127.0.0.1:8222": "127.0.0.1:-1",
        "/data/jetstream": str(directory / "jetstream"),
        "./accounts.conf": "accounts.conf",
    }.items():
        assert container in text
        text = text.replace(container, here)
    for name in ("accounts.conf", "system.conf.in"):
        (directory / name).write_text((DEPLOYED / name).read_text(encoding="utf-8"))
    config = directory / "nats.conf"
    config.write_text(f"{text}\nports_file_dir: {json.dumps(str(directory))}\n", encoding="utf-8")
    environment = {variable(account): secrets[account] for account in ACCESS}
    environment["NATS_OUTSIDE_SYSTEMS"] = " ".join(f"{name}:{each}" for name, each in systems(secrets).items())
    path = f"{nats_server().parent}{os.pathsep}{os.environ['PATH']}"
    command: list[str | Path] = ["/bin/sh", DEPLOYED / "start.sh", directory / "jetstream", config, directory / "made"]
    return Child(command, directory / "nats.log", environment={"PATH": path, **environment, **variables})


async def deployed_url(server: Child, directory: Path) -> str:
    """The URL of `server`, as soon as JetStream answers."""

    def ports() -> dict[str, list[str]]:
        [file] = directory.glob(f"nats-server_{server.pid}.ports")
        found: dict[str, list[str]] = json.loads(file.read_bytes())
        return found

    async def ready() -> bool:
        try:
            return await is_ready(ports()["monitoring"][0])
        except ValueError:
            return False

    await server.until_ready(ready, "nats-server", 30)
    return f"nats://127.0.0.1:{httpx.URL(ports()['nats'][0]).port}"
