"""Health, readiness, metrics and the description of the API."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from embedded.postgres import PostgresServer
from shared.events import DeployCompleted, MetricsCollected
from shared.version import VERSION
from tests.support.databases import FULL_DISK, execute
from tests.support.deployer_part import created_and_prepared, event
from tests.support.gateway import (
    DEMO,
    Gateway,
    gateway_apart,
    make_databases,
    running_gateway,
    running_workers,
    tenant,
    wait_until_ready,
)

DOCUMENTED_PATHS = {
    "/api/v1/tenants/": {"get", "post"},
    "/api/v1/tenants/{tenant_id}": {"get", "put", "patch", "delete"},
    "/api/v1/tenants/check-duplicate": {"post"},
    "/api/v1/tenants/check-duplicate/{tenant_id}": {"get"},
    "/api/v1/tenants/{tenant_id}/manifest": {"get", "post"},
    "/api/v1/tenants/{tenant_id}/package": {"get"},
    "/api/v1/tenants/{tenant_id}/recommendation": {"post"},
    "/api/v1/tenants/{tenant_id}/deployment-status": {"get", "post"},
    "/api/v1/tenants/calculate-resources": {"post"},
    "/api/v1/tenants/{tenant_id}/deploy": {"post"},
    "/api/v1/tenants/{tenant_id}/deployments": {"get"},
    "/api/v1/deployments/{deployment_id}": {"get"},
    "/api/v1/deployments/{deployment_id}/events": {"get"},
    "/api/v1/deployments/{deployment_id}/diff": {"get"},
    "/api/v1/tenants/{tenant_id}/monitoring": {"get", "post"},
    "/api/v1/tenants/{tenant_id}/sla": {"get"},
    "/health": {"get"},
    "/ready": {"get"},
    "/metrics": {"get"},
}


@pytest.fixture(scope="module")
async def gateway(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """Not the shared one: a copy of that one may take an event, and then has it in its own metrics."""
    async with gateway_apart(postgres, tmp_path_factory.mktemp("nats")) as running:
        yield running


async def at_root(gateway: Gateway, path: str) -> httpx.Response:
    return await gateway.http.get(f"http://127.0.0.1:{gateway.settings.port}{path}")


async def test_a_gateway_with_all_that_it_needs_is_healthy_and_ready(gateway: Gateway) -> None:
    health, ready = (await at_root(gateway, "/health")).json(), (await at_root(gateway, "/ready")).json()
    assert (health["status"], health["checks"]) == ("healthy", {"NATS": "ok"})
    assert (ready["status"], ready["ready"], ready["missing"]) == ("ready", True, {})
    assert {"NATS", "PostgreSQL (demo)", "writes to PostgreSQL (demo)"} <= ready["checks"].keys()
    assert set(ready["checks"].values()) == {"ok"}
    for answer in (health, ready):
        assert (answer["service"], answer["version"]) == ("gateway", VERSION)
        assert datetime.now(UTC) - datetime.fromisoformat(answer["timestamp"]) < timedelta(minutes=1)


async def test_the_api_describes_every_operation_with_its_codes_and_one_error_shape(gateway: Gateway) -> None:
    for page in ("/docs", "/redoc"):
        assert (await at_root(gateway, page)).headers["content-security-policy"].startswith("default-src 'none'")
    described: dict[str, Any] = (await at_root(gateway, "/openapi.json")).json()
    paths = {path: set(operations) for path, operations in described["paths"].items()}
    missing = {path: operations - paths.get(path, set()) for path, operations in DOCUMENTED_PATHS.items()}
    assert not any(missing.values()), missing
    create = described["paths"]["/api/v1/tenants/"]["post"]["responses"]
    refused = {"400", "401", "403", "408", "409", "413", "414", "415", "421", "422", "429", "431"}
    assert {"201", *refused, "500", "503"} == set(create)
    assert "TENANT_ALREADY_EXISTS" in create["409"]["description"]
    assert "HTTPValidationError" not in described["components"]["schemas"]
    for path, operations in described["paths"].items():
        for operation in operations.values():
            assert not path.startswith("/api") or {"400", "422", "500"} <= set(operation["responses"]), path


async def test_the_documented_metrics_are_there_with_the_documented_labels(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    name = created["tenant_id"]
    await gateway.http.get("/tenants/made-up-by-a-client", headers=DEMO)
    await gateway.http.get(f"/tenants/{name}", headers=DEMO)
    await gateway.publish(event(DeployCompleted, created, 100))
    await gateway.eventually(f"/tenants/{name}", status="running")
    now = (await gateway.get(f"/tenants/{name}"))["updated_at"]
    await gateway.publish(
        MetricsCollected(tenant_id=name, time=now, values={"cpu": 12.5, "memory": 30, "gpu": 40, "x": 1}, source="test")
    )
    wanted = [
        f'ecp_tenant_requests_total{{method="GET",status="success",tenant_id="{name}"}}',
        f'ecp_tenant_deployment_duration_seconds_count{{preset="{created["preset"]}",tenant_id="{name}"}} 1.0',
        f'ecp_tenant_cpu_usage{{tenant_id="{name}"}} 12.5',
        f'ecp_tenant_memory_usage{{tenant_id="{name}"}} 30.0',
        f'ecp_tenant_gpu_usage{{tenant_id="{name}"}} 40.0',
        "ecp_active_tenants_total",
        'ecp_outbox_events{mode="demo"}',
        "ecp_bus_received_messages",
    ]
    async with asyncio.timeout(60):
        while True:
            text = (await at_root(gateway, "/metrics")).text
            if all(each in text for each in wanted):
                break
            await asyncio.sleep(0.05)
    assert "made-up-by-a-client" not in text


async def test_a_gateway_whose_database_can_t_write_is_not_ready_and_names_it(
    nats_url: str, postgres: PostgresServer
) -> None:
    urls = await make_databases(postgres, "full_disk")
    async with running_workers(nats_url), running_gateway(nats_url=nats_url, **urls) as gateway:
        await wait_until_ready(gateway)
        database = gateway.database
        await execute(database, FULL_DISK, "CREATE TRIGGER full_disk BEFORE INSERT ON tenants EXECUTE FUNCTION fail()")
        refused = await gateway.http.post("/tenants/", json=tenant(), headers=DEMO)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "DATABASE_ERROR")
        ready = await at_root(gateway, "/ready")
        assert ready.status_code == 503
        assert "No space left on device" in ready.json()["missing"]["writes to PostgreSQL (demo)"]
        assert "No space left on device" in ready.json()["checks"]["writes to PostgreSQL (demo)"]
        assert (await at_root(gateway, "/health")).status_code == 200
