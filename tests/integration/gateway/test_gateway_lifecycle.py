"""Rollback, start, stop and restart over HTTP: rows, events and refusals; the deployer is played by the test."""

import asyncio
import json
from typing import Any

from sqlalchemy import text

from services.gateway.lifecycle.schemas import OperationAccepted
from shared.events import DeployRolledBack, OperationRequested
from tests.support.deployer_part import conclude
from tests.support.gateway import DEMO, Gateway


async def healthy(gateway: Gateway, **changes: Any) -> dict[str, Any]:
    """A tenant that runs its first manifest."""
    created = await gateway.create(**changes)
    await conclude(gateway, created)
    return created


async def change(gateway: Gateway, tenant_id: str, sessions: int) -> dict[str, Any]:
    answer = await gateway.http.put(
        f"/tenants/{tenant_id}", json={"service_requirements": {"callbot": sessions}}, headers=DEMO
    )
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def operate(gateway: Gateway, tenant_id: str, operation: str, status: int = 202, **body: Any) -> dict[str, Any]:
    answer = await gateway.http.post(f"/tenants/{tenant_id}/{operation}", json=body or None, headers=DEMO)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    if status == 202:
        OperationAccepted.model_validate(found)
    return found


async def request_of(gateway: Gateway, deployment_id: str) -> OperationRequested:
    """The event that asks the deployer, from the stream."""
    subscription = await gateway.worker.jetstream.subscribe("demo.operation.requested", ordered_consumer=True)
    try:
        async with asyncio.timeout(60):
            async for message in subscription.messages:
                if json.loads(message.data)["deployment"]["deployment_id"] == deployment_id:
                    return OperationRequested.model_validate_json(message.data)
    finally:
        # What it has still to read would keep the gateway from closing its connection for 30 s.
        await subscription.unsubscribe()
    raise AssertionError


async def test_a_rollback_runs_the_last_healthy_manifest_and_the_tenant_keeps_what_it_asks_for(
    gateway: Gateway,
) -> None:
    first = await healthy(gateway)
    tenant_id = first["tenant_id"]
    second = await change(gateway, tenant_id, 40)
    await conclude(gateway, second)
    asked = await operate(gateway, tenant_id, "rollback")
    assert (asked["digest"], asked["to_generation"], asked["revision"]) == (f"sha256:{first['deployment_id']}", 1, 1)
    assert "the tenant is at revision 2" in asked["notes"][0]
    event = await request_of(gateway, asked["deployment_id"])
    assert (event.digest, event.to, event.deployment.generation) == (asked["digest"], 1, 3)
    row = await gateway.get(f"/deployments/{asked['deployment_id']}")
    assert (row["operation"], row["status"], row["phase"], row["revision"]) == ("rollback", "pending", "validating", 1)
    await conclude(gateway, asked, DeployRolledBack, digest=asked["digest"])
    tenant = await gateway.get(f"/tenants/{tenant_id}")
    assert (tenant["status"], tenant["revision"], tenant["service_requirements"]) == ("running", 2, {"callbot": 40})
    forward = await operate(gateway, tenant_id, "rollback", deployment_id=second["deployment_id"])
    assert forward["to_generation"] == 2


async def test_a_rollback_without_anything_to_go_back_to_is_a_conflict_and_leaves_no_trace(gateway: Gateway) -> None:
    created = await healthy(gateway)
    refused = await operate(gateway, created["tenant_id"], "rollback", 409)
    assert refused["error"]["code"] == "CONFLICT"
    assert "nothing to roll back to" in refused["error"]["message"]
    assert (await gateway.get(f"/tenants/{created['tenant_id']}/deployments"))["total_count"] == 1
    unknown = await operate(gateway, created["tenant_id"], "rollback", 404, deployment_id="dep-unknown")
    assert unknown["error"]["code"] == "DEPLOYMENT_NOT_FOUND"
    unknown = await operate(gateway, "unknown", "stop", 404)
    assert unknown["error"]["code"] == "TENANT_NOT_FOUND"


async def test_a_tenant_is_stopped_started_and_restarted(gateway: Gateway) -> None:
    created = await healthy(gateway)
    tenant_id = created["tenant_id"]
    stop = await operate(gateway, tenant_id, "stop")
    assert (await gateway.get(f"/tenants/{tenant_id}"))["status"] == "running", "until the last pod is gone"
    assert "stopped" in (await operate(gateway, tenant_id, "stop", 409))["error"]["message"]
    await conclude(gateway, stop, digest=None)
    assert (await gateway.get(f"/tenants/{tenant_id}"))["status"] == "stopped"
    for refused in ("restart", "rollback", "stop"):
        await operate(gateway, tenant_id, refused, 409)
    start = await operate(gateway, tenant_id, "start")
    assert start["digest"] == f"sha256:{created['deployment_id']}"
    assert (await gateway.get(f"/tenants/{tenant_id}"))["status"] == "pending"
    await conclude(gateway, start, digest=start["digest"])
    assert (await gateway.get(f"/tenants/{tenant_id}"))["status"] == "running"
    restart = await operate(gateway, tenant_id, "restart")
    assert (await request_of(gateway, restart["deployment_id"])).digest == start["digest"]
    assert "in progress" in (await operate(gateway, tenant_id, "restart", 409))["error"]["message"]


async def test_a_change_starts_a_stopped_tenant(gateway: Gateway) -> None:
    created = await healthy(gateway)
    stop = await operate(gateway, created["tenant_id"], "stop")
    await conclude(gateway, stop, digest=None)
    changed = await change(gateway, created["tenant_id"], 40)
    assert changed["status"] == "pending"
    await conclude(gateway, changed)
    assert (await gateway.get(f"/tenants/{created['tenant_id']}"))["status"] == "running"


async def test_a_deploy_that_went_back_by_itself_leaves_the_tenant_running_what_was_healthy(gateway: Gateway) -> None:
    created = await healthy(gateway)
    changed = await change(gateway, created["tenant_id"], 40)
    old = f"sha256:{created['deployment_id']}"
    await conclude(gateway, changed, DeployRolledBack, digest=old)
    assert (await gateway.get(f"/deployments/{changed['deployment_id']}"))["digest"] == old
    assert (await gateway.get(f"/tenants/{created['tenant_id']}"))["status"] == "running"


async def test_the_same_key_answers_the_same_operation_and_nothing_happens_twice(gateway: Gateway) -> None:
    created = await healthy(gateway)
    path = f"/tenants/{created['tenant_id']}/stop"
    headers = {**DEMO, "Idempotency-Key": f"stop-{created['tenant_id']}"}
    calls = (gateway.http.post(path, headers=headers) for _ in range(4))
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["deployment_id"] for answer in answers}) == 1


async def test_operations_at_once_get_a_generation_each_and_the_tenant_has_the_highest(gateway: Gateway) -> None:
    created = await healthy(gateway)
    await conclude(gateway, await change(gateway, created["tenant_id"], 40))
    path = f"/tenants/{created['tenant_id']}"
    kinds = ("rollback", "stop", "start", "restart", "deploy") * 3
    answers = await asyncio.gather(*(gateway.http.post(f"{path}/{kind}", headers=DEMO) for kind in kinds))
    assert {answer.status_code for answer in answers} <= {202, 409}
    accepted = [answer.json()["generation"] for answer in answers if answer.status_code == 202]
    assert len(accepted) == len(set(accepted)) > 0
    assert (await gateway.get(path))["generation"] == max(accepted)
    async with gateway.database.begin() as connection:
        count = await connection.scalar(
            text("SELECT count(*) FROM deployments d JOIN tenants t ON t.id = d.tenant_id WHERE t.tenant_id = :id"),
            {"id": created["tenant_id"]},
        )
    assert count == len(accepted) + 2
