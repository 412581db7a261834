"""The simulator's OpenAPI documents against the simulator: in both modes, on objects that exist."""

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from typing import Any

import httpx
import orjson
from schemathesis.generation.case import Case

from embedded.ports import free_ports
from shared.subjects import Mode
from tests.support.api_fuzzing import Campaign, Target
from tests.support.simulator_process import running_simulator

DEPTH = 2
NAMES = ("kept", "other", "gone")
REASONS = (
    "the cluster is being loaded",
    "failed to create typed patch object",
    "resourceVersion should not be set on objects to be created",
)
"""A real API server answers the second and third with a 500, too, and these sentences."""
NULLABLE = tuple(f"io.k8s.apimachinery.pkg.apis.meta.v1.{name}" for name in ("Time", "MicroTime"))
"""A zero time is null in Kubernetes' answers (`lastProbeTime`, `eventTime`), though its document doesn't have it."""
LABELS = {"app": "kept"}
CONTAINERS = [{"name": "one", "image": "one:1", "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}]
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": {"containers": CONTAINERS}}
OBJECTS: dict[str, dict[str, Any]] = {
    "api/v1/namespaces": {},
    "api/v1/nodes": {"status": {"capacity": {"cpu": "8", "memory": "32Gi", "pods": "110"}}},
    "api/v1/namespaces/kept/configmaps": {"data": {"key": "value"}},
    "api/v1/namespaces/kept/pods": {"spec": {"containers": CONTAINERS}},
    "api/v1/namespaces/kept/services": {"spec": {"selector": LABELS, "ports": [{"port": 80}]}},
    "apis/apps/v1/namespaces/kept/deployments": {"spec": {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}},
    "apis/autoscaling/v2/namespaces/kept/horizontalpodautoscalers": {
        "spec": {
            "maxReplicas": 4,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "kept"},
        }
    },
}
"""Of several kinds one object for each name, the namespace `kept` among them."""
TENANT_LABEL = "ecp.ai/tenant"
PRODUCT_CASES = 300
"""Of the product's endpoints, which are few."""


@asynccontextmanager
async def campaign() -> AsyncIterator[Campaign]:
    """The Kubernetes API of each mode's cluster, on a simulator whose objects the cases may change as they like."""
    async with prepared_simulator() as (address, client):
        known = {"namespace": ["kept", "kept"], "name": NAMES}
        targets = [Target(mode, f"{address}{cluster_path(mode)}", known=known, fix=name_objects) for mode in Mode]
        documents = [await document(client, cluster_path(mode)) for mode in Mode]
        assert all(each == documents[0] for each in documents)
        yield Campaign(documents[0], targets, reasons=REASONS)


@asynccontextmanager
async def product_campaign() -> AsyncIterator[Campaign]:
    """The product's endpoints in each mode, on a simulator where each object's namespace is a tenant."""
    async with prepared_simulator() as (address, client):
        targets = [
            Target(mode, address, known={"tenant_id": NAMES}, headers={"X-Demo-Mode": str(mode is Mode.DEMO).lower()})
            for mode in Mode
        ]
        yield Campaign(orjson.loads((await client.get("/openapi.json")).content), targets)


@asynccontextmanager
async def prepared_simulator() -> AsyncIterator[tuple[str, httpx.AsyncClient]]:
    """A simulator with the objects above in the cluster of each mode; its address, and a client of it."""
    [port] = free_ports(1)
    async with running_simulator(port) as (_, client):
        for path, fields in OBJECTS.items():
            for mode, name in product(Mode, NAMES):
                metadata = {"name": name, "labels": {TENANT_LABEL: name}}
                answer = await client.post(f"{cluster_path(mode)}/{path}", json={"metadata": metadata, **fields})
                assert answer.status_code == 201, answer.text
        yield f"http://127.0.0.1:{port}", client


def cluster_path(mode: Mode) -> str:
    """Where the Kubernetes API of the mode's cluster begins."""
    return "/clusters/demo" if mode is Mode.DEMO else ""


async def document(client: httpx.AsyncClient, cluster: str) -> dict[str, Any]:
    """All group versions' documents of a cluster as one."""
    merged: dict[str, Any] = {"openapi": "3.0.0", "info": {"title": "simulator", "version": "1"}, "paths": {}}
    schemas: dict[str, Any] = {}
    index = orjson.loads((await client.get(f"{cluster}/openapi/v3")).content)
    for each in index["paths"].values():
        part = orjson.loads((await client.get(each["serverRelativeURL"])).content)
        merged["paths"] |= part["paths"]
        schemas |= part["components"]["schemas"]
    for path in merged["paths"].values():
        for operation in path.values():
            for body in _request_schemas(operation):
                body["schema"] = shallow(body["schema"], schemas, DEPTH)
    for name in NULLABLE:
        schemas[name]["nullable"] = True
    return {**merged, "components": {"schemas": schemas}}


def _request_schemas(operation: Any) -> list[dict[str, Any]]:
    if not isinstance(operation, dict):
        return []
    return list(operation.get("requestBody", {}).get("content", {}).values())


def shallow(schema: Any, schemas: dict[str, Any], depth: int) -> Any:
    """The schema as far as `depth` objects deep, and anything below: a pod has a thousand fields, made one by one."""
    if not isinstance(schema, dict):
        return schema
    for each in (schema, *schema.get("allOf", [])):
        if "$ref" in each:
            return shallow(schemas[each["$ref"].rpartition("/")[2]], schemas, depth)
    if depth == 0:
        return {name: schema[name] for name in ("type", "format", "enum") if name in schema}
    found = {name: value for name, value in schema.items() if name not in ("description", "default")}
    if "properties" in found:
        found["properties"] = {name: shallow(each, schemas, depth - 1) for name, each in found["properties"].items()}
    for name in ("items", "additionalProperties"):
        if name in found:
            found[name] = shallow(found[name], schemas, depth - 1)
    return found


def name_objects(case: Case[Any]) -> None:
    """Give most bodies a name that is valid, and the one in the path: otherwise nearly all are refused for that."""
    body = case.body
    if not isinstance(body, dict) or not isinstance(metadata := body.get("metadata", {}), dict):
        return
    digest = zlib.crc32(repr(sorted(body)).encode())
    if digest % 4:
        name = (case.path_parameters or {}).get("name") or f"made-{digest % 50}"
        case.body = {**body, "metadata": {**metadata, "name": name}}
