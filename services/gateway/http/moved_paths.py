"""Paths of the predecessor's API that this API serves under other ones: their 404 names what to use instead. Pure."""

from typing import NamedTuple

from starlette.routing import compile_path

_API = "/api/v1"
_TENANT = "/tenants/{tenant_id}"


class MovedPath(NamedTuple):
    """A call of the predecessor's API, and ours."""

    methods: str
    path: str
    use: str


MOVED_PATHS = (
    MovedPath("POST", "/calculate-resources", "POST {api}/tenants/calculate-resources"),
    MovedPath("POST", "/tenants/calculate-detailed-hardware", "POST {api}/tenants/calculate-resources"),
    MovedPath("POST", "/tenants/compare-gpu-options", "POST {api}/tenants/calculate-resources"),
    MovedPath("POST", "/tenants/cloud-instance-mapping", "POST {api}/tenants/calculate-resources"),
    MovedPath("POST", "/tenants/cloud-optimization-analysis", "POST {api}/tenants/calculate-resources"),
    MovedPath("POST", f"{_TENANT}/generate-manifests", "GET {api}/tenants/{tenant_id}/manifest"),
    MovedPath("GET POST", f"{_TENANT}/manifest-preview", "GET {api}/tenants/{tenant_id}/manifest"),
    MovedPath("POST", f"{_TENANT}/update-manifest", "PATCH {api}/tenants/{tenant_id}"),
    MovedPath("GET POST", f"{_TENANT}/download-package", "GET {api}/tenants/{tenant_id}/package"),
    MovedPath("POST", f"{_TENANT}/validate-deployment", "POST {api}/tenants/validate-manifest"),
    MovedPath("POST", f"{_TENANT}/complete-deployment", "GET {api}/tenants/{tenant_id}/deployment-status"),
    MovedPath("POST", f"{_TENANT}/advanced-config-recommendations", "POST {api}/tenants/{tenant_id}/recommendation"),
    MovedPath("GET", f"{_TENANT}/metrics", "GET {api}/tenants/{tenant_id}/monitoring"),
    MovedPath("GET", "/tenants/monitoring/system-metrics", "GET {api}/monitoring/system"),
    MovedPath("GET", "/tenants/monitoring/tenant-comparison", "GET {api}/operations/dashboard"),
    MovedPath("GET", "/tenants/monitoring/sla-trends", "GET {api}/tenants/<tenant_id>/sla/report"),
    MovedPath("GET", "/tenants/monitoring/alerts", "GET {api}/operations/dashboard"),
    MovedPath("GET", "/overview", "GET {api}/operations/dashboard"),
    MovedPath("GET", "/tenants-statistics", "GET {api}/operations/dashboard"),
    MovedPath("GET", "/services-statistics", "GET {api}/operations/dashboard"),
    MovedPath("GET", "/resources-statistics", "GET {api}/monitoring/system"),
    MovedPath("POST", "/deployment/deploy", "POST {api}/tenants/<tenant_id>/deploy"),
    MovedPath("GET", "/deployment/status/{deployment_id}", "GET {api}/deployments/{deployment_id}"),
)
_PATTERNS = tuple((each, compile_path(f"{_API}{each.path}")[0]) for each in MOVED_PATHS)
_LONGEST = 200
"""Characters of a path."""


def successor(method: str, path: str) -> str | None:
    """The call to use instead of one of the predecessor's API; None if there is none."""
    for each, pattern in _PATTERNS:
        found = pattern.match(path[:_LONGEST]) if method in each.methods.split() else None
        if found is not None:
            return each.use.format(api=_API, **found.groupdict())
    return None
