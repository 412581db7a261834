"""A cancel over HTTP: the event, the rows, the sockets and the refusals; the deployer is played by the test."""

from collections.abc import AsyncIterator
from typing import Any

from nats.errors import TimeoutError as NatsTimeout
from sqlalchemy import text

from services.gateway.recovery.republish import republish
from shared.events import DeployCancelled, DeployFailed, Operation, OperationRequested, Phase
from shared.subjects import Mode
from tests.integration.gateway.test_gateway_lifecycle import change, healthy, operate
from tests.support.deployer_part import conclude, event
from tests.support.gateway import DEMO, Gateway, error_of
from tests.support.polling import eventually


async def cancel(gateway: Gateway, path: str, status: int = 202) -> dict[str, Any]:
    answer = await gateway.http.post(f"{path}/cancel", headers=DEMO)
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def requests_of(gateway: Gateway, deployment_id: str, count: int) -> list[OperationRequested]:
    """The first `count` operations that were requested of a deployment, once the stream has them."""
    found: list[OperationRequested] = []

    async def has_them() -> bool:
        found[:] = [each async for each in requested(gateway) if each.deployment.deployment_id == deployment_id]
        return len(found) >= count

    await eventually(has_them)
    return found[:count]


async def requested(gateway: Gateway) -> AsyncIterator[OperationRequested]:
    """All requested operations that the stream has now."""
    subscription = await gateway.worker.jetstream.subscribe("demo.operation.requested", ordered_consumer=True)
    try:
        while True:
            message = await subscription.next_msg(timeout=5)
            yield OperationRequested.model_validate_json(message.data)
            if message.metadata.num_pending == 0:
                break
    except NatsTimeout:
        return
    finally:
        await subscription.unsubscribe()


async def end_as_cancelled(gateway: Gateway, asked: dict[str, Any], *, changed: bool) -> None:
    """Publish the deployer's event."""
    message = "cancelled; 3 of 9 objects are applied and stay"
    ended = event(DeployCancelled, asked, 40, message=message, phase=Phase.CREATING_SERVICES, changed=changed)
    await gateway.publish(ended)
    await gateway.eventually(f"/deployments/{asked['deployment_id']}", status="cancelled")


async def test_a_deployment_is_cancelled_and_the_tenant_waits_for_another_one(gateway: Gateway) -> None:
    created = await gateway.create()
    path = f"/deployments/{created['deployment_id']}"
    async with gateway.socket(f"/ws/deployment/{created['deployment_id']}?demo=true") as socket:
        accepted = await cancel(gateway, path)
        assert accepted["message"] == "it will be cancelled; what was applied stays"
        assert (await cancel(gateway, path))["message"] == "it is being cancelled"
        [event] = await requests_of(gateway, created["deployment_id"], 1)
        assert (event.operation, event.deployment.generation) == (Operation.CANCEL, created["generation"])
        await end_as_cancelled(gateway, created, changed=True)
        assert (await socket.until(status="cancelled"))[-1]["message"].startswith("cancelled; 3 of 9 objects")
    state = await gateway.get(f"/tenants/{created['tenant_id']}/deployment-status")
    assert (state["status"], state["waiting_for"], state["error_code"]) == ("cancelled", None, None)
    assert (await gateway.get(f"/tenants/{created['tenant_id']}"))["status"] == "pending"
    assert (await cancel(gateway, path))["status"] == "cancelled"
    later = await gateway.http.post(f"/tenants/{created['tenant_id']}/deploy", headers=DEMO)
    assert later.status_code == 202
    await conclude(gateway, later.json())
    assert (await gateway.get(f"/tenants/{created['tenant_id']}"))["status"] == "running"


async def test_the_latest_operation_of_a_tenant_is_cancelled_by_the_tenant_s_id(gateway: Gateway) -> None:
    created = await healthy(gateway)
    stop = await operate(gateway, created["tenant_id"], "stop")
    await conclude(gateway, stop)
    start = await operate(gateway, created["tenant_id"], "start")
    accepted = await cancel(gateway, f"/tenants/{created['tenant_id']}")
    assert (accepted["deployment_id"], accepted["operation"]) == (start["deployment_id"], "start")
    await end_as_cancelled(gateway, start, changed=False)
    assert (await gateway.get(f"/tenants/{created['tenant_id']}"))["status"] == "stopped"


async def test_a_cancelled_change_of_a_running_tenant_leaves_it_running(gateway: Gateway) -> None:
    created = await healthy(gateway)
    changed = await change(gateway, created["tenant_id"], 40)
    await cancel(gateway, f"/deployments/{changed['deployment_id']}")
    await end_as_cancelled(gateway, changed, changed=True)
    assert (await gateway.get(f"/tenants/{created['tenant_id']}"))["status"] == "running"


async def test_an_end_that_is_published_after_the_cancel_s_does_not_replace_it(gateway: Gateway) -> None:
    created = await gateway.create()
    await end_as_cancelled(gateway, created, changed=False)
    fields = {key: created[key] for key in ("tenant_id", "deployment_id", "generation")}
    late = {**fields, "target": "simulator", "message": "late", "phase": Phase.SIZING, "progress": 0, "code": "X"}
    await gateway.publish(DeployFailed.model_validate(late))

    async def is_logged() -> bool:
        return len((await gateway.get(f"/deployments/{created['deployment_id']}/events"))["events"]) >= 2

    await eventually(is_logged)
    assert (await gateway.get(f"/deployments/{created['deployment_id']}"))["status"] == "cancelled"


async def test_what_can_not_be_cancelled_is_a_conflict(gateway: Gateway) -> None:
    created = await healthy(gateway)
    path = f"/deployments/{created['deployment_id']}"
    refused = error_of(await gateway.http.post(f"{path}/cancel", headers=DEMO), 409, "CONFLICT")
    assert refused["details"]["existing_status"] == "completed"
    korean = await gateway.http.post(f"{path}/cancel", headers=DEMO | {"Accept-Language": "ko"})
    assert "진행 중인 작업만" in korean.json()["error"]["message"]
    never = await gateway.create(deploy=False)
    refused = error_of(await gateway.http.post(f"/tenants/{never['tenant_id']}/cancel", headers=DEMO), 409, "CONFLICT")
    assert "nothing to cancel" in refused["message"]
    error_of(await gateway.http.post("/deployments/dep-unknown/cancel", headers=DEMO), 404, "DEPLOYMENT_NOT_FOUND")
    error_of(await gateway.http.post("/tenants/unknown/cancel", headers=DEMO), 404, "TENANT_NOT_FOUND")
    deletion = (await gateway.http.delete(f"/tenants/{created['tenant_id']}", headers=DEMO)).json()["deletion_id"]
    refused = error_of(await gateway.http.post(f"/deployments/{deletion}/cancel", headers=DEMO), 409, "CONFLICT")
    assert "a part of it may be gone" in refused["message"]


async def test_a_cancel_that_was_lost_is_published_again_instead_of_the_deployment(gateway: Gateway) -> None:
    created = await healthy(gateway)
    stop = await operate(gateway, created["tenant_id"], "stop")
    await cancel(gateway, f"/deployments/{stop['deployment_id']}")
    assert len(await requests_of(gateway, stop["deployment_id"], 2)) == 2
    async with gateway.database.begin() as connection:
        await connection.execute(
            text("UPDATE deployments SET repeat_at = '-infinity' WHERE deployment_id = :id"),
            {"id": stop["deployment_id"]},
        )

    async def is_published_again() -> bool:
        return await republish(gateway.modes[Mode.DEMO]) > 0

    await eventually(is_published_again)
    events = await requests_of(gateway, stop["deployment_id"], 3)
    assert [each.operation for each in events] == [Operation.STOP, Operation.CANCEL, Operation.CANCEL]
