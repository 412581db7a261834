"""`python -m tests.benchmarks.peers.bare_gateway PORT [one|all]`: POST /tenants/ with bare FastAPI.

It sends the same request to the same calculator, and then writes either one row (`one`), or all rows that the gateway
writes, in one transaction with plain asyncpg (`all`): the generation, the tenant, its services, the deployment and two
events. It has no uniform errors, modes, languages, idempotency keys, limits, metrics, logs, targets or checks
against the catalogue, and its events are not published. Its tables are copies in a separate schema.
"""

import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import nats
import orjson
import uvicorn
from fastapi import FastAPI
from nats.aio.client import Client
from pydantic import BaseModel

TABLES = ("tenant_generations", "tenants", "services", "deployments", "outbox")
GENERATION = """INSERT INTO bare.tenant_generations (tenant_id, generation) VALUES ($1, 1)
    ON CONFLICT (tenant_id) DO UPDATE SET generation = bare.tenant_generations.generation + 1 RETURNING generation"""
TENANT = """INSERT INTO bare.tenants (tenant_id, name, preset, is_demo, service_requirements, resources, sla_target,
    cpu_limit, memory_limit, gpu_limit, storage_limit, gpu_type, sizing, generation, target, options)
    VALUES ($1, $2, $3, true, $4, $5, '{}', $6, $7, $8, $9, $10, $11, $12, 'simulator', '{}')
    RETURNING id, created_at"""
SERVICE = "INSERT INTO bare.services (tenant_id, service_name, count, image, resources) VALUES ($1, $2, $3, $4, $5)"
DEPLOYMENT = """INSERT INTO bare.deployments (deployment_id, tenant_id, generation, revision, target, phase, options,
    correlation_id) VALUES ($1, $2, $3, 1, 'simulator', 'sizing', '{}', $4)"""
EVENT = "INSERT INTO bare.outbox (subject, body, headers) VALUES ($1, $2, $3)"
ONE = "INSERT INTO bare.one (tenant_id, body) VALUES ($1, $2)"


class Body(BaseModel):
    tenant_id: str
    name: str
    service_requirements: dict[str, int]


async def prepare(connection: Any) -> None:
    await connection.execute("CREATE SCHEMA IF NOT EXISTS bare")
    await connection.execute("CREATE TABLE IF NOT EXISTS bare.one (id serial PRIMARY KEY, tenant_id text, body jsonb)")
    for table in TABLES:
        await connection.execute(f"CREATE TABLE IF NOT EXISTS bare.{table} (LIKE public.{table} INCLUDING ALL)")


async def write_one(pool: asyncpg.Pool, body: Body, sizing: dict[str, Any]) -> None:
    await pool.execute(ONE, body.tenant_id, _json(sizing))


async def write_all(pool: asyncpg.Pool, body: Body, sizing: dict[str, Any]) -> None:
    deployment_id, totals = f"dep-{secrets.token_hex(6)}", sizing["resources"]
    async with pool.acquire() as connection, connection.transaction():
        generation = await connection.fetchval(GENERATION, body.tenant_id)
        row = await connection.fetchrow(
            TENANT, body.tenant_id, body.name, sizing["preset"], _json(body.service_requirements), _json(totals),
            totals["cpu"], totals["memory"], totals["gpu"], totals["storage"], sizing["gpu_type"], _json(sizing),
            generation,
        )  # fmt: skip
        rows = [
            (row["id"], each["service"], each["sessions"], each["image"], _json(each)) for each in sizing["services"]
        ]
        await connection.executemany(SERVICE, rows)
        await connection.execute(DEPLOYMENT, deployment_id, row["id"], generation, deployment_id)
        event = orjson.dumps({"tenant_id": body.tenant_id, "spec": body.model_dump(), "generation": generation})
        headers = _json({"Nats-Msg-Id": deployment_id, "ce-subject": body.tenant_id})
        await connection.executemany(
            EVENT, [(subject, event, headers) for subject in ("tenant.created", "deploy.requested")]
        )


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def create_app(write: Any) -> FastAPI:
    client: Client
    pool: asyncpg.Pool

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        nonlocal client, pool
        client = await nats.connect(os.environ["NATS_URL"])
        pool = await asyncpg.create_pool(os.environ["DEMO_DATABASE_URL"], min_size=10, max_size=10)
        async with pool.acquire() as connection:
            await prepare(connection)
        yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/ready")
    async def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.post("/tenants/", status_code=201)
    async def create(body: Body) -> dict[str, Any]:
        question = orjson.dumps({"service_requirements": body.service_requirements})
        sizing = orjson.loads((await client.request("demo.rpc.calculate", question, timeout=5)).data)["ok"]
        await write(pool, body, sizing)
        return {"tenant_id": body.tenant_id, "estimated_resources": sizing["resources"]}

    return app


if __name__ == "__main__":
    port, which = sys.argv[1:]
    uvicorn.run(create_app({"one": write_one, "all": write_all}[which]), port=int(port), log_level="warning")
