"""Discovery, computed resources, subresources and methods: the paths of the API and their answers."""

from typing import Any

import pytest

from services.simulator.api.application import KubernetesAPI
from services.simulator.api.cluster_backend import ClusterBackend
from services.simulator.api.product.telemetry import Telemetry
from services.simulator.resources import RESOURCES
from services.simulator.storage.watch_log import StoredObject
from shared.kube.objects import Obj
from tests.support.simulator_api import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    JSON_PATCH,
    MERGE,
    NOW,
    PODS,
    STRATEGIC,
    Api,
    config_map,
    deployment,
    pod,
)

METRICS = "/apis/metrics.k8s.io/v1beta1"
STARTED = "2026-03-01T11:59:00Z"


def metrics_of(namespace: str, name: str, **labels: str) -> Obj:
    metadata = {"namespace": namespace, "name": name, "labels": labels}
    return {"kind": "PodMetrics", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": metadata, "containers": []}


class MeasuredApi(Api):
    """A cluster with metrics of three pods and one node."""

    def __init__(self) -> None:
        super().__init__()
        pods = [metrics_of("default", "a"), metrics_of("shop", "a"), metrics_of("shop", "b", app="web")]
        node = {"kind": "NodeMetrics", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {"name": "node-1"}}
        backend = ClusterBackend(
            "default",
            self.store,
            lambda: NOW,
            pod_metrics=lambda namespace: [
                StoredObject(each) for each in pods if namespace in (None, each["metadata"]["namespace"])
            ],
            node_metrics=lambda: [StoredObject(node)],
        )
        clusters = {"default": backend}
        self.telemetry = Telemetry(clusters, lambda: 7)
        self.app = KubernetesAPI(clusters, self.telemetry, {"default", "demo"})


@pytest.fixture
def api() -> MeasuredApi:
    return MeasuredApi()


async def names(api: Api, path: str, **query: Any) -> list[str]:
    reply = await api.get(path, **query)
    assert reply.code == 200, reply.body
    return [
        "/".join(filter(None, (each["metadata"].get("namespace"), each["metadata"]["name"])))
        for each in reply.body["items"]
    ]


async def test_pod_metrics_are_listed_by_namespace_and_selector(api: Api) -> None:
    assert await names(api, f"{METRICS}/pods") == ["default/a", "shop/a", "shop/b"]
    assert await names(api, f"{METRICS}/namespaces/shop/pods") == ["shop/a", "shop/b"]
    assert await names(api, f"{METRICS}/pods", labelSelector="app=web") == ["shop/b"]
    assert await names(api, f"{METRICS}/nodes") == ["node-1"]


async def test_metrics_of_one_object_are_found_or_not_found(api: Api) -> None:
    assert (await api.get(f"{METRICS}/nodes/node-1")).body["kind"] == "NodeMetrics"
    assert (await api.get(f"{METRICS}/namespaces/shop/pods/b")).body["metadata"]["name"] == "b"
    missing = await api.get(f"{METRICS}/namespaces/shop/pods/c")
    assert (missing.code, missing.body["reason"]) == (404, "NotFound")


async def test_metrics_are_read_only(api: Api) -> None:
    reply = await api.post(f"{METRICS}/namespaces/shop/pods", {})
    assert (reply.code, reply.body["reason"]) == (405, "MethodNotAllowed")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api", "APIVersions"),
        ("/api/v1", "APIResourceList"),
        ("/apis", "APIGroupList"),
        ("/apis/apps", "APIGroup"),
        ("/apis/apps/v1", "APIResourceList"),
    ],
)
async def test_discovery_has_the_old_form(api: Api, path: str, kind: str) -> None:
    assert (await api.get(path)).body["kind"] == kind


@pytest.mark.parametrize("path", ["/apis/unknown", "/apis/apps/v9", "/api/v2", "/unknown", "/", "/openapi/v2"])
async def test_an_unknown_path_is_not_found(api: Api, path: str) -> None:
    assert (await api.get(path)).code == 404


async def test_discovery_lists_every_resource_with_its_subresources(api: Api) -> None:
    listed: set[str] = set()
    for version in {resource.api_version for resource in RESOURCES}:
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        listed |= {f"{version} {each['name']}" for each in (await api.get(path)).body["resources"]}
    expected = {f"{each.api_version} {each.plural}" for each in RESOURCES}
    parts = {f"{each.api_version} {each.plural}/{part}" for each in RESOURCES for part in each.subresources}
    assert listed == expected | parts


async def test_a_scale_is_discovered_with_its_own_kind(api: Api) -> None:
    resources = (await api.get("/apis/apps/v1")).body["resources"]
    [scale] = [each for each in resources if each["name"] == "deployments/scale"]
    assert (scale["group"], scale["version"], scale["kind"]) == ("autoscaling", "v1", "Scale")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/readyz/ping"])
async def test_probes_are_answered(api: Api, path: str) -> None:
    assert (await api.get(path)).raw == b"ok"


async def test_the_version_is_that_of_the_definitions(api: Api) -> None:
    version = (await api.get("/version")).body
    assert version["gitVersion"].startswith(f"v{version['major']}.{version['minor']}.")


async def test_a_cluster_that_is_loading_is_unavailable_and_an_unknown_one_not_found(api: Api) -> None:
    loading = await api.get("/clusters/demo/api/v1/pods")
    assert (loading.code, loading.body["reason"], loading.headers["retry-after"]) == (503, "ServiceUnavailable", "1")
    assert (await api.get("/clusters/other/api/v1/pods")).code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", CONFIG_MAPS),
        ("POST", f"{CONFIG_MAPS}/one"),
        ("TRACE", CONFIG_MAPS),
        ("POST", "/api/v1/configmaps"),
        ("POST", f"{DEPLOYMENTS}/web/scale"),
        ("DELETE", f"{DEPLOYMENTS}/web/status"),
    ],
)
async def test_a_method_that_a_path_does_not_support_is_refused(api: Api, method: str, path: str) -> None:
    reply = await api.request(method, path, {})
    assert (reply.code, reply.body["reason"]) == (405, "MethodNotAllowed")


async def test_a_fault_is_answered_500_and_logged(api: Api) -> None:
    api.store.list = lambda *arguments: 1 / 0  # type: ignore[method-assign,assignment]
    api.store.records = lambda *arguments: 1 / 0  # type: ignore[method-assign,assignment]
    reply = await api.get(CONFIG_MAPS)
    assert (reply.code, reply.body["reason"]) == (500, "InternalError")


async def test_a_websocket_is_closed(api: Api) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await api.app({"type": "websocket", "path": "/api/v1/pods"}, lambda: None, send)  # type: ignore[arg-type,return-value]
    assert sent == [{"type": "websocket.close", "code": 1003}]


async def test_requests_and_objects_are_counted_for_prometheus(api: MeasuredApi) -> None:
    await api.post(CONFIG_MAPS, config_map("one"))
    await api.get(f"{CONFIG_MAPS}/two")
    text = api.telemetry.exposition().decode()
    labels = 'cluster="default",code="{}",resource="configmaps",verb="{}"'
    assert f"simulator_api_requests_total{{{labels.format(201, 'create')}}} 1.0" in text
    assert f"simulator_api_requests_total{{{labels.format(404, 'get')}}} 1.0" in text
    assert 'simulator_objects{cluster="default",resource="configmaps"} 1.0' in text
    assert "simulator_journal_backlog 7.0" in text


async def test_the_scale_of_a_workload_is_patched_in_each_format(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment("web"))
    scale = f"{DEPLOYMENTS}/web/scale"
    for number, (media_type, body) in enumerate(
        (
            (MERGE, {"spec": {"replicas": 2}}),
            (STRATEGIC, {"spec": {"replicas": 3}}),
            (JSON_PATCH, [{"op": "replace", "path": "/spec/replicas", "value": 4}]),
        ),
        start=2,
    ):
        assert (await api.patch(scale, body, media_type)).body["spec"]["replicas"] == number
    assert (await api.get(f"{DEPLOYMENTS}/web")).body["spec"]["replicas"] == 4


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"spec": {"replicas": -1}}, 422),
        ({"spec": {"replicas": "many"}}, 400),
        ({"spec": {"replicas": 2**31}}, 400),
        ({"spec": {"replicas": True}}, 400),
        ({"spec": 3}, 400),
        ({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 2}}, 409),
    ],
)
async def test_an_invalid_scale_is_refused(api: Api, body: Any, code: int) -> None:
    await api.post(DEPLOYMENTS, deployment("web"))
    assert (await api.request("PUT", f"{DEPLOYMENTS}/web/scale", body)).code == code


async def test_a_scale_has_the_selector_as_text(api: Api) -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "canary", "operator": "DoesNotExist"},
        {"key": "team", "operator": "Exists"},
    ]
    made = deployment("web")
    made["spec"]["selector"]["matchExpressions"] = expressions
    made["spec"]["template"]["metadata"]["labels"] |= {"tier": "a", "team": "x"}
    assert (await api.post(DEPLOYMENTS, made)).code == 201
    scale = (await api.get(f"{DEPLOYMENTS}/web/scale")).body
    assert scale["status"]["selector"] == "app=web,tier in (a,b),!canary,team"


async def test_a_scale_has_no_apply_patch(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment("web"))
    assert (await api.apply(f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 2}})).code == 415


async def test_a_single_object_can_be_a_table_or_metadata(api: Api) -> None:
    await api.post(CONFIG_MAPS, config_map("one", key="value"))
    shape = "application/json;as={};v=v1;g=meta.k8s.io"
    table = await api.request("GET", f"{CONFIG_MAPS}/one", accept=shape.format("Table"))
    assert table.body["rows"][0]["cells"][0] == "one"
    metadata = await api.request("GET", f"{CONFIG_MAPS}/one", accept=shape.format("PartialObjectMetadata"))
    assert (metadata.body["kind"], "data" in metadata.body) == ("PartialObjectMetadata", False)
    listed = await api.request("GET", CONFIG_MAPS, accept=shape.format("PartialObjectMetadataList"))
    assert listed.body["kind"] == "PartialObjectMetadataList"


def running_pod(name: str) -> Obj:
    made = pod(name, node="node-1", phase="Running")
    state = {"name": "app", "state": {"running": {"startedAt": STARTED}}}
    return {**made, "status": {**made["status"], "containerStatuses": [state]}}


async def test_a_log_can_be_limited_and_stamped(api: Api) -> None:
    api.store.create("pods", running_pod("one"))
    whole = (await api.get(f"{PODS}/one/log")).raw.splitlines()
    assert len(whole) == 13
    assert (await api.get(f"{PODS}/one/log", tailLines=3)).raw.splitlines() == whole[-3:]
    assert (await api.get(f"{PODS}/one/log", tailLines=0)).raw == b""
    assert (await api.get(f"{PODS}/one/log", sinceSeconds=10)).raw.splitlines() == whole[-3:]
    stamped = (await api.get(f"{PODS}/one/log", timestamps="true")).raw.splitlines()
    assert stamped[0].startswith(b"2026-03-01T11:59:00.000000000Z ")


@pytest.mark.parametrize(
    ("query", "code"), [({"container": "other"}, 400), ({"tailLines": -1}, 422), ({"sinceSeconds": 0}, 422)]
)
async def test_a_log_with_wrong_parameters_is_refused(api: Api, query: dict[str, Any], code: int) -> None:
    api.store.create("pods", running_pod("one"))
    assert (await api.get(f"{PODS}/one/log", **query)).code == code


async def test_a_namespace_is_finalized_with_its_current_version(api: Api) -> None:
    await api.post("/api/v1/namespaces", {"metadata": {"name": "shop"}})
    await api.delete("/api/v1/namespaces/shop")
    stale = {"metadata": {"name": "shop", "resourceVersion": "1"}, "spec": {"finalizers": []}}
    path = "/api/v1/namespaces/shop/finalize"
    assert (await api.request("PUT", path, stale)).code == 409
    assert (await api.request("PUT", path, {"metadata": {"name": "shop"}})).code == 200
    assert (await api.get("/api/v1/namespaces/shop")).code == 404


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
async def test_node_ports_are_allocated_once_and_kept(api: Api, kind: str) -> None:
    path = "/api/v1/namespaces/default/services"
    body = {"ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]}
    made = await api.post(path, {"metadata": {"name": "a"}, "spec": {"type": kind, **body}})
    ports = [each["nodePort"] for each in made.body["spec"]["ports"]]
    other = await api.post(path, {"metadata": {"name": "b"}, "spec": {"type": kind, **body}})
    assert len({*ports, *(each["nodePort"] for each in other.body["spec"]["ports"])}) == 4
    changed = {"metadata": {"name": "a"}, "spec": {"type": kind, "ports": [{"port": 80}]}}
    kept = await api.request("PUT", f"{path}/a", changed)
    assert [each["nodePort"] for each in kept.body["spec"]["ports"]] == ports[:1]


async def test_an_external_name_gets_no_address(api: Api) -> None:
    spec = {"type": "ExternalName", "externalName": "db.example"}
    made = await api.post("/api/v1/namespaces/default/services", {"metadata": {"name": "a"}, "spec": spec})
    assert "clusterIP" not in made.body["spec"]
