"""`python -m shared.bus bootstrap`: create the streams, consumers and buckets of both modes."""

import argparse
import asyncio
import sys
from typing import Any

import nats
from nats.aio.client import Client
from pydantic import Field

from shared.access import BOOTSTRAP, inbox
from shared.bus.accounts_check import AccountsMissing, check_accounts
from shared.bus.bootstrap import bootstrap
from shared.bus.nats_login import connection_options
from shared.dependencies import Dependencies
from shared.logging import configure_logging
from shared.settings import BusSettings, load
from shared.systems import read_names


class BootstrapSettings(BusSettings):
    """Settings of the bootstrap."""

    nats_replicas: int = Field(default=1, ge=1, le=5)
    """Copies of each stream: 3 in a cluster of three nodes."""
    nats_outside_systems: str = ""
    """Other systems with an account of their own, `crm:<password> erp:<password>`; only the names are read."""


async def _connect(settings: BootstrapSettings, **options: Any) -> Client:
    login = connection_options(settings)
    return await nats.connect(**login, name="ecp-bootstrap", inbox_prefix=inbox(BOOTSTRAP), **options)


async def _bootstrap(settings: BootstrapSettings) -> None:
    async def nats_answers() -> None:
        client = await _connect(settings, allow_reconnect=False, connect_timeout=1)
        try:
            await check_accounts(client)
            await client.jetstream().account_info()
        finally:
            await client.close()

    dependencies = Dependencies()
    dependencies.add("NATS", nats_answers)
    await dependencies.wait()
    systems = read_names(settings.nats_outside_systems)
    client = await _connect(settings)
    try:
        await bootstrap(client.jetstream(timeout=30), replicas=settings.nats_replicas, systems=systems)
    finally:
        await client.close()


def main() -> None:
    """Run the command of the command line."""
    parser = argparse.ArgumentParser(prog="python -m shared.bus", description=__doc__)
    parser.add_argument("command", choices=["bootstrap"])
    parser.parse_args()
    settings = load(BootstrapSettings)
    configure_logging("bootstrap", settings.log_level)
    try:
        asyncio.run(_bootstrap(settings))
    except AccountsMissing as error:
        sys.exit(error.message)


if __name__ == "__main__":
    main()
