"""`PATCH /tenants/{id}`: nested fields merge; for the rest it is a PUT."""

from dataclasses import replace

import pytest

from services.gateway.tenants.repository import find_tenant
from services.gateway.tenants.requests import RequestSizing
from services.gateway.tenants.rules import spec_of_row
from services.gateway.tenants.transactions import TenantOutdated, TenantTransactions
from shared.errors import Refused
from shared.subjects import Mode
from tests.support.gateway import DEMO, Gateway, error_of


@pytest.mark.parametrize("media_type", ["application/json", "application/merge-patch+json"])
async def test_a_patch_changes_one_service_and_rolls_out(gateway: Gateway, media_type: str) -> None:
    created = await gateway.create(description="goes")
    path = f"/tenants/{created['tenant_id']}"
    answer = await gateway.http.patch(
        path,
        content=b'{"service_requirements": {"callbot": 75}, "description": null}',
        headers=DEMO | {"Content-Type": media_type},
    )
    assert answer.status_code == 202, answer.text
    changed = answer.json()
    assert (changed["revision"], changed["generation"]) == (2, created["generation"] + 1)
    assert changed["deployment_id"] != created["deployment_id"]
    shown = await gateway.get(path)
    assert shown["service_requirements"] == {"callbot": 75, "chatbot": 20}
    assert (shown["description"], shown["deployment_id"]) == (None, changed["deployment_id"])
    assert {each["service_name"] for each in shown["services"]} >= {"callbot", "chatbot"}


async def test_a_patch_with_a_key_is_executed_once(gateway: Gateway) -> None:
    created = await gateway.create(deploy=False)
    path = f"/tenants/{created['tenant_id']}"
    headers = DEMO | {"Idempotency-Key": "patch-1"}
    body = {"service_requirements": {"chatbot": None}}
    first, second = [await gateway.http.patch(path, json=body, headers=headers) for _ in range(2)]
    assert first.json() == second.json()
    assert (await gateway.get(path))["revision"] == 2
    other = await gateway.http.patch(path, json={"name": "other"}, headers=headers)
    error_of(other, 409, "CONFLICT")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"service_requirements": {"callbot": None, "chatbot": None}}, "service_requirements"),
        ({"sla_target": {"availabilty": "99.9%"}}, "sla_target.availabilty"),
        ({"name": ""}, "name"),
    ],
)
async def test_a_patch_that_leaves_nothing_valid_changes_nothing(
    gateway: Gateway, body: dict[str, object], field: str
) -> None:
    created = await gateway.create(deploy=False)
    path = f"/tenants/{created['tenant_id']}"
    error = error_of(await gateway.http.patch(path, json=body, headers=DEMO), 422, "VALIDATION_ERROR")
    assert [each["field"] for each in error["details"]["errors"]] == [field]
    assert (await gateway.get(path))["revision"] == 1


async def test_a_patch_is_refused_as_a_put_is(gateway: Gateway) -> None:
    created = await gateway.create()
    path = f"/tenants/{created['tenant_id']}"
    error_of(await gateway.http.patch("/tenants/unknown", json={"name": "x"}, headers=DEMO), 404, "TENANT_NOT_FOUND")
    error_of(await gateway.http.patch(path, json={}, headers=DEMO), 422, "VALIDATION_ERROR")
    error_of(await gateway.http.patch(path, json=["x"], headers=DEMO), 422, "VALIDATION_ERROR")
    error_of(await gateway.http.patch(path, json={"preset": "huge"}, headers=DEMO), 422, "INVALID_PRESET")
    await gateway.http.delete(path, headers=DEMO)
    error_of(await gateway.http.patch(path, json={"name": "x"}, headers=DEMO), 409, "CONFLICT")


async def test_a_change_is_made_again_if_a_deploy_has_set_other_options_meanwhile(gateway: Gateway) -> None:
    name = (await gateway.create())["tenant_id"]
    context = gateway.modes[Mode.DEMO]
    async with gateway.database.begin() as connection:
        seen = await find_tenant(connection, name)
    assert seen is not None
    answer = await gateway.http.post(f"/tenants/{name}/deploy", json={"options": {"timeout": "7m"}}, headers=DEMO)
    assert answer.status_code == 202, answer.text
    request = await RequestSizing(context).size(spec_of_row(seen), "simulator", seen.stored_options, deploys=False)
    with pytest.raises(TenantOutdated):
        async with gateway.database.begin() as connection:
            await TenantTransactions(context).revise(connection, seen, request, "changeTenant", revises=True)


async def test_a_change_of_a_tenant_that_was_made_again_meanwhile_is_not_made_to_the_new_one(gateway: Gateway) -> None:
    name = (await gateway.create())["tenant_id"]
    context = gateway.modes[Mode.DEMO]
    async with gateway.database.begin() as connection:
        row = await find_tenant(connection, name)
    assert row is not None
    earlier = replace(row, id=row.id - 1)
    request = await RequestSizing(context).size(spec_of_row(row), "simulator", row.stored_options, deploys=False)
    with pytest.raises(Refused, match="there is no tenant"):
        async with gateway.database.begin() as connection:
            await TenantTransactions(context).revise(connection, earlier, request, "changeTenant", revises=True)
    assert (await gateway.get(f"/tenants/{name}"))["revision"] == 1
