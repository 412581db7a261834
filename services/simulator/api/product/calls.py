"""The table of the product's endpoints, from which their OpenAPI document is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel

from services.simulator.api.product import schemas
from shared.identity.caller import Role

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
    least: Role | None = None
    """The least role where authentication is on; None: no credential is needed."""

    @property
    def answers(self) -> Mapping[int, Sequence[str]]:
        """Its error codes by status, with those of the check of its role."""
        if self.least is None:
            return self.failures
        unavailable = (*self.failures.get(503, ()), "DEPENDENCY_UNAVAILABLE")
        return {**self.failures, 401: ("UNAUTHORIZED",), 403: ("FORBIDDEN",), 503: unavailable}


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
        least=Role.ADMIN,  # it tells of all tenants
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
        least=Role.ADMIN,  # as do the sums over them
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
        least=Role.VIEWER,
    ),
    DocumentedCall(
        "post",
        "/api/v1/external-metrics",
        "storeExternalMetrics",
        "metrics",
        "Store metrics that another system measured",
        "Of at most 1000 tenants, in memory. A later value of the same name replaces the earlier one.",
        {202: (schemas.AcceptedMetrics,)},
        {
            **_BY_MODE,
            404: ("TENANT_NOT_FOUND",),
            409: ("CONFLICT",),
            413: ("VALIDATION_ERROR",),
            422: ("VALIDATION_ERROR",),
        },
        body=schemas.ExternalMetrics,
        least=Role.OPERATOR,
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
