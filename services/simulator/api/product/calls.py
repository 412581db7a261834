"""The table of the product's endpoints, from which their OpenAPI document is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel

from services.simulator.api.product import schemas

Models = tuple[type[BaseModel], ...]
TAGS: Final = {
    "metrics": "Metrics of a cluster and its tenants, and metrics that other systems measure.",
    "operations": "Health of the process, and its metrics for Prometheus.",
}


@dataclass(frozen=True, slots=True)
class DocumentedCall:
    """One endpoint. `success` maps statuses to the models of a body, or to its media type where it isn't JSON."""

    method: str
    path: str
    id: str
    tag: str
    summary: str
    description: str
    success: Mapping[int, Models | str]
    failures: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """Error codes by status."""
    body: type[BaseModel] | None = None
    by_mode: bool = True
    path_parameters: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """What each is, and an example."""


_BY_MODE: Final[Mapping[int, Sequence[str]]] = {400: ("INVALID_MODE",), 503: ("DATABASE_ERROR",)}
OPERATIONS: Final = (
    DocumentedCall(
        "get",
        "/api/metrics",
        "getAllMetrics",
        "metrics",
        "Get the metrics of a cluster and its tenants",
        "The cluster's capacity and use, and the metrics of each tenant that runs in it.",
        {200: (schemas.AllMetrics,)},
        _BY_MODE,
    ),
    DocumentedCall(
        "get",
        "/api/v1/metrics/system",
        "getClusterMetrics",
        "metrics",
        "Get the metrics of a cluster",
        "Nodes, pods, capacity, requests and use.",
        {200: (schemas.ClusterMetrics,)},
        _BY_MODE,
    ),
    DocumentedCall(
        "get",
        "/api/v1/metrics/{tenant_id}",
        "getTenantMetrics",
        "metrics",
        "Get the metrics of a tenant",
        "Pods, load and availability, with the metrics that other systems sent for it.",
        {200: (schemas.TenantMetrics, schemas.ExternalTenantMetrics)},
        {**_BY_MODE, 404: ("TENANT_NOT_FOUND",)},
        path_parameters={"tenant_id": ("The tenant's id", "my-ai-service")},
    ),
    DocumentedCall(
        "post",
        "/api/v1/external-metrics",
        "storeExternalMetrics",
        "metrics",
        "Store metrics that another system measured",
        "Of at most 1000 tenants, in memory. A later value of the same name replaces the earlier one.",
        {202: (schemas.AcceptedMetrics,)},
        {**_BY_MODE, 409: ("CONFLICT",), 413: ("VALIDATION_ERROR",), 422: ("VALIDATION_ERROR",)},
        body=schemas.ExternalMetrics,
    ),
    DocumentedCall(
        "get",
        "/health",
        "getHealth",
        "operations",
        "Check that the process is alive",
        "Names the clusters that are loaded.",
        {200: (schemas.Health,)},
        by_mode=False,
    ),
    DocumentedCall(
        "get",
        "/ready",
        "getReadiness",
        "operations",
        "Check that all dependencies answer",
        "Names those that don't.",
        {200: (schemas.Readiness,), 503: (schemas.Readiness,)},
        by_mode=False,
    ),
    DocumentedCall(
        "get",
        "/metrics",
        "getPrometheusMetrics",
        "operations",
        "Get Prometheus metrics",
        "Requests, open watches, objects, and the backlog of the journal.",
        {200: "text/plain"},
        by_mode=False,
    ),
)
