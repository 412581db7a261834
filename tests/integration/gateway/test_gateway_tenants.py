"""Tenants over REST: created, listed, changed, deployed and deleted, on real NATS and PostgreSQL with real workers."""

import asyncio

import pytest

from services.gateway.tenants.targets import TargetChoice
from shared.errors import Refused
from shared.events import TenantDeleted
from shared.subjects import Mode
from tests.support.gateway import DEMO, Gateway, mode_header, tenant

DOCUMENTED = {
    "tenant_id": "my-ai-service",
    "name": "내 AI 서비스",
    "preset": "medium",
    "service_requirements": {"callbot": 50, "chatbot": 100, "advisor": 25, "stt": 30, "tts": 30},
    "sla_target": {"availability": "99.9%", "response_time": "200ms", "concurrent_users": 200},
    "description": "내 AI 서비스 설명",
}


async def test_the_documented_tenant_is_created_shown_and_listed_with_the_documented_fields(gateway: Gateway) -> None:
    answer = await gateway.http.post("/tenants/", json=DOCUMENTED)
    assert answer.status_code == 201
    created = answer.json()
    assert created["tenant_id"] == "my-ai-service"
    assert created["status"] == "pending"
    assert created["deployment_id"].startswith("dep-")
    assert set(created["estimated_resources"]) == {"cpu", "memory", "gpu", "storage"}
    assert created["estimated_cost"].startswith("$")
    assert created["estimated_cost"].endswith("/month")
    assert created["deployment_time"].endswith("seconds")
    assert created["created_at"].endswith("Z")

    detail = await gateway.get("/tenants/my-ai-service", Mode.PRODUCTION)
    assert detail["service_requirements"] == DOCUMENTED["service_requirements"]
    assert detail["sla_target"] == DOCUMENTED["sla_target"]
    assert detail["resources"] == created["estimated_resources"]
    assert detail["is_demo"] is False
    callbot = next(each for each in detail["services"] if each["service_name"] == "callbot")
    assert callbot["count"] == 50
    assert callbot["service_type"] == "ai_service"
    assert callbot["enabled"] is True
    assert callbot["image"].startswith("ecp-ai/callbot:")
    assert {"cpu_request", "memory_request"} <= set(callbot["resources"])

    listed = await gateway.get("/tenants/?limit=1000", Mode.PRODUCTION)
    row = next(each for each in listed["tenants"] if each["tenant_id"] == "my-ai-service")
    assert row["services_count"] == len(detail["services"])
    assert row["sla_availability"] == "99.9%"
    assert row["sla_response_time"] == "200ms"
    assert row["cpu_limit"] == detail["resources"]["cpu"]
    assert row["description"] == DOCUMENTED["description"]
    assert listed["demo_count"] == 0
    assert listed["pagination"]["has_more"] is False


async def test_the_deployment_goes_through_the_workers_up_to_the_deployer(gateway: Gateway) -> None:
    created = await gateway.create()
    path = f"/tenants/{created['tenant_id']}/deployment-status"
    status = await gateway.eventually(path, phase="validating")
    assert status["deployment_id"] == created["deployment_id"]
    assert status["progress"] == 6
    assert status["status"] == "deploying"
    assert status["waiting_for"] == "the deployer"
    assert status["estimated_completion"] is not None
    assert [line["message"].split()[0] for line in status["logs"]] == ["sized", "rendered"]
    assert {"created_resources", "pending_resources"} <= set(status)


async def test_the_two_modes_know_nothing_of_each_other(gateway: Gateway) -> None:
    created = await gateway.create(Mode.DEMO)
    path = f"/tenants/{created['tenant_id']}"
    assert (await gateway.get(path, Mode.DEMO))["is_demo"] is True
    assert (await gateway.http.get(path)).status_code == 404
    assert (await gateway.create(Mode.PRODUCTION, tenant_id=created["tenant_id"]))["generation"] == 1
    listed = await gateway.get("/tenants/", Mode.DEMO)
    assert listed["demo_count"] == listed["total_count"]


async def test_production_without_a_kubeconfig_notes_that_it_uses_the_simulator(gateway: Gateway) -> None:
    created = await gateway.create(Mode.PRODUCTION)
    assert created["target"] == "simulator"
    assert "KUBERNETES_CONFIG_PATH" in created["notes"][0]
    assert (await gateway.create(Mode.DEMO))["target"] == "simulator"


async def test_a_list_is_newest_first_filtered_and_in_pages(gateway: Gateway) -> None:
    ids = [(await gateway.create(name="paged"))["tenant_id"] for _ in range(3)]
    everything = await gateway.get("/tenants/?limit=1000")
    mine = [each["tenant_id"] for each in everything["tenants"] if each["name"] == "paged"]
    assert mine == ids[::-1]
    page = await gateway.get("/tenants/?skip=1&limit=1")
    assert [each["tenant_id"] for each in page["tenants"]] == [everything["tenants"][1]["tenant_id"]]
    assert page["pagination"] == {"skip": 1, "limit": 1, "has_more": True}
    running = await gateway.get("/tenants/?status=deleting")
    assert running["total_count"] == len(running["tenants"])
    preset = everything["tenants"][0]["preset"]
    assert {each["preset"] for each in (await gateway.get(f"/tenants/?preset={preset}"))["tenants"]} == {preset}


async def test_a_second_tenant_of_the_same_id_is_refused_with_the_status_of_the_first(gateway: Gateway) -> None:
    created = await gateway.create()
    answer = await gateway.http.post("/tenants/", json=tenant(tenant_id=created["tenant_id"]), headers=DEMO)
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert error["code"] == "TENANT_ALREADY_EXISTS"
    assert error["details"] == {"tenant_id": created["tenant_id"], "existing_status": "pending"}


async def test_of_many_creations_at_once_one_wins_and_the_others_are_refused(gateway: Gateway) -> None:
    body = tenant()
    answers = await asyncio.gather(*(gateway.http.post("/tenants/", json=body, headers=DEMO) for _ in range(8)))
    assert sorted(each.status_code for each in answers) == [201] + [409] * 7
    deployments = await gateway.get(f"/tenants/{body['tenant_id']}/deployments")
    assert deployments["total_count"] == 1


async def test_a_tenant_may_be_created_without_a_deployment_and_deployed_later(gateway: Gateway) -> None:
    created = await gateway.create(deploy=False)
    path = f"/tenants/{created['tenant_id']}"
    assert created["deployment_id"] is None
    assert created["target"] is None
    status = await gateway.get(f"{path}/deployment-status")
    assert status["deployment_id"] is None
    assert status["waiting_for"] == f"POST /api/v1{path}/deploy"

    changed = await gateway.http.put(path, json={"name": "renamed"}, headers=DEMO)
    assert changed.status_code == 202
    assert changed.json()["deployment_id"] is None

    answer = await gateway.http.post(f"{path}/deploy", headers=DEMO)
    assert answer.status_code == 202
    accepted = answer.json()
    await gateway.eventually(f"/deployments/{accepted['deployment_id']}", phase="validating")
    shown = await gateway.get(path)
    assert (shown["name"], shown["target"], shown["deployment_id"]) == (
        "renamed",
        "simulator",
        accepted["deployment_id"],
    )


async def test_a_change_keeps_what_is_absent_replaces_what_is_given_and_rolls_out(gateway: Gateway) -> None:
    created = await gateway.create(description="stays")
    path = f"/tenants/{created['tenant_id']}"
    change = {"service_requirements": {"callbot": 75}, "sla_target": {"availability": "99.95%"}}
    answer = await gateway.http.put(path, json=change, headers=DEMO)
    assert answer.status_code == 202
    changed = answer.json()
    assert changed["revision"] == 2
    assert changed["generation"] == created["generation"] + 1
    assert changed["deployment_id"] != created["deployment_id"]
    shown = await gateway.get(path)
    assert shown["service_requirements"] == {"callbot": 75}
    assert shown["sla_target"]["availability"] == "99.95%"
    assert shown["description"] == "stays"
    assert "chatbot" not in {each["service_name"] for each in shown["services"]}
    assert shown["updated_at"] > shown["created_at"]
    assert shown["deployment_id"] == changed["deployment_id"]


async def test_a_preset_of_null_goes_back_to_the_recommendation(gateway: Gateway) -> None:
    created = await gateway.create(preset="large", deploy=False)
    assert created["preset"] == "large"
    path = f"/tenants/{created['tenant_id']}"
    kept = await gateway.http.put(path, json={"name": "kept"}, headers=DEMO)
    assert kept.json()["preset"] == "large"
    freed = await gateway.http.put(path, json={"preset": None}, headers=DEMO)
    assert freed.json()["preset"] != "large"


async def test_changes_at_the_same_time_all_count_and_generations_are_all_different(gateway: Gateway) -> None:
    created = await gateway.create()
    path = f"/tenants/{created['tenant_id']}"
    changes: list[dict[str, object]] = [{"name": "changed"}, {"description": "changed"}, {"gpu_type": "t4"}]
    answers = await asyncio.gather(*(gateway.http.put(path, json=each, headers=DEMO) for each in changes))
    assert [each.status_code for each in answers] == [202] * 3
    assert sorted(each.json()["revision"] for each in answers) == [2, 3, 4]
    assert len({each.json()["generation"] for each in answers}) == 3
    shown = await gateway.get(path)
    assert (shown["name"], shown["description"], shown["revision"]) == ("changed", "changed", 4)


async def test_a_deleted_tenant_is_gone_after_the_deployer_s_event_and_its_generation_goes_on(gateway: Gateway) -> None:
    created = await gateway.create()
    path = f"/tenants/{created['tenant_id']}"
    answer = await gateway.http.delete(path, headers=DEMO)
    assert answer.status_code == 202
    deletion = answer.json()
    assert deletion["deletion_id"].startswith("del-")
    assert deletion["estimated_time"].endswith("seconds")
    assert (await gateway.get(path))["status"] == "deleting"
    again = await gateway.http.delete(path, headers=DEMO)
    assert again.json()["deletion_id"] == deletion["deletion_id"]
    for refused in (
        gateway.http.post("/tenants/", json=tenant(tenant_id=created["tenant_id"]), headers=DEMO),
        gateway.http.put(path, json={"name": "too late"}, headers=DEMO),
        gateway.http.post(f"{path}/deploy", headers=DEMO),
    ):
        assert (await refused).status_code == 409

    generation = (await gateway.get(path))["generation"]
    deleted = TenantDeleted(
        tenant_id=created["tenant_id"], deletion_id=deletion["deletion_id"], generation=generation - 1
    )
    await gateway.publish(deleted)
    await gateway.publish(deleted.model_copy(update={"generation": generation}))
    async with asyncio.timeout(60):
        while True:
            if (await gateway.http.get(path, headers=DEMO)).status_code == 404:
                break
            await asyncio.sleep(0.02)
    reborn = await gateway.create(tenant_id=created["tenant_id"])
    assert reborn["generation"] > generation


async def test_a_forced_deletion_follows_one_that_is_under_way(gateway: Gateway) -> None:
    created = await gateway.create(deploy=False)
    path = f"/tenants/{created['tenant_id']}"
    first = (await gateway.http.delete(path, headers=DEMO)).json()
    forced = (await gateway.http.delete(f"{path}?force=true", headers=DEMO)).json()
    assert forced["deletion_id"] != first["deletion_id"]


async def test_the_same_key_and_body_answer_the_first_answer_again(gateway: Gateway) -> None:
    body = tenant()
    headers = DEMO | {"Idempotency-Key": f"key-{body['tenant_id']}"}
    answers = await asyncio.gather(*(gateway.http.post("/tenants/", json=body, headers=headers) for _ in range(4)))
    assert [each.status_code for each in answers] == [201] * 4
    assert len({each.text for each in answers}) == 1
    other = await gateway.http.post("/tenants/", json=body | {"name": "other"}, headers=headers)
    assert other.status_code == 409
    assert other.json()["error"]["code"] == "CONFLICT"

    path = f"/tenants/{body['tenant_id']}/deploy"
    deployments = [(await gateway.http.post(path, headers=headers)).json()["deployment_id"] for _ in range(2)]
    assert deployments[0] == deployments[1]


async def test_a_tenant_inserted_by_hand_is_pending_and_can_be_deployed(gateway: Gateway) -> None:
    name = tenant()["tenant_id"]
    async with gateway.database.session() as session:
        await session.execute(
            "INSERT INTO tenants (tenant_id, name, preset, is_demo, service_requirements, resources, sla_target,"
            " cpu_limit, memory_limit, gpu_limit) VALUES ($1, NULL, 'medium', false, '{\"chatbot\": 50}',"
            " '{\"cpu\": \"8000m\"}', '{\"availability\": 99.9}', '8000m', '16Gi', 2)",
            name,
        )
    listed = await gateway.get("/tenants/?status=pending&limit=1000")
    row = next(each for each in listed["tenants"] if each["tenant_id"] == name)
    assert (row["services_count"], row["is_demo"], row["sla_availability"]) == (1, True, "99.9")
    shown = await gateway.get(f"/tenants/{name}")
    assert shown["resources"] == {"cpu": "8000m", "memory": "16Gi", "gpu": 2, "storage": None}
    assert (await gateway.get(f"/tenants/{name}/sla"))["target"] == 99.9
    manifest = await gateway.http.get(f"/tenants/{name}/manifest", headers=DEMO)
    assert manifest.status_code == 200
    accepted = await gateway.http.post(f"/tenants/{name}/deploy", headers=DEMO)
    assert accepted.status_code == 202
    assert (await gateway.get(f"/tenants/{name}"))["preset"] == "medium"
    await gateway.eventually(f"/deployments/{accepted.json()['deployment_id']}", phase="validating")


async def test_a_tenant_inserted_by_hand_that_is_invalid_breaks_no_list_and_is_refused_with_the_reason(
    gateway: Gateway,
) -> None:
    name = tenant()["tenant_id"]
    async with gateway.database.session() as session:
        await session.execute(
            "INSERT INTO tenants (tenant_id, preset, status, service_requirements, resources, sla_target, created_at)"
            " VALUES ($1, 'gigantic', NULL, '[1]', '\"much\"', 'null', NULL)",
            name,
        )
    assert (await gateway.http.get("/tenants/?limit=1000", headers=DEMO)).status_code == 200
    assert (await gateway.get(f"/tenants/{name}"))["status"] == "pending"
    assert (await gateway.get(f"/tenants/{name}/sla"))["status"] == "unknown"
    refused = await gateway.http.post(f"/tenants/{name}/deploy", headers=DEMO)
    assert refused.status_code == 422
    assert "service_requirements" in refused.text


async def test_resources_are_calculated_without_a_tenant(gateway: Gateway) -> None:
    body = {
        "service_requirements": {"callbot": 100, "chatbot": 200, "advisor": 50},
        "sla_target": {"availability": "99.9%", "response_time": "150ms"},
    }
    answer = await gateway.http.post("/tenants/calculate-resources", json=body)
    assert answer.status_code == 200
    calculated = answer.json()
    assert calculated["recommended_preset"] == "large"
    assert set(calculated["resources"]) == {"cpu", "memory", "gpu", "storage"}
    assert {"preset", "resources", "cost", "performance_impact"} <= set(calculated["alternatives"][0])


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_manifest_comes_in_both_formats_with_its_digest(gateway: Gateway, method: str) -> None:
    created = await gateway.create(deploy=False)
    path = f"/tenants/{created['tenant_id']}/manifest"
    yaml = await gateway.http.request(method, path, headers=DEMO)
    assert yaml.status_code == 200
    assert yaml.headers["content-type"].startswith("application/yaml")
    assert "kind: Namespace" in yaml.text
    assert f"name: ecp-ai-{created['tenant_id']}" in yaml.text
    json = await gateway.http.request(method, f"{path}?format=json&namespace=elsewhere", headers=DEMO)
    assert json.json()["kind"] == "List"
    assert "elsewhere" in json.text
    if method == "GET":
        same = await gateway.http.get(path, headers=DEMO | {"If-None-Match": yaml.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_manifest_for_a_namespace_of_others_is_refused_with_those_that_are_allowed(
    gateway: Gateway, method: str
) -> None:
    created = await gateway.create(deploy=False)
    path = f"/tenants/{created['tenant_id']}/manifest"
    for namespace in ("kube-system", "default", "ecp-ai-another-tenant", "monitoring"):
        refused = await gateway.http.request(method, f"{path}?namespace={namespace}", headers=DEMO)
        assert refused.status_code == 422
        assert f"ecp-ai-{created['tenant_id']}" in refused.text


async def test_the_sla_is_unknown_until_it_is_reported(gateway: Gateway) -> None:
    created = await gateway.create(deploy=False)
    sla = await gateway.get(f"/tenants/{created['tenant_id']}/sla")
    assert (sla["availability"], sla["status"], sla["target"]) == (None, "unknown", 99.9)


async def test_a_tenant_stays_with_the_target_that_it_is_deployed_to(gateway: Gateway) -> None:
    created = await gateway.create()
    path = f"/tenants/{created['tenant_id']}/deploy"
    moved = await gateway.http.post(path, json={"target": "kubernetes"}, headers=mode_header(Mode.DEMO))
    assert moved.status_code == 422
    with pytest.raises(Refused, match="delete it there before"):
        TargetChoice(Mode.PRODUCTION, has_kubernetes=True).choose("kubernetes", bound_to="simulator")
    unknown = await gateway.http.post("/tenants/", json=tenant(target="moon"), headers=DEMO)
    assert unknown.status_code == 422
    assert "possible: simulator" in unknown.text
