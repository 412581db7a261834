"""Workers' events become rows: in any order, any number of times, and only for the operation they belong to."""

import pytest

from services.gateway.tenants.repository import update_sla
from shared.events import (
    DeployCompleted,
    DeployFailed,
    DeployProgressed,
    DeployStarted,
    DeploySuperseded,
    Phase,
    ResourcesRejected,
    ResourceState,
    SlaReported,
    TenantDeleted,
)
from shared.subjects import Mode
from tests.support.deployer_part import created_and_prepared, event
from tests.support.gateway import DEMO, Gateway

NAMESPACE = ResourceState(type="Namespace", name="ecp-ai-x", status="Active")
CALLBOT = ResourceState(type="Deployment", name="callbot", status="Available", replicas="3/3")
CHATBOT = ResourceState(type="Deployment", name="chatbot", status="Progressing", replicas="1/2")


async def test_a_deployment_is_followed_to_its_completion_and_the_tenant_runs(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    path = f"/tenants/{created['tenant_id']}"
    await gateway.publish(event(DeployStarted, created, 10, phase=Phase.CREATING_NAMESPACE))
    resources = (NAMESPACE, CALLBOT, CHATBOT)
    waiting = "1 of 2 workloads are available; waiting for chatbot 1/2 (ContainerCreating)"
    await gateway.publish(event(DeployProgressed, created, 65, message=waiting, resources=resources))
    status = await gateway.eventually(f"{path}/deployment-status", progress=65)
    assert status["status"] == "deploying"
    assert status["phase"] == "scaling-services"
    assert [each["name"] for each in status["created_resources"]] == ["ecp-ai-x", "callbot"]
    assert status["created_resources"][1]["replicas"] == "3/3"
    assert status["pending_resources"] == [
        {"type": "Deployment", "name": "chatbot", "status": "Progressing", "replicas": "1/2"}
    ]
    assert status["waiting_for"] == "chatbot 1/2 (ContainerCreating)"
    await gateway.publish(event(DeployCompleted, created, 100, phase=Phase.DONE, digest="sha256:abc"))
    done = await gateway.eventually(f"{path}/deployment-status", status="completed")
    assert (done["progress"], done["estimated_completion"], done["waiting_for"]) == (100, None, None)
    assert (await gateway.get(path))["status"] == "running"
    deployment = await gateway.get(f"/deployments/{created['deployment_id']}")
    assert deployment["digest"] == "sha256:abc"
    assert deployment["finished_at"] is not None
    events = (await gateway.get(f"/deployments/{created['deployment_id']}/events"))["events"]
    assert [each["event"] for each in events[2:]] == ["deploy.started", "deploy.progressed", "deploy.completed"]
    assert sorted(each["seq"] for each in events) == [each["seq"] for each in events]
    later = await gateway.get(f"/deployments/{created['deployment_id']}/events?since={events[2]['seq']}")
    assert later["events"] == events[3:]
    assert (await gateway.get("/tenants/?status=running"))["active_count"] >= 1


async def test_progress_never_falls_and_what_has_ended_is_not_deploying_again(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    path = f"/deployments/{created['deployment_id']}"
    await gateway.publish(event(DeployProgressed, created, 70))
    await gateway.eventually(path, progress=70)
    await gateway.publish(event(DeployProgressed, created, 40, message="behind"))
    assert (await gateway.eventually(path, message="behind"))["progress"] == 70
    await gateway.publish(event(DeployCompleted, created, 100))
    await gateway.publish(event(DeployProgressed, created, 80, message="late"))
    async_events = await gateway.eventually(path, status="completed")
    assert async_events["progress"] == 100
    while True:
        log = (await gateway.get(f"{path}/events"))["events"]
        if log[-1]["message"] == "late":
            break
    assert (await gateway.get(path))["status"] == "completed"


async def test_a_failure_fails_the_tenant_with_its_code_and_reason(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    await gateway.publish(event(DeployFailed, created, 65, code="DEPLOYMENT_FAILED", message="tts: ErrImagePull"))
    status = await gateway.eventually(f"/tenants/{created['tenant_id']}/deployment-status", status="failed")
    assert (status["error_code"], status["message"]) == ("DEPLOYMENT_FAILED", "tts: ErrImagePull")
    assert status["logs"][-1]["level"] == "error"
    assert (await gateway.get(f"/tenants/{created['tenant_id']}"))["status"] == "failed"


async def test_a_rejected_sizing_fails_the_deployment(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    deployment = {"deployment_id": created["deployment_id"], "generation": 1, "target": "simulator"}
    await gateway.publish(
        ResourcesRejected.model_validate(
            {
                "tenant_id": created["tenant_id"],
                "code": "INSUFFICIENT_RESOURCES",
                "message": "no GPU is large enough",
                "deployment": deployment,
            }
        )
    )
    status = await gateway.eventually(f"/tenants/{created['tenant_id']}/deployment-status", status="failed")
    assert status["error_code"] == "INSUFFICIENT_RESOURCES"


async def test_the_tenant_follows_its_latest_operation_only(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    path = f"/tenants/{created['tenant_id']}"
    newer = (await gateway.http.post(f"{path}/deploy", headers=DEMO)).json()
    await gateway.publish(event(DeployCompleted, newer, 100, phase=Phase.DONE))
    await gateway.eventually(path, status="running")
    superseded = event(DeploySuperseded, created, 50, superseded_by=newer["generation"], message="a newer one rules")
    await gateway.publish(superseded)
    await gateway.publish(event(DeployFailed, created, 50, code="DEPLOYMENT_FAILED", message="never mind"))
    old = await gateway.eventually(f"/deployments/{created['deployment_id']}", status="failed")
    assert old["generation"] < newer["generation"]
    assert (await gateway.get(path))["status"] == "running"
    listed = await gateway.get(f"{path}/deployments")
    assert [each["generation"] for each in listed["deployments"]] == [newer["generation"], created["generation"]]
    assert listed["total_count"] == 2


async def test_a_running_tenant_keeps_running_while_a_new_revision_rolls_out(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    path = f"/tenants/{created['tenant_id']}"
    await gateway.publish(event(DeployCompleted, created, 100, phase=Phase.DONE))
    await gateway.eventually(path, status="running")
    changed = (await gateway.http.put(path, json={"name": "new"}, headers=DEMO)).json()
    assert changed["status"] == "running"
    await gateway.publish(event(DeployFailed, changed, 30, code="DEPLOYMENT_FAILED"))
    await gateway.eventually(path, status="failed")


async def test_an_event_that_comes_again_changes_nothing(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    step = event(DeployProgressed, created, 66)
    await gateway.publish(step, event_id=f"twice-{created['deployment_id']}")
    await gateway.publish(step, event_id=f"twice-{created['deployment_id']}")
    await gateway.publish(event(DeployCompleted, created, 100))
    await gateway.eventually(f"/deployments/{created['deployment_id']}", status="completed")
    log = (await gateway.get(f"/deployments/{created['deployment_id']}/events"))["events"]
    assert [each["progress"] for each in log].count(66) == 1


async def test_events_of_unknown_tenants_and_deployments_are_dropped(gateway: Gateway) -> None:
    unknown = {"tenant_id": "unknown", "deployment_id": "dep-unknown", "generation": 1}
    await gateway.publish(event(DeployProgressed, unknown))
    await gateway.publish(TenantDeleted(tenant_id="unknown", deletion_id="del-unknown", generation=1))
    await gateway.publish(report("unknown", 1))
    created = await created_and_prepared(gateway)
    await gateway.publish(event(DeployProgressed, created, 33))
    await gateway.eventually(f"/deployments/{created['deployment_id']}", progress=33)


def report(tenant_id: str, second: int, availability: float = 100.0, year: int = 2099) -> SlaReported:
    return SlaReported.model_validate(
        {
            "tenant_id": tenant_id,
            "time": f"{year}-01-01T00:00:{second:02}Z",
            "since": f"{year}-01-01T00:00:00Z",
            "availability": availability,
            "target": 99.9,
            "status": "meeting",
            "downtime_seconds": 0,
            "observed_seconds": second,
            "failures": 0,
        }
    )


async def test_the_latest_report_is_the_sla_and_an_earlier_one_doesn_t_replace_it(gateway: Gateway) -> None:
    created = await gateway.create(deploy=False)
    path = f"/tenants/{created['tenant_id']}/sla"
    await gateway.publish(report(created["tenant_id"], 20, 99.95))
    await gateway.eventually(path, availability=99.95)
    await gateway.publish(report(created["tenant_id"], 10, 98.0))
    await gateway.publish(report(created["tenant_id"], 30, 99.97))
    shown = await gateway.eventually(path, availability=99.97)
    assert (shown["observed_seconds"], shown["status"], shown["time"]) == (30, "meeting", "2099-01-01T00:00:30Z")


async def test_a_report_on_an_earlier_tenant_with_the_same_id_is_dropped(gateway: Gateway) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    late, own = report(name, 20, 98.0, year=2020), report(name, 20)
    assert not await update_sla(gateway.database, name, late.model_dump_json(), late.time)
    assert (await gateway.get(f"/tenants/{name}/sla"))["availability"] is None
    assert await update_sla(gateway.database, name, own.model_dump_json(), own.time)


@pytest.mark.parametrize(
    ("consumer", "fails"), [("manifest-renders", True), ("gateway-projects", False), ("monitor-stores", False)]
)
async def test_a_dead_letter_of_the_pipeline_fails_its_deployment(gateway: Gateway, consumer: str, fails: bool) -> None:
    created = await created_and_prepared(gateway)
    body = event(DeployProgressed, created).model_dump_json().encode()
    headers = {
        "Nats-Msg-Id": f"{consumer}-{created['deployment_id']}",
        "dlq-event-id": "event-1",
        "dlq-subject": "resources.calculated",
        "dlq-consumer": consumer,
        "dlq-code": "VALIDATION_ERROR",
        "dlq-reason": "spec: Field required",
    }
    await gateway.worker.publisher.publish_encoded("demo.dlq.resources.calculated", body, headers)
    path = f"/tenants/{created['tenant_id']}/deployment-status"
    if fails:
        status = await gateway.eventually(path, status="failed")
        assert status["error_code"] == "VALIDATION_ERROR"
        assert "manifest-renders could not handle resources.calculated: spec: Field required" in status["message"]
        assert (await gateway.get(f"/tenants/{created['tenant_id']}"))["status"] == "failed"
    else:
        await gateway.publish(event(DeployCompleted, created, 100))
        await gateway.eventually(path, status="completed")


async def test_a_failed_deletion_fails_the_tenant_so_that_it_can_be_tried_again(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    path = f"/tenants/{created['tenant_id']}"
    deletion = (await gateway.http.delete(path, headers=DEMO)).json()
    status = await gateway.get(f"{path}/deployment-status")
    assert (status["deployment_id"], status["waiting_for"]) == (deletion["deletion_id"], "the deployer")
    generation = (await gateway.get(path))["generation"]
    began = {"tenant_id": created["tenant_id"], "deployment_id": deletion["deletion_id"], "generation": generation}
    await gateway.publish(event(DeployFailed, began, 10, code="KUBERNETES_ERROR", message="a finalizer stays"))
    await gateway.eventually(path, status="failed")
    again = (await gateway.http.delete(path, headers=DEMO)).json()
    assert again["deletion_id"] != deletion["deletion_id"]


async def test_the_correlation_id_of_the_request_is_in_everything_that_follows(gateway: Gateway) -> None:
    answer = await gateway.http.post(
        "/tenants/",
        json={"tenant_id": "correlated", "name": "x", "service_requirements": {"callbot": 1}},
        headers=DEMO | {"X-Request-ID": "correlation.1"},
    )
    deployment_id = answer.json()["deployment_id"]
    deployment = await gateway.eventually(f"/deployments/{deployment_id}", phase="validating")
    assert deployment["correlation_id"] == "correlation.1"
    log = (await gateway.get(f"/deployments/{deployment_id}/events"))["events"]
    assert {each["correlation_id"] for each in log} == {"correlation.1"}
    assert (
        Mode.DEMO.value
        in (await gateway.http.get("/tenants/", headers=DEMO | {"X-Debug": "true"})).headers["x-debug-info"]
    )
