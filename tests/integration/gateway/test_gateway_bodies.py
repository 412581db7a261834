"""Bodies whose meaning is clear are accepted as other clients write them, and fields without an effect give a note."""

from typing import Any

import pytest

from tests.support.gateway import DEMO, Gateway, error_of, tenant

KOREAN = DEMO | {"Accept-Language": "ko"}


async def test_services_with_0_sessions_are_left_out_and_numbers_may_be_text(gateway: Gateway) -> None:
    created = await gateway.create(
        deploy=False,
        service_requirements={"callbot": "10", "chatbot": 0, "advisor": "0", "stt": 5},
        sla_target={"availability": "99.9%", "response_time": "200ms", "concurrent_users": "200"},
    )
    detail = await gateway.get(f"/tenants/{created['tenant_id']}")
    assert detail["service_requirements"] == {"callbot": 10, "stt": 5}
    assert detail["sla_target"]["concurrent_users"] == 200


async def test_a_change_and_a_calculation_are_as_tolerant_as_a_creation(gateway: Gateway) -> None:
    created = await gateway.create(deploy=False)
    wanted = {"service_requirements": {"callbot": "20", "chatbot": 0}, "gpu_type": "auto"}
    answer = await gateway.http.put(f"/tenants/{created['tenant_id']}", json=wanted, headers=DEMO)
    assert answer.status_code == 202, answer.text
    assert (await gateway.get(f"/tenants/{created['tenant_id']}"))["service_requirements"] == {"callbot": 20}
    everything = tenant(**wanted, tenancy_mode="large", auto_deploy=True, options={"timeout": "5m"})
    sized = await gateway.http.post("/tenants/calculate-resources", json=everything, headers=DEMO)
    assert sized.status_code == 200, sized.text
    assert {each["service"] for each in sized.json()["services"]} >= {"callbot"}


async def test_a_calculation_takes_a_tenant_as_it_is_shown(gateway: Gateway) -> None:
    created = await gateway.create(deploy=False)
    shown = await gateway.get(f"/tenants/{created['tenant_id']}")
    sized = await gateway.http.post("/tenants/calculate-resources", json=shown, headers=DEMO)
    assert sized.status_code == 200, sized.text


async def test_a_tenant_without_a_name_is_called_as_its_id(gateway: Gateway) -> None:
    created = await gateway.create(deploy=False, name=...)
    assert (await gateway.get(f"/tenants/{created['tenant_id']}"))["name"] == created["tenant_id"]


async def test_the_predecessor_s_body_creates_a_tenant_with_notes_on_what_has_no_effect(gateway: Gateway) -> None:
    created = await gateway.create(
        name=..., gpu_type="auto", auto_deploy=False, tenancy_mode="small", cloud_provider="aws"
    )
    assert created["deployment_id"] is None
    assert [each.split()[0] for each in created["notes"][:2]] == ["tenancy_mode", "cloud_provider"]
    body = tenant(auto_deploy=True, tenancy_mode="large")
    korean = await gateway.http.post("/tenants/", json=body, headers=KOREAN)
    assert korean.json()["deployment_id"].startswith("dep-")
    assert "tenancy_mode는 효과가 없습니다" in korean.json()["notes"][0]


async def test_a_tenant_is_sent_back_as_it_is_shown_with_a_change(gateway: Gateway) -> None:
    created = await gateway.create(deploy=False)
    path = f"/tenants/{created['tenant_id']}"
    shown = await gateway.get(path)
    answer = await gateway.http.put(path, json=shown | {"name": "changed"}, headers=DEMO)
    assert answer.status_code == 202, answer.text
    assert "status can't be set: use POST .../start, .../stop, .../restart or .../deploy" in answer.json()["notes"]
    assert (await gateway.get(path))["name"] == "changed"


async def test_a_change_of_fields_without_an_effect_alone_is_refused_with_what_to_use_instead(gateway: Gateway) -> None:
    created = await gateway.create(deploy=False)
    answer = await gateway.http.put(f"/tenants/{created['tenant_id']}", json={"status": "running"}, headers=KOREAN)
    problems = [each["message"] for each in error_of(answer, 422, "VALIDATION_ERROR")["details"]["errors"]]
    assert len(problems) == 2
    assert "POST .../start" in problems[1]
    assert "바꿀 수 없습니다" in problems[1]


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "", {"nmae": "x"}, "nmae"),
        ("PATCH", "", {"nmae": "x"}, "nmae"),
        ("PUT", "", {"name": "x", "options": {"prune": True, "heal": True}}, "options.heal"),
        ("POST", "/deploy", {"options": {"timout": "5m"}}, "options.timout"),
        ("POST", "/rollback", {"deployment": "dep-1"}, "deployment"),
        ("POST", "/stop", {"force": True}, "force"),
        ("POST", "/monitoring", {"metrics": {"cpu": 1}, "time": 1}, "time"),
        ("POST", "/monitoring", [{"metrics": {"cpu": 1}}, {"metrics": {"cpu": 1}, "time": 1}], "1.time"),
        ("POST", "/recommendation", {"usage": {"stt": {"cpu": [1]}}}, "usage.stt.cpu"),
        ("POST", "/maintenance", {"start": "2030-01-01T00:00:00Z", "stop": "2030-01-02T00:00:00Z"}, "stop"),
    ],
)
async def test_every_call_refuses_an_unknown_field_in_the_language_of_the_request(
    gateway: Gateway, method: str, path: str, body: Any, field: str
) -> None:
    answer = await gateway.http.request(method, f"/tenants/any{path}", json=body, headers=KOREAN)
    problems = {
        each["field"]: each["message"] for each in error_of(answer, 422, "VALIDATION_ERROR")["details"]["errors"]
    }
    assert "필드" in problems[field]
    assert answer.headers["content-language"] == "ko"


async def test_the_predecessor_s_page_changes_a_tenant_by_patch(gateway: Gateway) -> None:
    created = await gateway.create(deploy=False)
    path = f"/tenants/{created['tenant_id']}"
    edited = {"name": "changed", "status": "running", "preset": "large"}
    answer = await gateway.http.patch(path, json=edited, headers=DEMO)
    assert answer.status_code == 202, answer.text
    assert "status can't be set" in answer.json()["notes"][0]
    nothing = await gateway.http.patch(path, json={"status": "stopped"}, headers=DEMO)
    assert "POST .../start, .../stop" in error_of(nothing, 422, "VALIDATION_ERROR")["message"]
    misspelt = await gateway.http.patch(path, json={"options": {"timout": "1m"}}, headers=DEMO)
    assert "did you mean timeout?" in error_of(misspelt, 422, "VALIDATION_ERROR")["message"]


async def test_measurements_may_be_numbers_in_text(gateway: Gateway) -> None:
    created = await gateway.create(deploy=False)
    path = f"/tenants/{created['tenant_id']}/monitoring"
    answer = await gateway.http.post(path, json={"metrics": {"cpu": "65.5", "memory": " 7e1 "}}, headers=DEMO)
    assert answer.json()["metrics"] == {"cpu": 65.5, "memory": 70}
    for refused in ("many", "nan", "inf", "", "1_0", "0x10", True):
        answer = await gateway.http.post(path, json={"metrics": {"cpu": refused}}, headers=DEMO)
        error_of(answer, 422, "VALIDATION_ERROR")
