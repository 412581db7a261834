"""CPU time of the gateway for an event of a deployment: its projection into the rows, on a real PostgreSQL.

    make bench ARGS=projection

Compared with the same four statements as text over asyncpg, in one transaction.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import orjson
from rich.table import Table
from sqlalchemy import insert

from embedded.postgres import running_postgres
from services.gateway.ingest.handlers import project
from services.gateway.settings import GatewaySettings
from shared.bus import Delivery
from shared.database import Database
from shared.database.tables import deployments, tenants
from shared.events import DeployProgressed, Phase, ResourceState
from shared.subjects import Mode
from tests.support.bench_report import show
from tests.support.gateway import make_databases

DEPLOYMENT, EVENTS, RESOURCES = "dep-bench", 500, 20
START = datetime(2026, 1, 5, 1, tzinfo=UTC)
_STATEMENTS = (
    "SELECT id FROM tenants WHERE id = (SELECT tenant_id FROM deployments WHERE deployment_id = $1) FOR NO KEY UPDATE",
    "SELECT d.status, d.operation, d.created_at, d.progress, d.repeats, t.tenant_id, t.preset FROM deployments d "
    "JOIN tenants t ON t.id = d.tenant_id WHERE d.deployment_id = $1",
    "INSERT INTO deployment_events (deployment_id, seq, event_id, subject, time, status, phase, progress, level, "
    "message, resources, correlation_id) VALUES ($1, $2, $3, 'deploy.progressed', $4, 'deploying', "
    "'scaling-services', $5, 'info', $6, $7, 'req-1') ON CONFLICT DO NOTHING",
    "UPDATE deployments SET status = 'deploying', message = $2, progress = greatest(progress, $3), resources = $4, "
    "last_seq = $5, last_time = $6, updated_at = now() WHERE deployment_id = $1 AND last_seq < $5 "
    "RETURNING deployment_id",
)


def event(number: int) -> DeployProgressed:
    """A step with the state of every object."""
    return DeployProgressed(
        tenant_id="bench",
        deployment_id=DEPLOYMENT,
        generation=1,
        target="simulator",
        message=f"step {number}",
        phase=Phase.SCALING_SERVICES,
        progress=10 + number % 80,
        resources=tuple(
            ResourceState(type="Deployment", name=f"service-{n}", status="Progressing", replicas="1/3")
            for n in range(RESOURCES)
        ),
    )


def delivery(number: int) -> Delivery:
    """Where the stream has the event."""
    place = {"sequence": number + 1, "time": START + timedelta(seconds=number), "event_id": f"event-{number}"}
    fields = {"mode": Mode.DEMO, "subject": "deploy.progressed", "correlation_id": "req-1", **place}
    return cast(Delivery, SimpleNamespace(**fields))


async def microseconds(do: Callable[[int], Awaitable[object]], first: int) -> float:
    """CPU microseconds of this process for each event; the first hundred aren't counted."""
    for number in range(first, first + 100):
        await do(number)
    began = time.process_time()
    for number in range(first + 100, first + 100 + EVENTS):
        await do(number)
    return (time.process_time() - began) / EVENTS * 1e6


async def with_gateway(database: Database) -> float:
    """The gateway's handler."""
    modes: Any = {Mode.DEMO: SimpleNamespace(database=database)}
    events = {number: event(number) for number in range(100 + EVENTS)}

    async def do(number: int) -> None:
        await project(events[number], delivery(number), modes=modes, observe=lambda *_: None)

    return await microseconds(do, 0)


async def with_asyncpg(url: str) -> float:
    """The same statements, as text."""
    connection = await asyncpg.connect(url)
    resources = orjson.dumps([each.model_dump() for each in event(0).resources]).decode()
    lock, state, log, update = _STATEMENTS

    async def do(number: int) -> None:
        at, message, progress = START + timedelta(seconds=number), f"step {number}", 10 + number % 80
        async with connection.transaction():
            await connection.fetchrow(lock, DEPLOYMENT)
            await connection.fetchrow(state, DEPLOYMENT)
            await connection.execute(log, DEPLOYMENT, number + 1, f"event-{number}", at, progress, message, resources)
            await connection.fetchrow(update, DEPLOYMENT, message, progress, resources, number + 1, at)

    try:
        return await microseconds(do, 10_000)
    finally:
        await connection.close()


async def run(folder: Path) -> tuple[float, float]:
    """Start PostgreSQL with one deployment, and measure both."""
    async with running_postgres(folder) as server:
        urls = await make_databases(server, "bench")
        database = Database(Mode.DEMO, GatewaySettings(**urls), "bench")
        async with database.begin() as connection:
            row_id = await connection.scalar(insert(tenants).values(tenant_values()).returning(tenants.c.id))
            fields = {"deployment_id": DEPLOYMENT, "tenant_id": row_id, "generation": 1, "revision": 1}
            rest = {"target": "simulator", "phase": "sizing", "options": {}, "correlation_id": "req-1"}
            await connection.execute(insert(deployments), fields | rest)
        try:
            return await with_gateway(database), await with_asyncpg(urls["demo_database_url"])
        finally:
            await database.engine.dispose()


def tenant_values() -> dict[str, Any]:
    """A row with what the table requires."""
    parts: dict[str, Any] = {name: {} for name in ("service_requirements", "resources", "sla_target")}
    return {"tenant_id": "bench", "preset": "small", **parts}


def main() -> None:
    """Print the table."""
    with TemporaryDirectory() as folder:
        ours, raw = asyncio.run(run(Path(folder)))
    table = Table("", "CPU an event", title=f"projection of an event with {RESOURCES} objects, {os.cpu_count()} cores")
    table.add_row("the gateway", f"{ours / 1000:.2f} ms")
    table.add_row("the same statements with asyncpg", f"{raw / 1000:.2f} ms")
    show(table)


if __name__ == "__main__":
    main()
