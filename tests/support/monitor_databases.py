"""A database as the monitor sees it, without a gateway that would fill it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import text

from embedded.postgres import PostgresServer
from services.monitor.settings import MonitorSettings
from shared.database import Database, Databases
from shared.roles import MONITOR
from shared.subjects import Mode
from tests.support.migrated_databases import migrated_database
from tests.support.service_logins import logging_in

_TENANT = text(
    "INSERT INTO tenants (tenant_id, name, preset, service_requirements, resources, sla_target)"
    " VALUES (:id, 'Acme', 'small', '{}', '{}', '{}')"
)
_EVENTS = text("SELECT subject FROM monitor_outbox WHERE headers ->> 'ce-subject' = :id ORDER BY id")


@dataclass
class MonitorDatabase:
    """A database with the monitor's rights, and one with its owner's."""

    database: Database
    owner: Database

    async def tenant(self) -> str:
        """Insert a tenant; its id."""
        tenant_id = f"t-{uuid4().hex[:12]}"
        async with self.owner.begin() as connection:
            await connection.execute(_TENANT, {"id": tenant_id})
        return tenant_id

    async def events(self, tenant_id: str) -> list[str]:
        """The subjects of a tenant's unpublished events, in order."""
        async with self.database.begin() as connection:
            return list((await connection.execute(_EVENTS, {"id": tenant_id})).scalars())


@asynccontextmanager
async def monitor_database(server: PostgresServer) -> AsyncIterator[MonitorDatabase]:
    """One of its own."""
    url = await migrated_database(server, f"monitor_{uuid4().hex}")
    settings = MonitorSettings(nats_url="nats://127.0.0.1:1", demo_database_url=url)
    owner = Databases(settings, "owner")
    databases = Databases(settings.model_copy(update={"demo_database_url": logging_in(url, MONITOR)}), "monitor")
    try:
        yield MonitorDatabase(databases[Mode.DEMO], owner[Mode.DEMO])
    finally:
        await databases.dispose()
        await owner.dispose()
