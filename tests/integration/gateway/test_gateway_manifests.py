"""`POST /tenants/validate-manifest`: through the gateway to a real manifest worker."""

from typing import Any

import httpx
import pytest

from shared.bus import Worker
from shared.rpc import CapacityReply, CapacityRequest, NodeCapacity
from shared.settings import BusSettings
from shared.subjects import Mode, Rpc
from tests.support.gateway import DEMO, Gateway

SIMPLE = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ecp-ai-my-ai-service\n"
WRONG = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replica: 3\n"


async def ask(gateway: Gateway, content: str, headers: dict[str, str] | None = None, **options: Any) -> httpx.Response:
    body = {"tenant_id": "my-ai-service", "manifest_content": content, **options}
    return await gateway.http.post("/tenants/validate-manifest", json=body, headers={**DEMO, **(headers or {})})


async def test_a_manifest_is_validated_as_documented(gateway: Gateway) -> None:
    answer = await ask(gateway, SIMPLE, strict_validation=True, target_simulator=True)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["valid"], body["errors"], body["warnings"]) == (True, [], [])
    assert body["simulator_compatible"] is True
    assert body["resource_summary"]["namespaces"] == 1
    assert body["estimated_cost"] == body["resource_summary"]["estimated_cost"] == "$0/month"
    assert body["deployment_time"].endswith("seconds")
    assert [each["code"] for each in body["findings"]] == ["CAPACITY_UNKNOWN"], "no deployer runs here"


async def test_faults_have_places_and_advice_and_the_status_is_200(gateway: Gateway) -> None:
    body = (await ask(gateway, WRONG)).json()
    assert body["valid"] is False
    assert body["errors"][0] == 'line 6: Deployment ecp-ai-my-ai-service/web: unknown field "spec.replica"' or any(
        'unknown field "spec.replica"' in each for each in body["errors"]
    )
    [finding] = [each for each in body["findings"] if each["code"] == "UNKNOWN_FIELD"]
    assert (finding["line"], finding["column"], finding["pointer"]) == (6, 3, "/spec/replica")
    assert 'did you mean "replicas"' in finding["advice"]


async def test_sentences_are_in_the_language_of_the_request(gateway: Gateway) -> None:
    answer = await ask(gateway, WRONG, {"Accept-Language": "ko"})
    assert answer.headers["content-language"] == "ko"
    assert "Accept-Language" in answer.headers["vary"]
    body = answer.json()
    [finding] = [each for each in body["findings"] if each["code"] == "UNKNOWN_FIELD"]
    assert finding["message"] == '알 수 없는 필드 "spec.replica"입니다.'
    assert '"replicas"을(를) 쓰려 했습니까?' in finding["advice"]
    assert any('알 수 없는 필드 "spec.replica"' in each for each in body["errors"])
    assert any(each.startswith("6행: ") for each in body["errors"])


async def test_what_the_gateway_renders_is_valid(gateway: Gateway) -> None:
    tenant = await gateway.create()
    options = {"include_ingress": "true", "prometheus_operator": "true", "external_secrets": "true"}
    path = f"/tenants/{tenant['tenant_id']}/manifest"
    for form in ("yaml", "json"):
        text = (await gateway.http.get(path, params={"format": form, **options}, headers=DEMO)).text
        assert "PrometheusRule" in text
        assert "ExternalSecret" in text
        answer = await ask(gateway, text, target_simulator=True, tenant_id=tenant["tenant_id"], check_capacity=False)
        body = answer.json()
        assert (body["valid"], body["simulator_compatible"]) == (True, True), body["errors"]
        assert {each["code"] for each in body["findings"]} == {"KIND_CUSTOM"}


async def test_without_strictness_what_kubernetes_would_drop_is_a_warning(gateway: Gateway) -> None:
    careless = SIMPLE + "spec: {finalisers: []}\n"
    strict, lenient = [(await ask(gateway, careless, strict_validation=each)).json() for each in (True, False)]
    assert (strict["valid"], lenient["valid"]) == (False, True)
    assert strict["errors"] == lenient["warnings"]
    assert [each["severity"] for each in lenient["findings"] if each["code"] == "UNKNOWN_FIELD"] == ["warning"]


async def test_a_manifest_that_the_simulator_can_not_serve_is_valid_and_not_compatible(gateway: Gateway) -> None:
    runtime = "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: a}\nhandler: runc\n"
    body = (await ask(gateway, runtime, target_simulator=True)).json()
    assert (body["valid"], body["simulator_compatible"]) == (True, False)
    assert "SIMULATOR_UNSERVED" in {each["code"] for each in body["findings"]}
    assert (await ask(gateway, runtime)).json()["simulator_compatible"] is None


async def test_a_finding_has_all_that_is_promised(gateway: Gateway) -> None:
    [finding] = [each for each in (await ask(gateway, WRONG)).json()["findings"] if each["code"] == "UNKNOWN_FIELD"]
    assert finding == {
        "code": "UNKNOWN_FIELD",
        "severity": "error",
        "object": "Deployment ecp-ai-my-ai-service/web",
        "pointer": "/spec/replica",
        "document": 0,
        "line": 6,
        "column": 3,
        "message": 'unknown field "spec.replica"',
        "advice": 'Correct its spelling or its place (did you mean "replicas"?); Kubernetes would drop it.',
    }


async def test_the_capacity_is_that_of_the_target_which_a_deployer_knows(gateway: Gateway, nats_url: str) -> None:
    """A deployer's part is played here: it answers for a cluster with one small node."""
    asked: list[str] = []

    async def answer(request: CapacityRequest, mode: Mode) -> CapacityReply:
        asked.append(f"{mode} {request.target}")
        node = NodeCapacity(name="n", allocatable={"cpu": "1", "memory": "1Gi"}, free={"cpu": "1", "memory": "1Gi"})
        return CapacityReply(target=request.target, nodes=(node,))

    worker = Worker("deployer", BusSettings(nats_url=nats_url))
    worker.answer(Rpc.CAPACITY, CapacityRequest, answer)
    await worker.start()
    try:
        tenant = await gateway.create()
        path = f"/tenants/{tenant['tenant_id']}/manifest"
        text = (await gateway.http.get(path, headers=DEMO)).text
        body = (await ask(gateway, text, tenant_id=tenant["tenant_id"], target="simulator")).json()
    finally:
        await worker.stop()
    assert asked == [f"{Mode.DEMO} simulator"]
    assert body["valid"] is True, "it may be valid and have no room"
    assert {"CAPACITY_EXCEEDED", "POD_FITS_NOWHERE"} <= {each["code"] for each in body["findings"]}


@pytest.mark.parametrize("version", ["v1.28", "1.37", "1.31.4"])
async def test_the_version_of_kubernetes_can_be_chosen(gateway: Gateway, version: str) -> None:
    body = (await ask(gateway, SIMPLE, kubernetes_version=version)).json()
    assert body["kubernetes_version"] == f"1.{version.removeprefix('v').split('.')[1]}.0"


async def test_an_unknown_version_is_refused(gateway: Gateway) -> None:
    answer = await ask(gateway, SIMPLE, kubernetes_version="2.0")
    assert answer.status_code == 422
    assert answer.json()["error"]["details"]["errors"][0]["field"] == "kubernetes_version"


async def test_hostile_text_is_answered_too(gateway: Gateway) -> None:
    bomb = "\n".join(
        ["a0: &a0 [x,x,x,x,x,x,x,x,x]"] + [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    )
    for text, code in (
        (bomb, "TOO_MANY_NODES"),
        ("a: !!python/object/apply:os.system [ls]", "TAG_REFUSED"),
        ("[" * 50_000, "TOO_DEEP"),
        ("a: \x00", "CHARACTER_REFUSED"),
        ("---\n" * 10_000, "TOO_MANY_DOCUMENTS"),
    ):
        body = (await ask(gateway, text)).json()
        assert code in {each["code"] for each in body["findings"]}
    assert (await ask(gateway, "x" * (2 * 2**20))).status_code == 413
