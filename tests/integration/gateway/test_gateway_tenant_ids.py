"""`check-duplicate`, by POST and by the path that a form calls."""

from typing import Any

import pytest

from tests.support.gateway import DEMO, Gateway, error_of, tenant


async def check(gateway: Gateway, tenant_id: str, language: str = "en") -> dict[str, Any]:
    """The answer, which is the same by POST and by GET."""
    headers = DEMO | {"Accept-Language": language}
    posted = await gateway.http.post("/tenants/check-duplicate", json={"tenant_id": tenant_id}, headers=headers)
    got = await gateway.http.get(f"/tenants/check-duplicate/{tenant_id}", headers=headers)
    assert (posted.status_code, got.status_code) == (200, 200), posted.text
    assert posted.json() == got.json()
    body: dict[str, Any] = posted.json()
    return body


async def test_an_id_without_a_tenant_is_available(gateway: Gateway) -> None:
    body = await check(gateway, "not-there-yet")
    assert (body["available"], body["valid"], body["suggestions"]) == (True, True, [])
    assert body["message"] == "the id 'not-there-yet' is available"
    assert (await check(gateway, "not-there-yet", "ko"))[
        "message"
    ] == "테넌트 ID 'not-there-yet'은(는) 사용할 수 있습니다"


async def test_an_id_in_use_is_answered_with_its_tenant_and_with_ids_that_are_available(gateway: Gateway) -> None:
    created = await gateway.create(deploy=False)
    tenant_id = created["tenant_id"]
    await gateway.create(tenant_id=f"{tenant_id}-2", deploy=False)
    body = await check(gateway, tenant_id)
    assert (body["available"], body["valid"]) == (False, True)
    assert body["message"] == f"the id '{tenant_id}' is in use by a tenant that is pending"
    assert body["existing_tenant"]["status"] == "pending"
    assert body["existing_tenant"]["services_count"] == 6
    assert f"{tenant_id}-2" not in body["suggestions"]
    assert len(body["suggestions"]) == 5
    for each in body["suggestions"]:
        assert (await check(gateway, each))["available"] is True
    production = await gateway.http.get(f"/tenants/check-duplicate/{tenant_id}")
    assert production.json()["available"] is True, "each mode has tenants of its own"


async def test_an_id_is_in_use_until_its_deletion_is_complete(gateway: Gateway) -> None:
    created = await gateway.create()
    await gateway.http.delete(f"/tenants/{created['tenant_id']}", headers=DEMO)
    body = await check(gateway, created["tenant_id"])
    assert body["available"] is False
    assert "is being deleted" in body["message"]


@pytest.mark.parametrize(("tenant_id", "suggestion"), [("My_Service", "my-service"), ("x" * 80, "x" * 50)])
async def test_an_id_that_no_tenant_can_have_is_answered_with_the_reason(
    gateway: Gateway, tenant_id: str, suggestion: str
) -> None:
    body = await check(gateway, tenant_id)
    assert (body["available"], body["valid"], body["existing_tenant"]) == (False, False, None)
    assert "must be 1 to 50 lower-case letters" in body["message"]
    assert body["suggestions"][0] == suggestion
    assert "1~50자" in (await check(gateway, tenant_id, "ko"))["message"]


async def test_the_path_of_the_check_is_no_tenant(gateway: Gateway) -> None:
    body = await check(gateway, "check-duplicate")
    assert (body["available"], body["valid"]) == (False, False)
    answer = await gateway.http.post("/tenants/", json=tenant(tenant_id="check-duplicate"), headers=DEMO)
    error_of(answer, 422, "VALIDATION_ERROR")
    assert (await check(gateway, "deployments"))["tenant_id"] == "deployments"


async def test_a_body_without_an_id_is_refused(gateway: Gateway) -> None:
    error_of(await gateway.http.post("/tenants/check-duplicate", json={}, headers=DEMO), 422, "VALIDATION_ERROR")
    long = await gateway.http.post("/tenants/check-duplicate", json={"tenant_id": "x" * 201}, headers=DEMO)
    error_of(long, 422, "VALIDATION_ERROR")
