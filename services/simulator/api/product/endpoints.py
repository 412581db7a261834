"""The product's endpoints beside the Kubernetes API: health, Prometheus, metrics, and metrics from other systems.

Their paths can't collide with Kubernetes' paths: it has no resource called `metrics` or `external-metrics`. The
header `X-Demo-Mode` selects the cluster, as in the whole product: `true` is `demo`, absent or `false` is `default`.
Failures have the product's documented shape, not Kubernetes' Status. `openapi` describes all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.simulator.api.product import openapi
from services.simulator.api.product.access import Handler, ProductAccess, check_visible
from services.simulator.api.product.calls import OPERATIONS, DocumentedCall
from services.simulator.api.product.errors import ProductError, tenant_not_found
from services.simulator.api.product.schemas import ExternalMetrics
from shared.http import api_pages
from shared.kube.targets import VIRTUAL_CLUSTERS
from shared.reading import InvalidText, parse_json
from shared.status import HEALTHY, ServiceStatus, checks_of
from shared.subjects import Mode

_MOST_TENANTS: Final = 1000
_MOST_BODY_BYTES: Final = 1024 * 1024
_MOST_PROBLEMS: Final = 20
"""Listed in the answer to an invalid body: all of them could be larger than the request."""


@dataclass(slots=True)
class ProductBackend:
    """One cluster as these endpoints see it; `external` has the latest external metrics by tenant, in memory only."""

    system: Callable[[], dict[str, Any]]
    tenant: Callable[[str], dict[str, Any] | None]
    tenants: Callable[[], list[str]]
    external: dict[str, dict[str, Any]] = field(default_factory=dict)


class ProductEndpoints:
    """The handlers and their routes.

    `backends` has `default` and `demo` once these are loaded, `dependencies` tells which dependencies answer, and
    `exposition` returns Prometheus' text.
    """

    def __init__(
        self,
        backends: Mapping[str, ProductBackend],
        dependencies: Callable[[], Mapping[str, bool]],
        exposition: Callable[[], bytes],
        access: ProductAccess | None = None,
    ) -> None:
        """`access` decides who may call; without it, everyone may."""
        self._access = access or ProductAccess()
        self._backends = backends
        self._dependencies = dependencies
        self._exposition = exposition

    def routes(self) -> list[Route]:
        """All routes, to be mounted before the Kubernetes API."""
        return [
            *(self._route(operation) for operation in OPERATIONS),
            *api_pages.routes(openapi.TITLE),
            Route("/openapi.json", self.openapi),
        ]

    def _route(self, operation: DocumentedCall) -> Route:
        """The route of a row of the table, with its handler behind the check of its role."""
        handlers: Mapping[str, Handler] = {
            "getHealth": self.health,
            "getReadiness": self.ready,
            "getPrometheusMetrics": self.prometheus,
            "getAllMetrics": self.all_metrics,
            "getClusterMetrics": self.system_metrics,
            "getTenantMetrics": self.tenant_metrics,
            "storeExternalMetrics": self.store_external_metrics,
        }
        handler = self._access.guarded(handlers[operation.id], operation.least)
        return Route(operation.path, handler, methods=[operation.method.upper()])

    async def health(self, request: Request) -> Response:
        """The process is alive."""
        checks = checks_of([f"cluster {name}" for name in sorted(self._backends)], {})
        return _json(200, {"status": HEALTHY, "clusters": sorted(self._backends), **_identity(checks)})

    async def ready(self, request: Request) -> Response:
        """200 when all dependencies answer, otherwise 503 with those that don't."""
        found = self._dependencies()
        missing = sorted(name for name, is_available in found.items() if not is_available)
        status = "ready" if not missing else "not ready"
        checks = checks_of(list(found), dict.fromkeys(missing, "not available"))
        body = {"status": status, "ready": not missing, "missing": missing, **_identity(checks)}
        return _json(503 if missing else 200, body)

    async def prometheus(self, request: Request) -> Response:
        """Metrics in Prometheus' text format."""
        return Response(self._exposition(), media_type=CONTENT_TYPE_LATEST)

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI document of these endpoints."""
        return Response(openapi.document(), media_type="application/json")

    async def system_metrics(self, request: Request) -> Response:
        """The metrics of the cluster."""
        return _json(200, self._backend(request).system())

    async def tenant_metrics(self, request: Request) -> Response:
        """One tenant's pods, load and availability, with its external metrics."""
        tenant_id = request.path_params["tenant_id"]
        check_visible(request, tenant_id)
        found = _tenant(self._backend(request), tenant_id)
        if found is None:
            raise tenant_not_found(tenant_id)
        return _json(200, found)

    async def all_metrics(self, request: Request) -> Response:
        """The metrics of the cluster and of every tenant in it."""
        backend = self._backend(request)
        tenants = {tenant_id: _tenant(backend, tenant_id) for tenant_id in backend.tenants()}
        return _json(200, {"system": backend.system(), "tenants": tenants})

    async def store_external_metrics(self, request: Request) -> Response:
        """Store metrics of a tenant; a later value of the same name replaces the earlier one."""
        external = self._backend(request).external
        sent = _external_metrics(await _body(request))
        check_visible(request, sent.tenant_id)
        if sent.tenant_id not in external and len(external) >= _MOST_TENANTS:
            raise ProductError(409, "CONFLICT", f"metrics of {_MOST_TENANTS} tenants are stored already")
        known = external.get(sent.tenant_id, {"metrics": {}})
        external[sent.tenant_id] = {
            "source": sent.source,
            "received_at": sent.measured_at.isoformat(),
            "metrics": {**known["metrics"], **sent.metrics},
        }
        return _json(202, {"status": "accepted", "tenant_id": sent.tenant_id, "metrics": len(sent.metrics)})

    def _backend(self, request: Request) -> ProductBackend:
        """The backend of the request's mode. Raises ProductError: 400 for an unknown mode, 503 while it loads."""
        mode = request.headers.get("x-demo-mode", "false").strip().lower()
        if mode not in ("true", "false"):
            raise ProductError(400, "INVALID_MODE", f"X-Demo-Mode is '{mode}'; it must be true or false", mode=mode)
        backend = self._backends.get(VIRTUAL_CLUSTERS[Mode.DEMO if mode == "true" else Mode.PRODUCTION])
        if backend is None:
            raise ProductError(503, "DATABASE_ERROR", "the simulator waits for its database")
        return backend


async def _body(request: Request) -> bytes:
    """The body. Raises ProductError 413 as soon as it is larger than the limit."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _MOST_BODY_BYTES:
            raise ProductError(413, "VALIDATION_ERROR", "the body is larger than 1 MiB")
        chunks.append(chunk)
    return b"".join(chunks)


def _external_metrics(body: bytes) -> ExternalMetrics:
    """The metrics in a body. Raises ProductError 422."""
    try:
        return ExternalMetrics.model_validate(parse_json(body))
    except InvalidText as error:
        raise ProductError(422, "VALIDATION_ERROR", f"the body is no JSON: {error}") from error
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        message = "the metrics are not as documented"
        raise ProductError(422, "VALIDATION_ERROR", message, errors=problems[:_MOST_PROBLEMS]) from error


def _tenant(backend: ProductBackend, tenant_id: str) -> dict[str, Any] | None:
    """A tenant's metrics with the external ones; None where neither exists."""
    found, external = backend.tenant(tenant_id), backend.external.get(tenant_id)
    if found is None and external is None:
        return None
    return {**(found or {"tenant_id": tenant_id}), "external_metrics": external}


def _identity(checks: dict[str, str]) -> dict[str, Any]:
    """The service and its checks, as every service answers them."""
    return ServiceStatus(service="simulator", checks=checks).model_dump(mode="json")


def _json(code: int, body: Any) -> Response:
    return Response(orjson.dumps(body), status_code=code, media_type="application/json")
