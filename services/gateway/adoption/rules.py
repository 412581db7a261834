"""What an existing call centre asks for, read from its workloads, and what its first deployment deletes. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from services.gateway.http.errors import invalid
from shared.catalog import Catalog
from shared.changes import Changes, ObjectChange
from shared.choices.services import OUR_VARIABLES, OptionsByService, ServiceOptions
from shared.errors import Refused
from shared.kube.manifest_text import parse_manifest
from shared.kube.placement import GPU
from shared.kube.quantities import parse
from shared.messages import sentence
from shared.rpc import FoundWorkload
from shared.sizing import ServiceSizing, Sizing
from shared.tenants import NAMESPACE_PREFIX, check_tenant_id

_URL = "_URL"
"""The end of the variables with addresses of services, which rendering sets."""
_OPTIONS: TypeAdapter[dict[str, ServiceOptions]] = TypeAdapter(OptionsByService)


def tenant_of(namespace: str) -> str:
    """The tenant's id. Raises Refused for a namespace that can't be a tenant's."""
    tenant_id = namespace.removeprefix(NAMESPACE_PREFIX)
    try:
        if namespace == tenant_id:
            raise ValueError
        return check_tenant_id(tenant_id)
    except ValueError:
        english = "only a namespace {prefix}<tenant id> can be adopted, since it is the tenant's from then on"
        raise invalid("namespace", sentence("namespace-not-adoptable", english, prefix=NAMESPACE_PREFIX)) from None


def services_in(workloads: Iterable[FoundWorkload], catalog: Catalog) -> dict[str, FoundWorkload]:
    """The workloads that are services of the catalogue, by their names."""
    return {each.name: each for each in workloads if each.name in catalog.services}


def estimated_sessions(found: Mapping[str, FoundWorkload], catalog: Catalog) -> dict[str, int]:
    """The most sessions that the replicas of the services can hold; of those that callers reach, if there are any."""
    running = {name: each.replicas for name, each in found.items() if each.replicas}
    entries = {name for name in running if catalog.services[name].entry_point}
    return {name: _sessions(name, running[name], catalog) for name in running if not entries or name in entries}


def scaled_down(requirements: Mapping[str, int], sizing: Sizing, found: Mapping[str, FoundWorkload]) -> dict[str, int]:
    """Fewer sessions, if the sizing needs more replicas than there are; else the same."""
    shares = [
        found[each.service].replicas / each.replicas
        for each in sizing.services
        if each.service in found and found[each.service].replicas
    ]
    share = min([1.0, *shares])
    return {name: max(1, int(sessions * share)) for name, sessions in requirements.items()}


def options_of(
    found: Mapping[str, FoundWorkload], sizing: Sizing, catalog: Catalog
) -> tuple[dict[str, ServiceOptions], list[str]]:
    """What differs from the sizing, by service, and the names of values that can't be chosen."""
    sized = {each.service: each for each in sizing.services}
    chosen: dict[str, ServiceOptions] = {}
    unexpressed = []
    for name in sorted(found.keys() & sized.keys()):
        for field, value in _differing(found[name], sized[name], catalog).items():
            before = chosen[name].model_dump(exclude_none=True) if name in chosen else {}
            try:
                chosen = _possible({**chosen, name: {**before, field: value}}, catalog)
            except (ValidationError, Refused):
                unexpressed.append(f"{name}.{field}")
    return chosen, sorted(unexpressed)


def _possible(options: Mapping[str, Any], catalog: Catalog) -> dict[str, ServiceOptions]:
    """The options of all services, if a tenant can have them. Raises ValidationError, and Refused by the catalogue."""
    found = _OPTIONS.validate_python(options)
    catalog.check_service_options(found)
    return found


def pruned(adopted: Iterable[str], manifest: str) -> list[str]:
    """Those of the `adopted` objects (`ConfigMap settings`) that the tenant's own manifest doesn't have.

    They are the tenant's after the adoption, so that the next deployment deletes them.
    """
    rendered = {f"{each['kind']} {each['metadata']['name']}" for each in parse_manifest(manifest, "")}
    return [each for each in adopted if each not in rendered and not each.startswith("Namespace ")]


def with_pruned(found: Changes, names: Sequence[str], namespace: str) -> Changes:
    """`found` with objects of the namespace that are deleted besides. The cluster's diff knows no adoption yet."""
    known = {f"{each.kind} {each.name}" for each in found.changes}
    pairs = [each.split(" ", 1) for each in names if each not in known]
    removed = [ObjectChange(kind=kind, namespace=namespace, name=name, change="removed") for kind, name in pairs]
    summary = found.summary.model_copy(update={"removed": found.summary.removed + len(removed)})
    return Changes(changes=(*found.changes, *removed), summary=summary)


def _sessions(name: str, replicas: int, catalog: Catalog) -> int:
    service = catalog.services[name]
    on_gpus = service.capacity.per_gpu or {}
    capacity = service.carries(None) or min((each.value for each in on_gpus.values()), default=1)
    return max(1, min(int(capacity * replicas), service.max_sessions.value))


def _differing(found: FoundWorkload, sized: ServiceSizing, catalog: Catalog) -> dict[str, Any]:
    """The values of a workload that differ from its sizing, in the order in which they depend on each other."""
    fields: dict[str, Any] = {}
    if (image := _tagged(found.image)) != sized.image:
        fields["image"] = image
    if found.port is not None and found.port != sized.port:
        fields["port"] = found.port
    if environment := _environment(found.environment, catalog):
        fields["environment"] = environment
    return fields | _scaling(found, sized) | _resources(found, sized)


def _tagged(image: str) -> str:
    """`image` with the tag that Kubernetes takes where it has none: a choice without one has the catalogue's."""
    is_tagged = "@" in image or ":" in image.rpartition("/")[2]
    return image if is_tagged else f"{image}:latest"


def _environment(found: Mapping[str, str], catalog: Catalog) -> dict[str, str]:
    """Without the variables that rendering sets."""
    urls = {f"{name.upper()}{_URL}" for name in catalog.services}
    return {name: value for name, value in found.items() if name not in OUR_VARIABLES | urls}


def _scaling(found: FoundWorkload, sized: ServiceSizing) -> dict[str, Any]:
    if found.max_replicas is not None:
        if (found.replicas, found.max_replicas) == (sized.replicas, sized.max_replicas):
            return {}
        bounds = {"min_replicas": found.replicas, "max_replicas": found.max_replicas}
        target = {} if found.target_cpu_percent is None else {"target_cpu_percent": found.target_cpu_percent}
        return {"autoscaling": bounds | target}
    is_scaled = sized.max_replicas > sized.replicas
    if not found.replicas or (found.replicas == sized.replicas and not is_scaled):
        return {}
    return {"replicas": found.replicas} | ({"autoscaling": {"enabled": False}} if is_scaled else {})


def _resources(found: FoundWorkload, sized: ServiceSizing) -> dict[str, Any]:
    chosen = {
        "requests": _amounts(found.requests),
        "limits": _amounts(found.limits),
        "gpu": int(found.requests.get(GPU, 0)) or None,
    }
    ours = {
        "requests": {"cpu": f"{sized.cpu_request_m}m", "memory": f"{sized.memory_request_mib}Mi"},
        "limits": {"cpu": f"{sized.cpu_limit_m}m", "memory": f"{sized.memory_limit_mib}Mi"},
        "gpu": sized.gpu or None,
    }
    given = {name: value for name, value in chosen.items() if value}
    return {"resources": given} if given and not _is_equal(chosen, ours) else {}


def _amounts(found: Mapping[str, str]) -> dict[str, str]:
    return {name: found[name] for name in ("cpu", "memory") if name in found}


def _is_equal(found: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    def amounts(side: Mapping[str, Any]) -> list[Any]:
        values = (parse(value) for part in ("requests", "limits") for _, value in sorted(side[part].items()))
        return [*values, side["gpu"]]

    return amounts(found) == amounts(ours)
