"""Lists every object of a namespace, of whatever kind: what a deletion of the namespace would delete."""

from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from services.deployer.cluster.api import ClusterRefused
from shared.kube.objects import Obj

_log = structlog.get_logger(__name__)
Get = Callable[[str], Awaitable[Obj]]
"""Reads a path of the API. Raises ClusterRefused and ClusterUnavailable."""

_DERIVED = frozenset({"Binding", "ControllerRevision", "Endpoints", "EndpointSlice", "Event", "Lease", "PodMetrics"})
"""Kinds that controllers derive from other objects."""


async def contents(get: Get, namespace: str) -> list[Obj]:
    """All objects in a namespace, without derived kinds. Kinds that we may not list are skipped with a warning."""
    found: list[Obj] = []
    async for api_version, path, resource in _namespaced(get):
        try:
            listing = await get(f"{path}/namespaces/{namespace}/{resource['name']}")
        except ClusterRefused as error:
            _log.warning(f"{resource['kind']}s can't be listed: {error.message}", action="skip-kind")
            continue
        kind = {"apiVersion": api_version, "kind": resource["kind"]}
        found += [{**item, **kind} for item in listing.get("items") or ()]
    return found


async def _namespaced(get: Get) -> AsyncIterator[tuple[str, str, Obj]]:
    """Each namespaced kind that can be listed, in its group's preferred version."""
    groups = (await get("/apis")).get("groups") or ()
    versions = ["v1", *(group["preferredVersion"]["groupVersion"] for group in groups)]
    for api_version in versions:
        path = f"/apis/{api_version}" if "/" in api_version else "/api/v1"
        for resource in (await get(path)).get("resources") or ():
            is_object = "/" not in resource["name"] and "list" in resource["verbs"] and resource["namespaced"]
            if is_object and resource["kind"] not in _DERIVED:
                yield api_version, path, resource
