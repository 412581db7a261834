"""Which operation a path is, by the routes of the API; also for a call that is refused before it reaches its route."""

from collections.abc import Iterable
from re import Pattern
from typing import NamedTuple

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import compile_path

from services.gateway.http.document import operation_id

CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
NOT_CHANGING = frozenset(
    {
        "calculateResources",
        "checkTenantId",
        "createSocketTicket",
        "receiveTenantAlert",
        "previewSilence",
        "recommendResources",
        "renderManifest",
        "sendMetrics",
        "testAlertRules",
        "validateManifest",
    }
)
"""Operations with one of these methods that change nothing, and measurements, which come by the thousand.

The trail has their calls only where they were refused for want of a right.
"""


class Called(NamedTuple):
    """An operation, and the tenant and the deployment in its path."""

    operation: str
    tenant_id: str | None
    deployment_id: str | None


class Operations:
    """The changing operations below a prefix."""

    def __init__(self, routers: Iterable[APIRouter], prefix: str) -> None:
        self._routes: list[tuple[str, Pattern[str], str]] = []
        for route in (each for router in routers for each in router.routes):
            if isinstance(route, APIRoute):
                pattern = compile_path(prefix + route.path)[0]
                self._routes += [
                    (method, pattern, operation_id(route)) for method in CHANGING & (route.methods or set())
                ]

    @property
    def names(self) -> frozenset[str]:
        """The ids of all of them."""
        return frozenset(name for _, _, name in self._routes)

    def find(self, method: str, path: str) -> Called | None:
        """The operation of a call, or None if there is none."""
        for of, pattern, name in self._routes:
            if of == method and (found := pattern.match(path)):
                parts = found.groupdict()
                return Called(name, parts.get("tenant_id"), parts.get("deployment_id"))
        return None
