"""The call-back of a CI pipeline: recorded beside what is observed, and never instead of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.events import DeployCompleted, DeployFailed, Phase
from tests.support.deployer_part import created_and_prepared, event
from tests.support.gateway import DEMO, Gateway, error_of


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


async def report(gateway: Gateway, tenant_id: str, headers: Any = None, **body: Any) -> dict[str, Any]:
    path = f"/tenants/{tenant_id}/deployment-status"
    answer = await gateway.http.post(path, json=body, headers=DEMO | (headers or {}))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_guide_s_call_is_recorded_and_a_contradiction_is_shown_until_there_is_none(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    tenant_id = created["tenant_id"]
    path = f"/tenants/{tenant_id}/deployment-status"
    time = now()
    # As the guide's workflow sends it, with curl's -d.
    answer = await gateway.http.post(
        path,
        content=json.dumps({"status": "completed", "deployed_at": time}),
        headers=DEMO | {"Content-Type": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["deployment_id"], body["overall_status"]) == (created["deployment_id"], "pending")
    assert body["reported"]["contradiction"] == f"completed was reported, but the deploy is {body['status']}"
    state = await gateway.get(path)
    assert state["status"] != "completed", "a report changes nothing that is observed"
    assert state["reported"] == body["reported"]
    assert (state["reported"]["status"], state["reported"]["deployed_at"]) == ("completed", time)
    korean = (await gateway.http.get(path, headers=DEMO | {"Accept-Language": "ko"})).json()
    assert korean["reported"]["contradiction"].startswith("completed(으)로 보고되었지만")
    await gateway.publish(event(DeployCompleted, created, 100, phase=Phase.DONE))
    done = await gateway.eventually(path, status="completed")
    assert (done["overall_status"], done["reported"]["contradiction"]) == ("ready", None)


async def test_a_failure_and_a_report_of_success_contradict_each_other(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    await gateway.publish(event(DeployFailed, created, 40, code="DEPLOYMENT_FAILED"))
    path = f"/tenants/{created['tenant_id']}/deployment-status"
    failed = await gateway.eventually(path, status="failed")
    assert (failed["overall_status"], failed["reported"]) == ("failed", None)
    body = await report(gateway, created["tenant_id"], status="completed")
    assert body["reported"]["contradiction"] == "completed was reported, but the deploy is failed"
    assert (await gateway.get(f"/tenants/{created['tenant_id']}"))["status"] == "failed"


async def test_reports_are_kept_for_their_deployment_and_bounded(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    tenant_id = created["tenant_id"]
    for _ in range(12):
        await report(gateway, tenant_id, status="deploying")
        await report(gateway, tenant_id, status="failed")
    state = await gateway.get(f"/tenants/{tenant_id}/deployment-status")
    assert state["reported"]["status"] == "failed"
    assert [each["status"] for each in state["reported"]["earlier"]] == (["deploying", "failed"] * 10)[:19]
    await gateway.http.post(f"/tenants/{tenant_id}/deploy", headers=DEMO)
    assert (await gateway.get(f"/tenants/{tenant_id}/deployment-status"))["reported"] is None
    old = await report(gateway, tenant_id, status="completed", deployment_id=created["deployment_id"])
    assert old["deployment_id"] == created["deployment_id"]
    assert len(old["reported"]["earlier"]) == 19
    assert (await gateway.get(f"/tenants/{tenant_id}/deployment-status"))["reported"] is None


async def test_a_tenant_that_a_pipeline_alone_deploys_can_be_reported(gateway: Gateway) -> None:
    created = await gateway.create(deploy=False)
    body = await report(gateway, created["tenant_id"], status="completed", deployed_at=now())
    assert (body["deployment_id"], body["status"], body["overall_status"]) == (None, "pending", "pending")
    state = await gateway.get(f"/tenants/{created['tenant_id']}/deployment-status")
    assert (state["deployment_id"], state["reported"]["status"]) == (None, "completed")


async def test_a_report_with_a_key_is_recorded_once(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    key = {"Idempotency-Key": "report-1"}
    first, second = [await report(gateway, created["tenant_id"], key, status="deploying") for _ in range(2)]
    assert first == second
    state = await gateway.get(f"/tenants/{created['tenant_id']}/deployment-status")
    assert state["reported"]["earlier"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"status": "great"}, "status"),
        ({}, "status"),
        ({"status": "superseded"}, "status"),
        ({"status": "completed", "deployed_at": "yesterday"}, "deployed_at"),
        ({"status": "completed", "deployed_at": "1999-12-31T23:59:59Z"}, "deployed_at"),
        ({"status": "completed", "deployed_at": "9999-12-31T23:59:59+00:00"}, "deployed_at"),
        ({"status": "completed", "deployed_at": "0001-01-01T00:00:00+14:00"}, "deployed_at"),
        ({"status": "completed", "deployment_id": "dep-unknown"}, "deployment_id"),
        ({"status": "completed", "deployment_id": "dep-\x00"}, "deployment_id"),
    ],
)
async def test_what_can_not_be_is_refused_by_field(gateway: Gateway, body: dict[str, Any], field: str) -> None:
    created = await gateway.create(deploy=False)
    path = f"/tenants/{created['tenant_id']}/deployment-status"
    error = error_of(await gateway.http.post(path, json=body, headers=DEMO), 422, "VALIDATION_ERROR")
    assert [each["field"] for each in error["details"]["errors"]] == [field]
    assert (await gateway.get(path))["reported"] is None


async def test_only_tenants_and_deployments_that_exist_are_reported(gateway: Gateway) -> None:
    answer = await gateway.http.post("/tenants/unknown/deployment-status", json={"status": "failed"}, headers=DEMO)
    error_of(answer, 404, "TENANT_NOT_FOUND")
    mine, other = await created_and_prepared(gateway), await created_and_prepared(gateway)
    answer = await gateway.http.post(
        f"/tenants/{mine['tenant_id']}/deployment-status",
        json={"status": "failed", "deployment_id": other["deployment_id"]},
        headers=DEMO,
    )
    error_of(answer, 422, "VALIDATION_ERROR")
    early = datetime.now(UTC) - timedelta(days=1)
    body = await report(gateway, mine["tenant_id"], status="pending", deployed_at=early.isoformat())
    assert "is before the deploy was requested" in body["reported"]["contradiction"]
