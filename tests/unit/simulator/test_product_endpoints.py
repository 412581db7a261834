"""The product's endpoints beside the Kubernetes API: what they return, store and refuse."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter
from starlette.applications import Starlette

from services.simulator.api.product import cluster_metrics, openapi, schemas
from services.simulator.api.product.endpoints import ProductBackend, ProductEndpoints
from services.simulator.api.product.errors import EXCEPTION_HANDLERS
from services.simulator.controllers.virtual_cluster import VirtualCluster
from shared.http import api_pages
from shared.version import VERSION
from tests.unit.simulator.cluster_harness import ClusterHarness, deployment, gpu_spec, template

SENT: dict[str, Any] = {"tenant_id": "acme", "source": "billing", "metrics": {"sessions": 85, "revenue": 15000.5}}
EXTERNAL = "/api/v1/external-metrics"


def backend(cluster: VirtualCluster) -> ProductBackend:
    return ProductBackend(
        system=lambda: cluster_metrics.system_metrics(cluster),
        tenant=lambda tenant_id: cluster_metrics.tenant_metrics(cluster, tenant_id),
        tenants=lambda: cluster_metrics.tenants(cluster),
    )


def endpoints_of(harness: ClusterHarness, missing: str = "") -> ProductEndpoints:
    states = {"database": missing != "database", "cluster default": missing != "cluster default"}
    return ProductEndpoints({"default": backend(harness.cluster)}, lambda: states, lambda: b"# HELP none\n")


def connected(product: ProductEndpoints) -> httpx.AsyncClient:
    app = Starlette(routes=product.routes(), exception_handlers=EXCEPTION_HANDLERS)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://simulator")


@pytest.fixture
def harness() -> ClusterHarness:
    harness = ClusterHarness()
    found = harness.store.get("namespaces", "", "shop") or {}
    labels = {"ecp.ai/tenant": "shop"}
    harness.store.replace("namespaces", {**found, "metadata": {**found["metadata"], "labels": labels}})
    harness.add("deployments.apps", deployment(replicas=2))
    harness.add("deployments.apps", deployment("speech", 1, template={**template("speech"), "spec": gpu_spec()}))
    harness.until(lambda: harness.is_rolled_out("web") and harness.is_rolled_out("speech"))
    harness.step(600)
    return harness


@pytest.fixture
async def client(harness: ClusterHarness) -> AsyncIterator[httpx.AsyncClient]:
    async with connected(endpoints_of(harness)) as client:
        yield client


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_system_metrics_add_up_capacity_requests_and_usage(client: httpx.AsyncClient) -> None:
    metrics = schemas.ClusterMetrics.model_validate_json((await client.get("/api/v1/metrics/system")).content)
    assert (metrics.nodes, metrics.cluster_status) == (24, "healthy")
    assert (metrics.pods.total, metrics.pods.ready) == (3, 3)
    assert (metrics.requested_resources.cpu, metrics.requested_resources.gpu) == ("4000m", 1)
    total, used = int(metrics.total_resources.cpu[:-1]), int(metrics.used_resources.cpu[:-1])
    assert metrics.utilization.cpu == pytest.approx(100 * used / total, abs=0.01)


async def test_a_node_that_is_not_ready_degrades_the_cluster(harness: ClusterHarness) -> None:
    node = harness.store.list("nodes")[0]
    conditions = [{**each, "status": "False"} for each in node["status"]["conditions"] if each["type"] == "Ready"]
    harness.store.replace("nodes", {**node, "status": {**node["status"], "conditions": conditions}})
    assert cluster_metrics.system_metrics(harness.cluster)["cluster_status"] == "degraded"


async def test_a_tenant_has_pods_load_and_availability(client: httpx.AsyncClient) -> None:
    metrics = schemas.TenantMetrics.model_validate_json((await client.get("/api/v1/metrics/shop")).content)
    assert (metrics.namespaces, metrics.pods.ready, metrics.external_metrics) == (["shop"], 3, None)
    assert 0 < metrics.metrics.cpu <= 100
    assert metrics.metrics.response_time > 60
    assert metrics.sla_data.availability == 100.0


async def test_a_tenant_without_ready_pods_answers_no_request(harness: ClusterHarness) -> None:
    for name in ("web", "speech"):
        harness.change("deployments.apps", name, replicas=0)
    harness.until(lambda: not harness.pods())
    found = cluster_metrics.tenant_metrics(harness.cluster, "shop") or {}
    assert (found["metrics"]["response_time"], found["metrics"]["error_rate"]) == (0.0, 100.0)


async def test_a_tenant_that_was_never_up_has_no_availability(harness: ClusterHarness) -> None:
    harness.namespace("other", **{"ecp.ai/tenant": "other"})
    found = cluster_metrics.tenant_metrics(harness.cluster, "other") or {}
    assert found["sla_data"]["availability"] is None
    assert cluster_metrics.tenant_metrics(harness.cluster, "unknown") is None


async def test_all_metrics_have_the_cluster_and_each_tenant(client: httpx.AsyncClient) -> None:
    found = schemas.AllMetrics.model_validate_json((await client.get("/api/metrics")).content)
    assert list(found.tenants) == ["shop"]


async def test_an_unknown_tenant_is_not_found(client: httpx.AsyncClient) -> None:
    assert code_of(await client.get("/api/v1/metrics/unknown")) == (404, "TENANT_NOT_FOUND")


async def test_external_metrics_of_a_tenant_are_merged_by_name(client: httpx.AsyncClient) -> None:
    assert (await client.post(EXTERNAL, json=SENT)).status_code == 202
    later = {**SENT, "source": "crm", "metrics": {"sessions": 90}}
    answer = await client.post(EXTERNAL, json=later)
    assert answer.json() == {"status": "accepted", "tenant_id": "acme", "metrics": 1}
    found = (await client.get("/api/v1/metrics/acme")).json()
    assert found["external_metrics"]["metrics"] == {"sessions": 90, "revenue": 15000.5}
    assert found["external_metrics"]["source"] == "crm"


async def test_a_measurement_without_a_zone_is_in_utc(client: httpx.AsyncClient) -> None:
    await client.post(EXTERNAL, json={**SENT, "timestamp": "2026-03-01T12:00:00"})
    found = (await client.get("/api/v1/metrics/acme")).json()
    assert found["external_metrics"]["received_at"] == "2026-03-01T12:00:00+00:00"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{}",
        b'{"tenant_id": "Not A Label", "source": "x", "metrics": {"a": 1}}',
        b'{"tenant_id": "a", "source": "x", "metrics": {"a": "many"}}',
        b'{"tenant_id": "a", "source": "x", "metrics": {}}',
        b'{"tenant_id": "a", "source": "x", "metrics": {"a": 1e999}}',
        b'{"tenant_id": "a", "source": "x", "metrics": {"a": 1}, "more": 1}',
    ],
)
async def test_invalid_external_metrics_are_refused(client: httpx.AsyncClient, body: bytes) -> None:
    assert code_of(await client.post(EXTERNAL, content=body)) == (422, "VALIDATION_ERROR")


async def test_of_many_problems_twenty_are_listed(client: httpx.AsyncClient) -> None:
    body = {**SENT, "metrics": dict.fromkeys(map(str, range(90)), "many")}
    answer = await client.post(EXTERNAL, json=body)
    assert len(answer.json()["error"]["details"]["errors"]) == 20


async def test_a_body_above_a_mebibyte_is_refused(client: httpx.AsyncClient) -> None:
    assert code_of(await client.post(EXTERNAL, content=b" " * (2**20 + 1))) == (413, "VALIDATION_ERROR")


async def test_external_metrics_of_a_thousand_tenants_are_stored_at_most(harness: ClusterHarness) -> None:
    full = backend(harness.cluster)
    full.external = {f"tenant-{number}": {"metrics": {}} for number in range(1000)}
    async with connected(ProductEndpoints({"default": full}, dict, bytes)) as client:
        assert code_of(await client.post(EXTERNAL, json=SENT)) == (409, "CONFLICT")
        assert (await client.post(EXTERNAL, json={**SENT, "tenant_id": "tenant-1"})).status_code == 202


async def test_the_mode_selects_the_cluster(client: httpx.AsyncClient) -> None:
    assert code_of(await client.get("/api/metrics", headers={"X-Demo-Mode": "maybe"})) == (400, "INVALID_MODE")
    assert code_of(await client.get("/api/metrics", headers={"X-Demo-Mode": "true"})) == (503, "DATABASE_ERROR")


async def test_health_and_readiness_name_what_is_there(harness: ClusterHarness, client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).json()["clusters"] == ["default"]
    ready = (await client.get("/ready")).json()
    assert (ready["status"], ready["ready"], ready["missing"]) == ("ready", True, [])
    assert (ready["service"], ready["version"], set(ready["checks"].values())) == ("simulator", VERSION, {"ok"})
    async with connected(endpoints_of(harness, missing="database")) as waiting:
        answer = await waiting.get("/ready")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["database"])


async def test_every_route_is_documented(harness: ClusterHarness, client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    routes = {
        (method.lower(), route.path) for route in endpoints_of(harness).routes() for method in route.methods or ()
    }
    documented = {(method, path) for path, methods in document["paths"].items() for method in methods}
    served = {(method, path) for method, path in routes if method != "head"}
    pages = {("get", path) for path in (*api_pages.PAGES, *(f"/docs/assets/{name}" for name in api_pages.FILES))}
    assert served - documented == {("get", "/openapi.json"), *pages}
    assert documented <= served


async def test_each_documented_media_type_is_sent(client: httpx.AsyncClient) -> None:
    for path, media_type in (("/metrics", "text/plain"), ("/docs", "text/html"), ("/openapi.json", "application/json")):
        assert (await client.get(path)).headers["content-type"].startswith(media_type)


def test_references_in_the_document_resolve() -> None:
    document = TypeAdapter(dict[str, Any]).validate_json(openapi.document())
    known = set(document["components"]["schemas"])
    used = {text.partition('"')[0] for text in openapi.document().decode().split('"#/components/schemas/')[1:]}
    assert used <= known
