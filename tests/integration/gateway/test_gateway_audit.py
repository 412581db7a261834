"""The audit trail over REST: what each call leaves, and what `ecp audit verify` finds."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import insert

from services.gateway.audit.refusals import MOST_KINDS
from shared.database.tables import tenants
from shared.events import TenantDeleted
from shared.identity.caller import Role
from shared.subjects import Mode
from tests.support.gateway import DEMO, Gateway, error_of, tenant
from tests.support.polling import eventually
from tests.support.token_issuer import TokenIssuer
from tests.support.warm_programs import WarmPrograms


async def events(gateway: Gateway, mode: Mode = Mode.DEMO, **filters: Any) -> list[dict[str, Any]]:
    """The rows that pass the filters, the latest first."""
    headers = DEMO if mode is Mode.DEMO else {}
    answer = await gateway.http.get("/audit", params={"limit": 1000, **filters}, headers=headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


async def recorded(gateway: Gateway, count: int = 1, **filters: Any) -> list[dict[str, Any]]:
    """The rows that pass the filters, as soon as there are `count`."""
    found: list[dict[str, Any]] = []

    async def are_there() -> bool:
        found[:] = await events(gateway, **filters)
        return len(found) >= count

    await eventually(are_there)
    assert len(found) == count, found
    return found


async def test_a_creation_is_recorded_with_its_caller_and_what_was_created(gateway: Gateway) -> None:
    request_id = f"req-{uuid4().hex}"
    body = tenant(sla_target={"availability": "99.9%"})
    headers = {**DEMO, "X-Request-ID": request_id, "User-Agent": "audit-test/1"}
    created = await gateway.http.post("/tenants/", json=body, headers=headers)
    assert created.status_code == 201, created.text
    [row] = await events(gateway, request_id=request_id)
    assert row | {"operation": "createTenant", "outcome": "done", "code": None, "repeats": 1} == row
    assert row["tenant_id"] == body["tenant_id"]
    assert row["deployment_id"] == created.json()["deployment_id"]
    assert (row["kind"], row["role"], row["address"]) == ("local", "admin", "127.0.0.1")
    assert (row["user_agent"], row["recorded_by"]) == ("audit-test/1", "owner")
    assert row["before"] is None
    assert row["after"]["service_requirements"] == body["service_requirements"]
    assert row["after"]["sla_target"]["availability"] == "99.9%"


async def test_a_change_is_recorded_with_the_changed_fields_before_and_after(gateway: Gateway) -> None:
    created = await gateway.create()
    tenant_id = created["tenant_id"]
    await gateway.http.put(f"/tenants/{tenant_id}", json={"service_requirements": {"callbot": 12}}, headers=DEMO)
    await gateway.http.patch(f"/tenants/{tenant_id}", json={"description": "다른 설명"}, headers=DEMO)
    patched, changed, _ = await events(gateway, tenant_id=tenant_id)
    assert (changed["operation"], patched["operation"]) == ("changeTenant", "patchTenant")
    assert changed["before"] == {"service_requirements": {"callbot": 10, "chatbot": 20}, "revision": 1}
    assert changed["after"] == {"service_requirements": {"callbot": 12}, "revision": 2}
    assert patched["before"] == {"revision": 2}
    assert patched["after"] == {"description": "다른 설명", "revision": 3}


async def test_every_operation_on_a_tenant_leaves_a_row(gateway: Gateway) -> None:
    tenant_id = (await gateway.create())["tenant_id"]
    report = {"status": "completed"}
    for path, body in (("deploy", {}), ("cancel", None), ("deployment-status", report)):
        answer = await gateway.http.post(f"/tenants/{tenant_id}/{path}", json=body, headers=DEMO)
        assert answer.status_code < 300, answer.text
    answer = await gateway.http.delete(f"/tenants/{tenant_id}", headers=DEMO)
    assert answer.status_code == 202
    rows = await events(gateway, tenant_id=tenant_id, outcome="done")
    operations = ["deleteTenant", "reportDeployment", "cancelDeployment", "deployTenant", "createTenant"]
    assert [row["operation"] for row in rows] == operations
    assert rows[0]["after"] == {"status": "deleting", "force": False}
    assert all(row["deployment_id"] for row in rows)


async def test_a_repeated_call_with_a_key_leaves_one_row(gateway: Gateway) -> None:
    body, headers = tenant(), {**DEMO, "Idempotency-Key": uuid4().hex}
    for _ in range(2):
        assert (await gateway.http.post("/tenants/", json=body, headers=headers)).status_code == 201
    assert len(await events(gateway, tenant_id=body["tenant_id"])) == 1


async def refused(gateway: Gateway, send: Callable[[], Awaitable[httpx.Response]], **filters: Any) -> dict[str, Any]:
    """The row of a refused call. It is sent again while other tests' calls leave no row for it in their minute."""
    found: list[dict[str, Any]] = []

    async def is_there() -> bool:
        await send()
        found[:] = await events(gateway, outcome="refused", **filters)
        return bool(found)

    await eventually(is_there, 120)
    return found[-1]


async def test_refused_calls_are_recorded(gateway: Gateway) -> None:
    existing, missing = (await gateway.create())["tenant_id"], f"missing-{uuid4().hex[:8]}"
    http = gateway.http
    row = await refused(
        gateway,
        lambda: http.post("/tenants/", json=tenant(tenant_id=existing), headers=DEMO),
        tenant_id=existing,
        operation="createTenant",
    )
    assert row["code"] == "TENANT_ALREADY_EXISTS"
    row = await refused(
        gateway,
        lambda: http.put(f"/tenants/{existing}", json={"nmae": "x"}, headers=DEMO),
        tenant_id=existing,
        operation="changeTenant",
    )
    assert row["code"] == "VALIDATION_ERROR"
    row = await refused(gateway, lambda: http.delete(f"/tenants/{missing}", headers=DEMO), tenant_id=missing)
    assert (row["operation"], row["code"]) == ("deleteTenant", "TENANT_NOT_FOUND")
    assert row["request_id"]


async def test_refused_calls_don_t_fill_the_trail(gateway: Gateway) -> None:
    """In production mode, where no other test looks for rows of refused calls."""
    varied = [f"varied-{uuid4().hex[:8]}" for _ in range(2 * MOST_KINDS)]
    for tenant_id in (*varied, *[varied[0]] * 20):
        error_of(await gateway.http.delete(f"/tenants/{tenant_id}"), 404, "TENANT_NOT_FOUND")

    async def others_are_counted() -> bool:
        return bool(await events(gateway, Mode.PRODUCTION, operation="various"))

    await eventually(others_are_counted)
    rows = await events(gateway, Mode.PRODUCTION, operation="deleteTenant")
    shown = [row["tenant_id"] for row in rows if row["tenant_id"] in varied]
    assert len(shown) <= MOST_KINDS
    assert shown.count(varied[0]) <= 1, "its repeats have one row, a minute later"


async def test_measurements_and_calculations_are_not_recorded(gateway: Gateway) -> None:
    tenant_id = (await gateway.create())["tenant_id"]
    await gateway.http.post(f"/tenants/{tenant_id}/monitoring", json={"metrics": {"cpu": 1.5}}, headers=DEMO)
    await gateway.http.post("/tenants/calculate-resources", json={"service_requirements": {}}, headers=DEMO)
    assert [row["operation"] for row in await events(gateway, tenant_id=tenant_id)] == ["createTenant"]
    assert await events(gateway, operation="calculateResources") == []


async def test_the_modes_have_trails_of_their_own(gateway: Gateway) -> None:
    tenant_id = (await gateway.create(mode=Mode.PRODUCTION))["tenant_id"]
    assert len(await events(gateway, Mode.PRODUCTION, tenant_id=tenant_id)) == 1
    assert await events(gateway, Mode.DEMO, tenant_id=tenant_id) == []


async def test_pages_and_filters_show_each_row_once(gateway: Gateway) -> None:
    tenant_id = (await gateway.create())["tenant_id"]
    for _ in range(4):
        await gateway.http.patch(f"/tenants/{tenant_id}", json={"description": uuid4().hex}, headers=DEMO)
    shown, cursor = [], None
    while True:
        params = {"tenant_id": tenant_id, "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await gateway.http.get("/audit", params=params, headers=DEMO)).json()
        shown += [row["id"] for row in page["events"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert shown == sorted(set(shown), reverse=True)
    assert len(shown) == 5
    now = datetime.now(UTC)
    around: dict[str, Any] = {
        "from": (now - timedelta(hours=1)).isoformat(),
        "to": (now + timedelta(hours=1)).isoformat(),
    }
    assert len(await events(gateway, tenant_id=tenant_id, **around)) == 5
    assert await events(gateway, tenant_id=tenant_id, to=around["from"]) == []
    assert len(await events(gateway, tenant_id=tenant_id, operation="patchTenant", subject="local")) == 4
    assert await events(gateway, tenant_id=tenant_id, subject="nul\x00") == []


@pytest.mark.parametrize(
    "params",
    [{"from": "1700000000"}, {"to": "9999-12-31T23:59:59-23:00"}, {"cursor": 0}, {"limit": 1001}, {"outcome": "x"}],
)
async def test_a_filter_that_can_t_be_is_refused(gateway: Gateway, params: dict[str, str]) -> None:
    error_of(await gateway.http.get("/audit", params=params, headers=DEMO), 422, "VALIDATION_ERROR")


async def test_a_row_has_its_seal_soon_and_the_head_is_shown(gateway: Gateway) -> None:
    tenant_id = (await gateway.create())["tenant_id"]

    async def is_sealed() -> bool:
        return (await events(gateway, tenant_id=tenant_id))[0]["position"] is not None

    await eventually(is_sealed)
    page = (await gateway.http.get("/audit", headers=DEMO)).json()
    assert page["head"]["position"] >= 1
    assert len(page["head"]["digest"]) == 64
    assert page["keep_days"] == 400


async def verify(programs: WarmPrograms, *arguments: str, **environment: str) -> tuple[int, str]:
    ended = await programs.run("cli", "audit", "verify", *arguments, **environment)
    return ended.status, ended.output + ended.errors


async def test_the_command_verifies_over_rest_in_the_database_and_in_an_export(
    programs: WarmPrograms, gateway: Gateway, tmp_path: Path
) -> None:
    await gateway.create()
    base = f"http://127.0.0.1:{gateway.settings.port}"
    status, output = await verify(programs, "--demo", "--url", base)
    assert (status, "The trail is intact." in output) == (0, True), output
    status, output = await verify(
        programs, "--demo", "--database", DEMO_DATABASE_URL=gateway.settings.demo_database_url
    )
    assert (status, "The trail is intact." in output) == (0, True), output

    answer = await gateway.http.get("/audit/export", headers=DEMO)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    trail, *lines = [json.loads(line) for line in answer.text.splitlines()]
    assert (trail["type"], trail["mode"]) == ("trail", "demo")
    damaged = next(line for line in lines if line["operation"] == "createTenant" and line["position"])
    damaged["subject"] = "another"
    file = tmp_path / "audit.jsonl"
    file.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in (trail, *lines)), "utf-8")
    status, output = await verify(programs, "--file", str(file), "--json")
    assert status == 1, output
    found = json.loads(output)
    assert found["problems"][0]["position"] == damaged["position"]
    assert "was changed" in found["problems"][0]["text"]


async def test_the_command_tells_what_it_can_t_read(programs: WarmPrograms, gateway: Gateway, tmp_path: Path) -> None:
    filtered = await gateway.http.get("/audit/export", params={"operation": "x"}, headers=DEMO)
    whole = (await gateway.http.get("/audit/export", headers=DEMO)).text
    endless = whole.removesuffix('{"type":"end"}\n')
    assert endless != whole
    cases = (
        *((filtered.text, "with a filter"), ("[]\n", "isn't"), ("", "first line")),
        *((whole[:-10], "is cut off"), (endless, "its last line is missing")),
    )
    for content, reason in cases:
        file = tmp_path / "other.jsonl"
        file.write_text(content, "utf-8")
        status, output = await verify(programs, "--file", str(file))
        assert status == 2, output
        assert reason in output
    status, output = await verify(programs, "--url", "http://127.0.0.1:1")
    assert status == 2, output


async def test_an_export_is_recorded(gateway: Gateway) -> None:
    request_id = f"req-{uuid4().hex}"
    await gateway.http.get("/audit/export", headers={**DEMO, "X-Request-ID": request_id})
    [row] = await events(gateway, request_id=request_id)
    assert (row["operation"], row["after"]) == ("exportAuditTrail", {"filtered": False})


async def test_a_tenant_inserted_by_hand_without_a_usable_specification_can_still_be_deleted(gateway: Gateway) -> None:
    tenant_id = f"by-hand-{uuid4().hex[:8]}"
    nothing: dict[str, Any] = {}
    row: dict[str, Any] = {"tenant_id": tenant_id, "preset": "x"}
    row |= dict.fromkeys(("service_requirements", "resources", "sla_target"), nothing)
    async with gateway.database.begin() as connection:
        await connection.execute(insert(tenants), row)
    answer = await gateway.http.delete(f"/tenants/{tenant_id}", headers=DEMO)
    assert answer.status_code == 202, answer.text
    [recorded_row] = await events(gateway, tenant_id=tenant_id)
    assert recorded_row["before"] == {"status": "pending", "service_requirements": {}}
    assert recorded_row["after"] == {"status": "deleting", "force": False}


async def test_who_called_is_recorded_and_so_is_who_was_turned_away(secured: Gateway, issuer: TokenIssuer) -> None:
    admin = {**DEMO, **issuer.as_role(Role.ADMIN, subject="person-1")}
    body = tenant()
    assert (await secured.http.post("/tenants/", json=body, headers=admin)).status_code == 201

    async def are_recorded() -> bool:
        error_of(await secured.http.delete(f"/tenants/{body['tenant_id']}", headers=DEMO), 401, "UNAUTHORIZED")
        rows = (await secured.http.get("/audit", params={"limit": 1000}, headers=admin)).json()["events"]
        found = {(row["operation"], row["code"], row["kind"], row["subject"], row["tenant_id"]) for row in rows}
        return {
            ("createTenant", None, "person", "person-1", body["tenant_id"]),
            ("deleteTenant", "UNAUTHORIZED", "none", "", None),
        } <= found

    await eventually(are_recorded, 120)


async def test_a_deletion_that_is_complete_is_recorded_once_as_the_deployer_s(gateway: Gateway) -> None:
    tenant_id = (await gateway.create())["tenant_id"]
    deletion = (await gateway.http.delete(f"/tenants/{tenant_id}", headers=DEMO)).json()
    [requested, _] = await events(gateway, tenant_id=tenant_id)
    assert requested["deployment_id"] == deletion["deletion_id"]
    gone = TenantDeleted(tenant_id=tenant_id, deletion_id=deletion["deletion_id"], generation=2)
    await gateway.publish(gone)
    await gateway.publish(gone)
    [row] = await recorded(gateway, tenant_id=tenant_id, operation="completeDeletion")
    assert (row["subject"], row["kind"], row["request_id"]) == ("deployer", "system", "req-test")
    assert (await gateway.http.get(f"/tenants/{tenant_id}", headers=DEMO)).status_code == 404


async def test_what_another_service_is_asked_to_do_is_recorded_before_it_is_asked(gateway: Gateway) -> None:
    """No monitor runs here, so the call fails."""
    tenant_id = (await gateway.create())["tenant_id"]
    window = {"start": "2099-01-10T02:00:00+09:00", "end": "2099-01-10T04:00:00+09:00", "reason": "nodes"}
    answer = await gateway.http.post(f"/tenants/{tenant_id}/maintenance", json=window, headers=DEMO)
    error_of(answer, 503, "WORKER_UNAVAILABLE")
    rows = await events(gateway, tenant_id=tenant_id, operation="announceMaintenance")
    assert (rows[-1]["outcome"], rows[-1]["after"]["reason"]) == ("requested", "nodes")
    assert "done" not in {row["outcome"] for row in rows}
