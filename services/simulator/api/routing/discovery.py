"""Discovery: the groups, versions and resources of the API, in the aggregated form (v2) and in the old one.

The client's Accept header selects the form. The Content-Type of the aggregated form must repeat its parameters, or
kubectl falls back to one request per group.
"""

from __future__ import annotations

from typing import Any, Final

from services.simulator.resources import RESOURCES, Resource, groups
from shared.kube.definitions import DEFAULT_VERSION
from shared.kube.objects import Obj

AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_SUBRESOURCE_KINDS: Final = {
    "scale": ("autoscaling", "v1", "Scale"),
    "token": ("authentication.k8s.io", "v1", "TokenRequest"),
}
_SUBRESOURCE_VERBS: Final = {"log": ["get"], "finalize": ["update"], "token": ["create"]}


def wants_aggregated(accept: str) -> bool:
    """Whether the client accepts the aggregated form."""
    return "as=APIGroupDiscoveryList" in accept and "v=v2;" in accept + ";"


def version() -> Obj:
    """`/version`."""
    major, minor, _ = DEFAULT_VERSION.split(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"v{DEFAULT_VERSION}",
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean",
        "buildDate": "2025-04-23T00:00:00Z",
        "goVersion": "go1.24.2",
        "compiler": "gc",
        "platform": "linux/amd64",
    }


def aggregated(*, core: bool) -> Obj:
    """`/api` (core) or `/apis` as an APIGroupDiscoveryList."""
    items = [_group(name, members) for name, members in groups().items() if (name == "") is core]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _group(name: str, members: tuple[Resource, ...]) -> Obj:
    entry = {"version": members[0].version, "resources": [_aggregated(r) for r in members], "freshness": "Current"}
    return {
        "metadata": {"name": name, "creationTimestamp": None} if name else {"creationTimestamp": None},
        "versions": [entry],
    }


def _aggregated(resource: Resource) -> Obj:
    entry: Obj = {
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": "" if resource.computed else resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [_aggregated_part(resource, name) for name in resource.subresources]
    return entry


def _aggregated_part(resource: Resource, name: str) -> Obj:
    group, version_name, kind = _SUBRESOURCE_KINDS.get(name, (resource.group, resource.version, resource.kind))
    return {
        "subresource": name,
        "responseKind": {"group": group, "version": version_name, "kind": kind},
        "verbs": _SUBRESOURCE_VERBS.get(name, ["get", "patch", "update"]),
    }


def core_versions(address: str) -> Obj:
    """`/api` in the old form."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def group_list() -> Obj:
    """`/apis` in the old form."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_old_group(name) for name in groups() if name]}


def group(name: str) -> Obj | None:
    """`/apis/<group>`; None for an unknown group."""
    return {"kind": "APIGroup", "apiVersion": "v1", **_old_group(name)} if name in groups() else None


def _old_group(name: str) -> dict[str, Any]:
    version_name = groups()[name][0].version
    entry = {"groupVersion": f"{name}/{version_name}", "version": version_name}
    return {"name": name, "versions": [entry], "preferredVersion": entry}


def resource_list(group_name: str, version_name: str) -> Obj | None:
    """`/api/v1` or `/apis/<group>/<version>`; None for an unknown one."""
    members = [r for r in RESOURCES if (r.group, r.version) == (group_name, version_name)]
    if not members:
        return None
    entries = [entry for resource in members for entry in _old_entries(resource)]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": members[0].api_version, "resources": entries}


def _old_entries(resource: Resource) -> list[Obj]:
    entry: Obj = {
        "name": resource.plural,
        "singularName": "" if resource.computed else resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    return [entry, *(_old_part(resource, name) for name in resource.subresources)]


def _old_part(resource: Resource, name: str) -> Obj:
    entry: Obj = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": _SUBRESOURCE_VERBS.get(name, ["get", "patch", "update"]),
    }
    if name in _SUBRESOURCE_KINDS:
        entry["group"], entry["version"], entry["kind"] = _SUBRESOURCE_KINDS[name]
    return entry
