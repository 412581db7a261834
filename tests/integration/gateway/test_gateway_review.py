"""What a first pair of fresh eyes has found, each once and for all."""

import pytest

from tests.support.gateway import DEMO, Gateway, tenant

SURROGATE = b'{"tenant_id": "surrogate", "name": "n", "service_requirements": {"\\ud800": 1}}'


@pytest.mark.parametrize(("method", "path"), [("POST", "/tenants/"), ("POST", "/tenants/calculate-resources")])
async def test_a_lone_surrogate_is_refused_in_the_documented_shape(gateway: Gateway, method: str, path: str) -> None:
    headers = {**DEMO, "Content-Type": "application/json"}
    answer = await gateway.http.request(method, path, content=SURROGATE, headers=headers)
    assert answer.status_code == 422
    assert "surrogate" in answer.json()["error"]["message"]


async def test_a_method_that_a_client_made_up_has_no_label_of_its_own(gateway: Gateway) -> None:
    await gateway.http.request("FOO1", "/tenants/")
    metrics = await gateway.http.get(f"http://127.0.0.1:{gateway.settings.port}/metrics")
    assert 'method="OTHER"' in metrics.text
    assert "FOO1" not in metrics.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("DELETE", "/tenants/", "GET, POST"), ("POST", "/tenants/anything", "DELETE, GET, PATCH, PUT")],
)
async def test_every_method_that_a_path_has_is_named(gateway: Gateway, method: str, path: str, allowed: str) -> None:
    answer = await gateway.http.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == allowed
    assert allowed in answer.json()["error"]["message"]


async def test_a_target_that_does_not_exist_is_named_as_such_for_a_deployed_tenant_too(gateway: Gateway) -> None:
    created = await gateway.create()
    path = f"/tenants/{created['tenant_id']}/deploy"
    answer = await gateway.http.post(path, json={"target": "mars"}, headers=DEMO)
    assert answer.status_code == 422
    assert "'mars' is not known" in answer.json()["error"]["message"]


async def test_who_creates_while_the_old_one_is_deleted_is_told_to_wait(gateway: Gateway) -> None:
    created = await gateway.create()
    await gateway.http.delete(f"/tenants/{created['tenant_id']}", headers=DEMO)
    answer = await gateway.http.post("/tenants/", json=tenant(tenant_id=created["tenant_id"]), headers=DEMO)
    assert answer.status_code == 409
    assert "wait until it is deleted" in answer.json()["error"]["message"]
