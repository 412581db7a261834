"""Bad input: each a 4xx of the documented shape that names what to change, and never half a tenant."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.gateway import DEMO, Gateway, error_of, tenant


@pytest.mark.parametrize(
    ("changes", "field", "advice"),
    [
        ({"service_requirements": {"callbott": 5}}, "service_requirements.callbott", "callbot"),
        ({"service_requirements": {"callbot": -1}}, "service_requirements.callbot", ""),
        ({"service_requirements": {"callbot": 0, "chatbot": "0"}}, "service_requirements", "at least one service"),
        ({"service_requirements": {"callbot": 10**12}}, "service_requirements.callbot", ""),
        ({"service_requirements": {"callbot": "many"}}, "service_requirements.callbot", "integer"),
        ({"service_requirements": {"callbot": 1.5}}, "service_requirements.callbot", "integer"),
        ({"service_requirements": {"callbot": True}}, "service_requirements.callbot", "integer"),
        ({"service_requirements": {"callbot": None}}, "service_requirements.callbot", "integer"),
        ({"service_requirements": {}}, "service_requirements", "at least 1"),
        ({"service_requirements": []}, "service_requirements", "dictionary"),
        ({"service_requirements": ...}, "service_requirements", "required"),
        ({"tenant_id": "Bad_Id"}, "tenant_id", "lower-case"),
        ({"tenant_id": "a" * 51}, "tenant_id", "1 to 50"),
        ({"tenant_id": "-a"}, "tenant_id", "beginning"),
        ({"tenant_id": ""}, "tenant_id", "1 to 50"),
        ({"tenant_id": "system"}, "tenant_id", "reserved"),
        ({"tenant_id": "validate-manifest"}, "tenant_id", "reserved"),
        ({"tenant_id": "calculate-resources"}, "tenant_id", "reserved"),
        ({"tenant_id": 5}, "tenant_id", "string"),
        ({"tenant_id": ...}, "tenant_id", "required"),
        ({"name": ""}, "name", "at least 1"),
        ({"name": "a\u0000b"}, "name", "control or invisible"),
        ({"name": "x" * 201}, "name", "at most 200"),
        ({"name": None}, "name", "string"),
        ({"typo_field": 1}, "typo_field", "unknown field; known: tenant_id, name"),
        ({"namespace": "team"}, "namespace", "ecp-ai-<tenant_id>"),
        ({"options": {"timout": "5m"}}, "options.timout", "did you mean timeout?"),
        ({"description": "x" * 2001}, "description", "at most 2000"),
        ({"sla_target": {"availability": "100%"}}, "sla_target.availability", "below 100%"),
        ({"sla_target": {"availability": "much"}}, "sla_target.availability", "99.9%"),
        ({"sla_target": {"response_time": "soon"}}, "sla_target.response_time", "150ms"),
        ({"sla_target": {"concurrent_users": 0}}, "sla_target.concurrent_users", "greater"),
        ({"options": {"timeout": "never"}}, "options.timeout", "5m"),
        ({"options": {"on_failure": "shrug"}}, "options.on_failure", "rollback"),
        ({"target": ""}, "target", "at least 1"),
        ({"gpu_type": "abacus"}, "gpu_type", "t4"),
    ],
)
async def test_a_tenant_that_breaks_a_rule_is_refused_by_field(
    gateway: Gateway, changes: dict[str, Any], field: str, advice: str
) -> None:
    before = (await gateway.get("/tenants/"))["total_count"]
    answer = await gateway.http.post("/tenants/", json=tenant(**changes), headers=DEMO)
    error = error_of(answer, 422, "VALIDATION_ERROR")
    problems = {each["field"]: each["message"] for each in error["details"]["errors"]}
    assert field in problems
    assert advice in problems[field]
    assert (await gateway.get("/tenants/"))["total_count"] == before


async def test_an_unknown_preset_has_its_own_code(gateway: Gateway) -> None:
    answer = await gateway.http.post("/tenants/", json=tenant(preset="gigantic"), headers=DEMO)
    assert "micro" in json.dumps(error_of(answer, 422, "INVALID_PRESET"))
    error_of(await gateway.http.get("/tenants/?preset=gigantic"), 422, "INVALID_PRESET")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "a JSON body is required"),
        (b"{", "broken JSON at line 1, column 2"),
        (b'{\n  "tenant_id": oops\n}', "broken JSON at line 2, column 16"),
        (b"[]", "dictionary"),
        (b"null", "dictionary"),
        (b'"text"', "dictionary"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"tenant_id": ' + b"9" * 10_000 + b"}", "JSON"),
    ],
)
async def test_the_refusal_of_an_invalid_body_names_the_field(gateway: Gateway, content: bytes, problem: str) -> None:
    headers = DEMO | {"Content-Type": "application/json"}
    answer = await gateway.http.post("/tenants/", content=content, headers=headers)
    assert problem in error_of(answer, 422, "VALIDATION_ERROR")["message"]


async def test_a_lone_surrogate_is_refused(gateway: Gateway) -> None:
    body = json.dumps(tenant()).replace('"name": "', '"name": "\\ud800')
    headers = DEMO | {"Content-Type": "application/json"}
    error_of(await gateway.http.post("/tenants/", content=body, headers=headers), 422, "VALIDATION_ERROR")


async def test_a_body_without_a_content_type_is_refused_since_a_web_page_could_send_it(gateway: Gateway) -> None:
    answer = await gateway.http.post("/tenants/", content=json.dumps(tenant(deploy=False)).encode(), headers=DEMO)
    assert "without a Content-Type" in error_of(answer, 415, "UNSUPPORTED_MEDIA_TYPE")["message"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "nonsense"])
async def test_another_content_type_is_refused(gateway: Gateway, content_type: str) -> None:
    content = json.dumps(tenant()).encode()
    answer = await gateway.http.post("/tenants/", content=content, headers=DEMO | {"Content-Type": content_type})
    assert "application/json" in error_of(answer, 415, "UNSUPPORTED_MEDIA_TYPE")["message"]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_of_5_mb_is_refused_whether_its_length_is_told_or_not(gateway: Gateway, chunked: bool) -> None:
    content = json.dumps(tenant(description="x" * 5_000_000)).encode()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 65_536):
            yield content[start : start + 65_536]

    headers = DEMO | {"Content-Type": "application/json"}
    answer = await gateway.http.post("/tenants/", content=chunks() if chunked else content, headers=headers)
    assert error_of(answer, 413, "BODY_TOO_LARGE")["details"] == {"limit_bytes": 1024 * 1024}


@pytest.mark.parametrize("mode", ["yes", "", "1", "true, false"])
async def test_an_unknown_mode_is_refused(gateway: Gateway, mode: str) -> None:
    answer = await gateway.http.get("/tenants/", headers={"X-Demo-Mode": mode})
    error_of(answer, 400, "INVALID_MODE")


@pytest.mark.parametrize("mode", ["True", "FALSE"])
async def test_a_mode_in_another_spelling_is_fine(gateway: Gateway, mode: str) -> None:
    assert (await gateway.http.get("/tenants/", headers={"X-Demo-Mode": mode})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("GET", "/manifest"),
        ("POST", "/manifest"),
        ("GET", "/deployment-status"),
        ("POST", "/deploy"),
        ("GET", "/deployments"),
        ("GET", "/monitoring"),
        ("POST", "/monitoring"),
        ("GET", "/sla"),
    ],
)
@pytest.mark.parametrize("name", ["unknown", "%00", "x" * 300, "한글", "%ED%A0%80"])
async def test_a_tenant_that_is_not_there_is_a_404_everywhere(
    gateway: Gateway, method: str, path: str, name: str
) -> None:
    body: Any = {"PUT": {"name": "x"}}.get(method) or ({"metrics": {"cpu": 1}} if path == "/monitoring" else None)
    content: dict[str, Any] = {"json": body} if body and method in ("PUT", "POST") else {}
    answer = await gateway.http.request(method, f"/tenants/{name}{path}", headers=DEMO, **content)
    error_of(answer, 404, "TENANT_NOT_FOUND")


@pytest.mark.parametrize("path", ["/deployments/dep-nothing", "/deployments/%00/events"])
async def test_a_deployment_that_is_not_there_is_a_404(gateway: Gateway, path: str) -> None:
    error_of(await gateway.http.get(path), 404, "DEPLOYMENT_NOT_FOUND")


async def test_an_unknown_path_and_method_have_the_documented_shape(gateway: Gateway) -> None:
    error_of(await gateway.http.get("/nothing"), 404, "NOT_FOUND")
    answer = await gateway.http.patch("/tenants/")
    assert "GET" in error_of(answer, 405, "METHOD_NOT_ALLOWED")["details"]["allowed"]
    assert "GET" in answer.headers["allow"]
    root = f"http://127.0.0.1:{gateway.settings.port}"
    for path, allowed in (
        ("/health", "GET"),
        ("/openapi.json", "GET, HEAD"),
        ("/api/v1/tenants/x", "DELETE, GET, PATCH, PUT"),
    ):
        assert (await gateway.http.post(f"{root}{path}")).headers["allow"] == allowed
    # The tenant of that id is no tenant, but its path allows what a tenant's does.
    answer = await gateway.http.patch("/tenants/x/monitoring")
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    "query", ["skip=-1", "limit=0", "limit=1001", "limit=many", f"skip={10**30}", "status=odd", "limit="]
)
async def test_a_query_out_of_range_is_refused(gateway: Gateway, query: str) -> None:
    error = error_of(await gateway.http.get(f"/tenants/?{query}"), 422, "VALIDATION_ERROR")
    assert error["details"]["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("change", [{}, {"tenant_id": "other"}, {"name": None}, {"sla_target": None}])
async def test_a_change_of_nothing_or_to_nothing_is_refused(gateway: Gateway, change: dict[str, Any]) -> None:
    created = await gateway.create(deploy=False)
    answer = await gateway.http.put(f"/tenants/{created['tenant_id']}", json=change, headers=DEMO)
    error_of(answer, 422, "VALIDATION_ERROR")
    assert (await gateway.get(f"/tenants/{created['tenant_id']}"))["revision"] == 1


async def test_a_request_id_is_echoed_made_or_refused(gateway: Gateway) -> None:
    answer = await gateway.http.get("/tenants/", headers={"X-Request-ID": "my-id.1"})
    assert answer.headers["x-request-id"] == "my-id.1"
    assert (await gateway.http.get("/tenants/")).headers["x-request-id"].startswith("req-")
    for odd in ("x" * 129, "two words", "<script>", ""):
        answer = await gateway.http.get("/tenants/", headers={"X-Request-ID": odd})
        error_of(answer, 422, "VALIDATION_ERROR")


async def test_an_idempotency_key_that_is_none_is_refused(gateway: Gateway) -> None:
    for odd in ("", "x" * 201):
        headers = DEMO | {"Idempotency-Key": odd}
        error_of(await gateway.http.post("/tenants/", json=tenant(), headers=headers), 422, "VALIDATION_ERROR")


async def test_messages_come_in_korean_where_it_is_preferred(gateway: Gateway) -> None:
    korean = await gateway.http.get("/tenants/unknown", headers={"Accept-Language": "ko-KR,ko;q=0.9,en;q=0.8"})
    assert error_of(korean, 404, "TENANT_NOT_FOUND")["message"] == "테넌트 'unknown'을(를) 찾을 수 없습니다"
    assert korean.headers["content-language"] == "ko"
    assert "Accept-Language" in korean.headers["vary"]
    english = await gateway.http.get("/tenants/unknown", headers={"Accept-Language": "en-US,ko;q=0.5"})
    assert english.headers["content-language"] == "en"
    assert "there is no tenant" in error_of(english, 404, "TENANT_NOT_FOUND")["message"]


async def test_debug_information_has_timings_and_the_worker_that_answered(gateway: Gateway) -> None:
    answer = await gateway.http.post("/tenants/", json=tenant(), headers=DEMO | {"X-Debug": "true"})
    info = json.loads(answer.headers["x-debug-info"])
    assert info["workers"] == ["calculator"]
    assert {"rpc.calculate", "database", "total"} <= set(info["steps_ms"])
    assert "x-debug-info" not in (await gateway.http.get("/tenants/")).headers


@pytest.mark.parametrize(
    ("method", "path", "use"),
    [
        ("POST", "/tenants/x/generate-manifests", "GET /api/v1/tenants/x/manifest"),
        ("GET", "/tenants/x/download-package", "GET /api/v1/tenants/x/package"),
        ("POST", "/tenants/calculate-detailed-hardware", "POST /api/v1/tenants/calculate-resources"),
        ("GET", "/deployment/status/dep-1", "GET /api/v1/deployments/dep-1"),
    ],
)
async def test_a_path_of_the_predecessor_names_what_to_use_instead(
    gateway: Gateway, method: str, path: str, use: str
) -> None:
    answer = await gateway.http.request(method, path)
    assert error_of(answer, 404, "NOT_FOUND")["details"] == {"path": f"{method} /api/v1{path}", "use": use}
    korean = await gateway.http.request(method, path, headers={"Accept-Language": "ko"})
    assert f"대신 {use}를 쓰세요" in korean.json()["error"]["message"]


@pytest.mark.parametrize("value", [0, 1, "true"])
async def test_a_boolean_of_a_body_is_true_or_false(gateway: Gateway, value: Any) -> None:
    body = {"service_requirements": {"callbot": 1}, "allow_unmeasured": value}
    error = error_of(await gateway.http.post("/tenants/calculate-resources", json=body), 422, "VALIDATION_ERROR")
    assert error["details"]["errors"] == [{"field": "allow_unmeasured", "message": "must be true or false"}]


@pytest.mark.parametrize("day", ["0", "1767225600", "2026-1-5", "2026-02-30", "today", "2026-01-05T00:00:00"])
async def test_the_day_of_a_report_is_a_date_and_no_number(gateway: Gateway, day: str) -> None:
    answer = await gateway.http.get(f"/tenants/x/sla/report?date={day}", headers=DEMO)
    assert error_of(answer, 422, "VALIDATION_ERROR")["details"]["errors"][0]["field"] == "date"


async def test_an_unknown_metric_is_refused_with_those_that_are_known(gateway: Gateway) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    path = f"/tenants/{name}/monitoring?metric_type="
    error = error_of(await gateway.http.get(f"{path}cpuu", headers=DEMO), 422, "VALIDATION_ERROR")
    assert "did you mean cpu? Known: cpu, memory, gpu, network, storage" in error["message"]
    error = error_of(await gateway.http.get(f"{path}xyz", headers=DEMO), 422, "VALIDATION_ERROR")
    assert error["details"]["errors"][0]["field"] == "metric_type"
    for documented in ("cpu", "CPU", "cpu_usage", "network", "storage"):
        assert (await gateway.get(f"{path}{documented}"))["metrics"] == {}
    async with gateway.as_monitor() as connection:
        row_id = await connection.fetchval("SELECT id FROM tenants WHERE tenant_id = $1", name)
        await connection.execute(
            "INSERT INTO monitoring_data (tenant_id, metric_type, metric_name, metric_value, timestamp)"
            " VALUES ($1, 'revenue', 'revenue', 5, now() - interval '2 hours')",
            row_id,
        )
    assert (await gateway.get(f"{path}revenue&hours=1"))["metrics"] == {}, "it is known, but has nothing in this hour"


async def test_a_metric_of_hundreds_is_known_wherever_it_is_in_their_order(gateway: Gateway) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    async with gateway.as_monitor() as connection:
        row_id = await connection.fetchval("SELECT id FROM tenants WHERE tenant_id = $1", name)
        await connection.execute(
            "INSERT INTO monitoring_data (tenant_id, metric_type, metric_name, metric_value, timestamp)"
            " SELECT $1::integer, each, each, 5, now() - interval '2 hours'"
            " FROM (SELECT 'own_' || number AS each FROM generate_series(1, 300) AS number) AS names",
            row_id,
        )
    for asked in ("own_99", "own_1", "own"):
        assert (await gateway.get(f"/tenants/{name}/monitoring?hours=1&metric_type={asked}"))["metrics"] == {}


@pytest.mark.parametrize("checks", [True, False])
async def test_a_manifest_is_not_validated_for_an_unknown_target(gateway: Gateway, checks: bool) -> None:
    body = {"manifest_content": "kind: Namespace", "target": "nonsense", "check_capacity": checks}
    answer = await gateway.http.post("/tenants/validate-manifest", json=body, headers=DEMO)
    assert "possible: simulator" in error_of(answer, 422, "VALIDATION_ERROR")["message"]
