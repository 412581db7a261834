"""The product's own paths beside the Kubernetes API: health, metrics, a tenant's numbers, metrics posted from outside.

They can't collide with Kubernetes' paths: it has no resource called `metrics` or `external-metrics`. The mode is
chosen by the header `X-Demo-Mode`, as everywhere in the product: `true` is cluster `demo`, absent or `false` is
`default`. Failures have the product's documented shape, not Kubernetes' Status.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import orjson
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from shared.reading import InvalidText, parse_json

_MOST_TENANTS: Final = 1000
_MOST_BODY_BYTES: Final = 1024 * 1024


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


class ExternalMetrics(BaseModel):
    """Business numbers of a tenant that another system measures."""

    model_config = ConfigDict(extra="forbid", strict=True)

    tenant_id: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=50)]
    source: Annotated[str, Field(min_length=1, max_length=100)]
    metrics: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=100)], Annotated[float, AfterValidator(_finite)]],
        Field(min_length=1, max_length=100),
    ]
    timestamp: Annotated[datetime | None, Field(strict=False)] = None


@dataclass(slots=True)
class ProductView:
    """What these paths show of one mode's cluster; `posted` is kept in memory, newest values of each tenant."""

    system: Callable[[], dict[str, Any]]
    tenant: Callable[[str], dict[str, Any] | None]
    tenants: Callable[[], list[str]]
    posted: dict[str, dict[str, Any]] = field(default_factory=dict)


class ProductPaths:
    """Handlers of the product's paths.

    `views` has `default` and `demo` as soon as they are loaded; `dependencies` says what is there, by name;
    `exposition` is Prometheus' text.
    """

    def __init__(
        self,
        views: Mapping[str, ProductView],
        dependencies: Callable[[], Mapping[str, bool]],
        exposition: Callable[[], bytes],
    ) -> None:
        self._views = views
        self._dependencies = dependencies
        self._exposition = exposition

    def routes(self) -> list[Route]:
        """All routes, to be mounted before the Kubernetes API."""
        return [
            Route("/health", self.health),
            Route("/ready", self.ready),
            Route("/metrics", self.prometheus),
            Route("/docs", self.docs),
            Route("/api/metrics", self.every_metric),
            Route("/api/v1/metrics/system", self.system_metrics),
            Route("/api/v1/metrics/{tenant_id}", self.tenant_metrics),
            Route("/api/v1/external-metrics", self.post_external, methods=["POST"]),
        ]

    async def health(self, request: Request) -> Response:
        """The process answers."""
        return _json(200, {"status": "healthy", "service": "simulator", "clusters": sorted(self._views)})

    async def ready(self, request: Request) -> Response:
        """200 when everything that is needed answers, 503 with what is missing."""
        states = self._dependencies()
        missing = sorted(name for name, there in states.items() if not there)
        status = "ready" if not missing else "not ready"
        return _json(503 if missing else 200, {"status": status, "missing": missing})

    async def prometheus(self, request: Request) -> Response:
        """Prometheus' text format."""
        return Response(self._exposition(), media_type=CONTENT_TYPE_LATEST)

    async def docs(self, request: Request) -> Response:
        """A page that says what is served here."""
        return HTMLResponse(_DOCS)

    async def system_metrics(self, request: Request) -> Response:
        """The cluster as a whole."""
        view, refusal = self._view(request)
        return refusal if view is None else _json(200, view.system())

    async def tenant_metrics(self, request: Request) -> Response:
        """One tenant's pods, use and availability, with what was posted for it."""
        view, refusal = self._view(request)
        if view is None:
            return refusal
        tenant_id = request.path_params["tenant_id"]
        found = _of_tenant(view, tenant_id)
        if found is None:
            return _error(
                404, "TENANT_NOT_FOUND", f"no tenant '{tenant_id}' runs in this cluster", {"tenant_id": tenant_id}
            )
        return _json(200, found)

    async def every_metric(self, request: Request) -> Response:
        """The cluster and every tenant in it, in one answer."""
        view, refusal = self._view(request)
        if view is None:
            return refusal
        tenants = {tenant_id: _of_tenant(view, tenant_id) for tenant_id in view.tenants()}
        return _json(200, {"system": view.system(), "tenants": tenants})

    async def post_external(self, request: Request) -> Response:
        """Take numbers from outside; the newest value of each name counts."""
        view, refusal = self._view(request)
        if view is None:
            return refusal
        body = await _body(request)
        if body is None:
            return _error(413, "VALIDATION_ERROR", "the body is larger than 1 MiB", {})
        try:
            sent = ExternalMetrics.model_validate(parse_json(body))
        except InvalidText as error:
            return _error(422, "VALIDATION_ERROR", f"the body is no JSON: {error}", {})
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
            return _error(422, "VALIDATION_ERROR", "the metrics are not as documented", {"errors": problems})
        if sent.tenant_id not in view.posted and len(view.posted) >= _MOST_TENANTS:
            return _error(409, "CONFLICT", f"metrics of {_MOST_TENANTS} tenants are kept already", {})
        known = view.posted.get(sent.tenant_id, {"metrics": {}})
        moment = sent.timestamp or datetime.now(UTC)
        view.posted[sent.tenant_id] = {
            "source": sent.source,
            "received_at": moment.isoformat(),
            "metrics": {**known["metrics"], **sent.metrics},
        }
        return _json(202, {"status": "accepted", "tenant_id": sent.tenant_id, "metrics": len(sent.metrics)})

    def _view(self, request: Request) -> tuple[ProductView | None, Response]:
        """The mode's view, or the refusal of an unknown mode or of a cluster that is still being loaded."""
        mode = request.headers.get("x-demo-mode", "false").strip().lower()
        if mode not in ("true", "false"):
            message = f"X-Demo-Mode is '{mode}'; it must be true or false"
            return None, _error(400, "INVALID_MODE", message, {"mode": mode})
        view = self._views.get("demo" if mode == "true" else "default")
        if view is None:
            return None, _error(503, "DATABASE_ERROR", "the simulator waits for its database", {})
        return view, Response()


async def _body(request: Request) -> bytes | None:
    """The body, None for one past the limit, of which no more than that is read."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _MOST_BODY_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _of_tenant(view: ProductView, tenant_id: str) -> dict[str, Any] | None:
    """A tenant's numbers with the posted ones, None where neither exists."""
    found, posted = view.tenant(tenant_id), view.posted.get(tenant_id)
    if found is None and posted is None:
        return None
    return {**(found or {"tenant_id": tenant_id}), "external_metrics": posted}


def _json(code: int, body: Any) -> Response:
    return Response(orjson.dumps(body), status_code=code, media_type="application/json")


def _error(code: int, name: str, message: str, details: Mapping[str, Any]) -> Response:
    body = {
        "code": name,
        "message": message,
        "details": details,
        "timestamp": datetime.now(UTC).isoformat(),
        "request_id": f"req-{uuid.uuid4().hex[:12]}",
    }
    return _json(code, {"error": body})


_DOCS: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>ECP simulator</title></head>
<body><h1>ECP simulator</h1>
<p>This is a Kubernetes API. Point any client at it: <code>kubectl --server http://127.0.0.1:6360 get pods -A</code>;
the cluster of the demo mode is at <code>/clusters/demo</code>.
Its own description is at <a href="/openapi/v3">/openapi/v3</a>.</p>
<h2>Beside it</h2>
<table>
<tr><td>GET /health</td><td>the process answers</td></tr>
<tr><td>GET /ready</td><td>what it needs answers too, or what is missing</td></tr>
<tr><td>GET /metrics</td><td>Prometheus</td></tr>
<tr><td>GET /api/metrics</td><td>the cluster and all its tenants</td></tr>
<tr><td>GET /api/v1/metrics/system</td><td>the cluster</td></tr>
<tr><td>GET /api/v1/metrics/{tenant_id}</td><td>one tenant</td></tr>
<tr><td>POST /api/v1/external-metrics</td><td>{"tenant_id", "source", "metrics": {name: number}}</td></tr>
</table>
<p>The header <code>X-Demo-Mode: true</code> chooses the demo cluster.</p>
</body></html>
"""
