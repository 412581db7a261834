"""Plain JSON of other systems has the outcome of the REST call: once, or a dead letter that names what to change."""

import asyncio
import itertools
import json
from typing import Any

import nats
import pytest
from nats.js.client import JetStreamContext
from sqlalchemy import text

from services.gateway.housekeeping import delete_old_rows
from shared.bus.dead_letters import DeadLetters, Letter
from shared.subjects import Mode
from tests.support.gateway import DEMO, Gateway, tenant
from tests.support.polling import eventually

_NUMBERS = itertools.count(1)


@pytest.fixture
async def outside(nats_url: str) -> Any:
    client = await nats.connect(nats_url)
    yield client.jetstream()
    await client.close()


async def publish(jetstream: JetStreamContext, subject: str, body: Any) -> int:
    """As three lines of nats-py do it: no headers at all. Returns the sequence."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (await jetstream.publish(f"demo.outside.{subject}", data)).seq


async def dead_letters_for(jetstream: JetStreamContext, wanted: str) -> list[Letter]:
    """The dead letters that mention `wanted`, as soon as there is one."""
    async with asyncio.timeout(60):
        while True:
            letters = [each async for each in DeadLetters(jetstream, Mode.DEMO).all()]
            found = [each for each in letters if wanted in f"{each.body!r}{each.reason}"]
            if found:
                return found
            await asyncio.sleep(0.05)


def body(**changes: Any) -> dict[str, Any]:
    return tenant(tenant_id=f"outside-{next(_NUMBERS)}", **changes)


async def appears(gateway: Gateway, tenant_id: str) -> dict[str, Any]:
    """The tenant, as soon as it is there."""

    async def is_there() -> bool:
        return (await gateway.http.get(f"/tenants/{tenant_id}", headers=DEMO)).status_code == 200

    await eventually(is_there)
    return await gateway.get(f"/tenants/{tenant_id}")


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "below spec"])
async def test_a_tenant_created_elsewhere_is_stored_numbered_and_on_its_way(
    gateway: Gateway, outside: JetStreamContext, nested: bool
) -> None:
    wanted = body()
    await publish(outside, "tenant.created", {"tenant_id": wanted["tenant_id"], "spec": wanted} if nested else wanted)
    stored = await appears(gateway, wanted["tenant_id"])
    assert stored["service_requirements"] == wanted["service_requirements"]
    assert (stored["generation"], stored["revision"]) == (1, 1)
    [row] = (await gateway.get(f"/audit?tenant_id={wanted['tenant_id']}"))["events"]
    assert (row["operation"], row["kind"]) == ("createTenant", "system")
    assert row["subject"]
    await gateway.eventually(f"/tenants/{wanted['tenant_id']}/deployment-status", phase="validating")


async def test_a_tenant_that_is_not_to_be_deployed_is_only_stored(gateway: Gateway, outside: JetStreamContext) -> None:
    wanted = body(deploy=False)
    await publish(outside, "tenant.created", wanted)
    stored = await appears(gateway, wanted["tenant_id"])
    assert stored["deployment_id"] is None
    assert stored["resources"]["cpu"]


async def like(gateway: Gateway, prefix: str) -> dict[str, Any]:
    """The one tenant whose id begins so, as soon as it is there."""
    found: list[dict[str, Any]] = []

    async def is_there() -> bool:
        tenants = (await gateway.get("/tenants/"))["tenants"]
        found[:] = [each for each in tenants if each["tenant_id"].startswith(prefix)]
        return bool(found)

    await eventually(is_there)
    [only] = found
    return only


async def test_a_missing_id_is_made_from_stream_and_sequence(gateway: Gateway, outside: JetStreamContext) -> None:
    sequence = await publish(outside, "tenant.created", {"service_requirements": {"stt": 1}, "deploy": False})
    stored = await like(gateway, f"tenant-demo-outside-{sequence}-")
    assert stored["name"] == stored["tenant_id"]


async def test_a_deployment_asked_for_elsewhere_makes_or_changes_its_tenant(
    gateway: Gateway, outside: JetStreamContext
) -> None:
    wanted = body()
    await publish(outside, "deploy.requested", wanted)
    stored = await appears(gateway, wanted["tenant_id"])
    assert stored["generation"] == 1
    await publish(outside, "deploy.requested", {**wanted, "service_requirements": {"stt": 5}})
    changed = await gateway.eventually(f"/tenants/{wanted['tenant_id']}", revision=2)
    assert changed["service_requirements"] == {"stt": 5}
    await publish(outside, "deploy.requested", {"tenant_id": wanted["tenant_id"]})
    again = await gateway.eventually(f"/tenants/{wanted['tenant_id']}", generation=3)
    assert again["revision"] == 2


async def test_an_event_that_comes_twice_is_done_once(gateway: Gateway, outside: JetStreamContext) -> None:
    wanted = body()
    encoded = json.dumps(wanted).encode()
    for message_id in ("first", "second"):
        headers = {"ce-id": f"the-same-{wanted['tenant_id']}", "Nats-Msg-Id": f"{message_id}-{wanted['tenant_id']}"}
        await outside.publish("demo.outside.deploy.requested", encoded, headers=headers)
    await appears(gateway, wanted["tenant_id"])
    marker = body()
    await publish(outside, "deploy.requested", marker)
    await appears(gateway, marker["tenant_id"])
    assert (await gateway.get(f"/tenants/{wanted['tenant_id']}"))["generation"] == 1


async def publish_again(
    jetstream: JetStreamContext, subject: str, wanted: dict[str, Any], headers: dict[str, str]
) -> None:
    """The same event as another message, as a delivery after JetStream has forgotten its id."""
    message_id = {"Nats-Msg-Id": f"again-{next(_NUMBERS)}-{wanted['tenant_id']}"}
    await jetstream.publish(f"demo.outside.{subject}", json.dumps(wanted).encode(), headers={**headers, **message_id})


async def until_executed(gateway: Gateway, jetstream: JetStreamContext) -> None:
    """Until everything that was published before is executed."""
    marker = body(deploy=False)
    await publish(jetstream, "tenant.created", marker)
    await appears(gateway, marker["tenant_id"])


async def test_a_change_that_comes_again_after_its_tenant_was_changed_is_done_once(
    gateway: Gateway, outside: JetStreamContext
) -> None:
    created = await gateway.create()
    wanted = {"tenant_id": created["tenant_id"], "service_requirements": {"stt": 7}}
    headers = {"ce-id": f"change-{created['tenant_id']}", "ce-source": "/crm"}
    await publish_again(outside, "deploy.requested", wanted, headers)
    await gateway.eventually(f"/tenants/{created['tenant_id']}", revision=2)
    await publish_again(outside, "deploy.requested", wanted, headers)
    await until_executed(gateway, outside)
    assert (await gateway.get(f"/tenants/{created['tenant_id']}"))["revision"] == 2
    assert created["tenant_id"] not in await all_reasons(outside)


async def test_an_event_of_a_week_ago_does_not_bring_its_tenant_back(
    gateway: Gateway, outside: JetStreamContext
) -> None:
    wanted = body(deploy=False)
    headers = {"ce-id": f"old-{wanted['tenant_id']}"}
    await publish_again(outside, "tenant.created", wanted, headers)
    await appears(gateway, wanted["tenant_id"])
    async with gateway.database.begin() as connection:
        await connection.execute(text("UPDATE idempotency_keys SET created_at = created_at - interval '7 days'"))
        await connection.execute(text("DELETE FROM tenants WHERE tenant_id = :id"), {"id": wanted["tenant_id"]})
    await delete_old_rows(gateway.modes[Mode.DEMO])
    await publish_again(outside, "tenant.created", wanted, headers)
    await until_executed(gateway, outside)
    answer = await gateway.http.get(f"/tenants/{wanted['tenant_id']}", headers=DEMO)
    assert answer.status_code == 404


async def test_two_systems_may_use_the_same_id_and_one_may_not_use_it_twice(
    gateway: Gateway, outside: JetStreamContext
) -> None:
    first, second, third = body(deploy=False), body(deploy=False), body(deploy=False)
    number = f"number-{first['tenant_id']}"
    await publish_again(outside, "tenant.created", first, {"ce-id": number, "ce-source": "/crm"})
    await publish_again(outside, "tenant.created", second, {"ce-id": number, "ce-source": "/erp"})
    await appears(gateway, first["tenant_id"])
    await appears(gateway, second["tenant_id"])
    await publish_again(outside, "tenant.created", third, {"ce-id": number, "ce-source": "/crm"})
    [letter] = await dead_letters_for(outside, third["tenant_id"])
    assert (letter.code, "another body" in letter.reason) == ("CONFLICT", True)


@pytest.mark.parametrize("subject", ["tenant.created", "deploy.requested"])
async def test_numbers_of_others_count_for_nothing(gateway: Gateway, outside: JetStreamContext, subject: str) -> None:
    wanted = body(generation=999_999, revision=55, deployment_id="dep-of-another")
    await publish(outside, subject, wanted)
    stored = await appears(gateway, wanted["tenant_id"])
    assert (stored["generation"], stored["revision"]) == (1, 1)
    assert stored["deployment_id"] != "dep-of-another"
    await gateway.eventually(f"/tenants/{wanted['tenant_id']}/deployment-status", phase="validating")


async def test_no_system_can_fail_another_s_deployment_by_naming_it(
    gateway: Gateway, outside: JetStreamContext
) -> None:
    created = await gateway.create()
    wanted = body(deployment_id=created["deployment_id"], service_requirements={"stt": -1})
    await publish(outside, "deploy.requested", wanted)
    await dead_letters_for(outside, wanted["tenant_id"])
    await until_executed(gateway, outside)
    state = await gateway.get(f"/tenants/{created['tenant_id']}/deployment-status")
    assert state["status"] != "failed"


async def all_reasons(jetstream: JetStreamContext) -> str:
    return " ".join([f"{each.body!r} {each.reason}" async for each in DeadLetters(jetstream, Mode.DEMO).all()])


async def test_an_id_in_use_is_refused_with_the_message_of_rest(gateway: Gateway, outside: JetStreamContext) -> None:
    created = await gateway.create()
    await publish(outside, "tenant.created", tenant(tenant_id=created["tenant_id"]))
    letters = await dead_letters_for(outside, created["tenant_id"])
    assert [each.code for each in letters] == ["TENANT_ALREADY_EXISTS"]
    assert (await gateway.get(f"/tenants/{created['tenant_id']}"))["generation"] == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"service_requirements": {"callbott": 1}}, "callbott"),
        ({"service_requirements": {"callbot": -1}}, "callbot"),
        ({"service_requirements": ...}, "service_requirements"),
        ({"preset": "gigantic"}, "gigantic"),
        ({"name": "x" * 300}, "name"),
        ({"sla_target": {"availability": "100%"}}, "availability"),
        ({"target": "moon"}, "moon"),
    ],
)
async def test_what_rest_would_refuse_is_one_dead_letter_and_nothing_else(
    gateway: Gateway, outside: JetStreamContext, changes: dict[str, Any], reason: str
) -> None:
    wanted = body(**changes)
    await publish(outside, "tenant.created", wanted)
    letters = await dead_letters_for(outside, wanted["tenant_id"])
    assert [each.consumer for each in letters] == ["gateway-takes-in-outside"]
    assert reason in letters[0].reason
    answer = await gateway.http.get(f"/tenants/{wanted['tenant_id']}", headers=DEMO)
    assert answer.status_code == 404


@pytest.mark.parametrize("data", [b"", b"{broken", b"[1, 2]", b'"text"', b"\xff\xfe", b"null"])
async def test_a_body_that_is_no_json_object_is_one_dead_letter(
    outside: JetStreamContext, data: bytes, gateway: Gateway
) -> None:
    before = {each.sequence async for each in DeadLetters(outside, Mode.DEMO).all()}
    await publish(outside, "deploy.requested", data)
    async with asyncio.timeout(60):
        while True:
            new = [each async for each in DeadLetters(outside, Mode.DEMO).all() if each.sequence not in before]
            if new:
                break
            await asyncio.sleep(0.05)
    assert [(each.code, each.consumer) for each in new] == [("VALIDATION_ERROR", "gateway-takes-in-outside")]
    assert new[0].body == data
