"""The simulator's OpenAPI documents against the simulator: campaigns for each mode, on objects that exist."""

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
from schemathesis.generation.case import Case

from embedded.ports import free_ports
from shared.subjects import Mode
from tests.support.api_fuzzing import Campaign
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
async def campaign(mode: Mode) -> AsyncIterator[Campaign]:
    """The Kubernetes API of a mode's cluster, on a simulator whose objects the cases may change as they like."""
    async with prepared_simulator(mode) as (address, client):
        cluster = cluster_path(mode)
        yield Campaign(
            await document(client, cluster),
            f"{address}{cluster}",
            known={"namespace": ["kept", "kept"], "name": NAMES},
            reasons=REASONS,
            fix=name_objects,
        )


@asynccontextmanager
async def product_campaign(mode: Mode) -> AsyncIterator[Campaign]:
    """The product's endpoints in a mode, on a simulator where each object's namespace is a tenant."""
    async with prepared_simulator(mode) as (address, client):
        yield Campaign(
            orjson.loads((await client.get("/openapi.json")).content),
            address,
            known={"tenant_id": NAMES},
            headers={"X-Demo-Mode": "true" if mode is Mode.DEMO else "false"},
        )


@asynccontextmanager
async def prepared_simulator(mode: Mode) -> AsyncIterator[tuple[str, httpx.AsyncClient]]:
    """A simulator of its own with the objects above; its address, and a client of it."""
    [port] = free_ports(1)
    async with running_simulator(port) as (_, client):
        for path, fields in OBJECTS.items():
            for name in NAMES:
                metadata = {"name": name, "labels": {TENANT_LABEL: name}}
                answer = await client.post(f"{cluster_path(mode)}/{path}", json={"metadata": metadata, **fields})
                assert answer.status_code == 201, answer.text
        yield f"http://127.0.0.1:{port}", client


def cluster_path(mode: Mode) -> str:
    """Where the Kubernetes API of the mode's cluster begins."""
    return "/clusters/demo" if mode is Mode.DEMO else ""


async def document(client: httpx.AsyncClient, cluster: str) -> dict[str, Any]:
    """All group versions' documents as one."""
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
