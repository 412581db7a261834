"""Checks quotas and limit ranges, which the cluster would enforce pod by pod, long after the apply."""

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from services.manifest.validation.findings import FindingCollector
from services.manifest.validation.manifest import Container, Manifest, ManifestObject, Pods
from services.manifest.validation.workloads import least_replicas, most_replicas
from shared.kube.objects import Obj
from shared.kube.quantities import QuantityError, canonical, parse

Amounts = dict[str, Decimal]
_MOST_EACH = 10
"""Quotas and limit ranges checked in a namespace: each is compared with every pod, and more are unusual."""
_OF_PODS = {"requests.cpu", "requests.memory", "limits.cpu", "limits.memory", "cpu", "memory"}
_COUNTED = {
    "services": "Service",
    "configmaps": "ConfigMap",
    "secrets": "Secret",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "resourcequotas": "ResourceQuota",
}


def check_limits(manifest: Manifest, findings: FindingCollector) -> None:
    """Check every ResourceQuota and LimitRange against the objects in its namespace."""
    seen: Counter[tuple[str, str]] = Counter()
    needs: dict[str, tuple[Amounts, Amounts]] = {}
    for item in manifest.of_kind("ResourceQuota", "LimitRange"):
        seen[item.kind, item.namespace] += 1
        if seen[item.kind, item.namespace] > _MOST_EACH:
            continue
        if item.kind == "LimitRange":
            for limit in ((item.value.get("spec") or {}).get("limits") or ())[:_MOST_EACH]:
                if limit.get("type") == "Container":
                    _check_range(item, limit, manifest, findings)
            continue
        if item.namespace not in needs:
            least, most = (_needed(manifest, item.namespace, many) for many in (least_replicas, most_replicas))
            needs[item.namespace] = (least, most)
        _check_quota(item, needs[item.namespace], manifest, findings)


def amount(value: Any) -> Decimal:
    """A quantity; 0 for an invalid one, which has a finding of its own."""
    try:
        return parse(value)
    except QuantityError:
        return Decimal(0)


def demand(spec: Obj) -> Amounts:
    """The effective requests and limits of a pod: `requests.cpu`, `limits.memory`, `requests.nvidia.com/gpu`.

    Containers and sidecars add up. An init container runs before the containers, beside the sidecars already started,
    and counts if that sum is larger. (kubernetes.io/docs/concepts/workloads/pods/sidecar-containers)
    """
    starting: Amounts = {}
    running: Amounts = {}
    for container in spec.get("initContainers") or ():
        own = _of_container(container)
        # Resources that only the sidecars request are counted with the containers below.
        for name, value in own.items():
            starting[name] = max(starting.get(name, Decimal(0)), running.get(name, Decimal(0)) + value)
        if container.get("restartPolicy") == "Always":
            _add(running, own)
    for container in spec.get("containers") or ():
        _add(running, _of_container(container))
    return {**running, **{name: max(value, running.get(name, Decimal(0))) for name, value in starting.items()}}


def _add(total: Amounts, more: Amounts) -> None:
    for name, value in more.items():
        total[name] = total.get(name, Decimal(0)) + value


def _of_container(container: Obj) -> Amounts:
    resources = container.get("resources") or {}
    limits = resources.get("limits") or {}
    requests = {**limits, **(resources.get("requests") or {})}
    return {
        **{f"requests.{name}": amount(value) for name, value in requests.items()},
        **{f"limits.{name}": amount(value) for name, value in limits.items()},
    }


def _check_quota(
    quota: ManifestObject, needs: tuple[Amounts, Amounts], manifest: Manifest, findings: FindingCollector
) -> None:
    spec = quota.value.get("spec") or {}
    if spec.get("scopes") or spec.get("scopeSelector"):
        return
    for name, value in (spec.get("hard") or {}).items():
        resource = f"requests.{name}" if name in {"cpu", "memory"} else name
        hard, pointer = amount(value), ("spec", "hard", name)
        for code, need in zip(("QUOTA_EXCEEDED", "QUOTA_TIGHT"), needs, strict=True):
            if need.get(resource, Decimal(0)) > hard:
                shown = _shown(need[resource], value)
                findings.add(code, quota, pointer, quota=quota.name, resource=name, needed=shown, hard=str(value))
                break
        if name in _OF_PODS:
            _check_stated(quota, name, resource, manifest, findings)


def _needed(manifest: Manifest, namespace: str, replicas: Any) -> Amounts:
    total: Amounts = {"pods": Decimal(0)}
    for pods in manifest.pods_in(namespace):
        count = replicas(pods, manifest)
        total["pods"] += count
        for name, value in demand(pods.spec).items():
            total[name] = total.get(name, Decimal(0)) + value * count
    for name, kind in _COUNTED.items():
        total[name] = Decimal(sum(1 for item in manifest.of_kind(kind) if item.namespace == namespace))
    total["requests.storage"] = sum((size for size in _claimed(manifest, namespace)), Decimal(0))
    return total


def _claimed(manifest: Manifest, namespace: str) -> Iterator[Decimal]:
    for item in (each for each in manifest.items if each.typed and each.namespace == namespace):
        if item.kind == "PersistentVolumeClaim":
            yield _storage(item.value)
        elif item.kind == "StatefulSet":
            spec = item.value.get("spec") or {}
            for template in spec.get("volumeClaimTemplates") or ():
                yield _storage(template) * int(spec.get("replicas", 1))


def _storage(claim: Obj) -> Decimal:
    return amount((((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}).get("storage", "0"))


def _check_stated(
    quota: ManifestObject, name: str, resource: str, manifest: Manifest, findings: FindingCollector
) -> None:
    """Pods under a quota must set requests and limits, unless a LimitRange has defaults."""
    if any(item.namespace == quota.namespace for item in manifest.of_kind("LimitRange")):
        return
    for pods in manifest.pods_in(quota.namespace):
        for container in pods.containers:
            if resource not in _of_container(container.value):
                pointer = (*container.pointer, "resources")
                findings.add(
                    "QUOTA_WITHOUT_VALUE", pods.item, pointer, quota=quota.name, resource=name, container=container.name
                )


def _check_range(item: ManifestObject, limit: Obj, manifest: Manifest, findings: FindingCollector) -> None:
    for pods in manifest.pods_in(item.namespace):
        for container in pods.containers:
            resources = container.value.get("resources") or {}
            _check_bounds(pods, container, resources, limit, findings)


def _check_bounds(pods: Pods, container: Container, resources: Obj, limit: Obj, findings: FindingCollector) -> None:
    """Compare limits with the maximum and requests with the minimum, as the admission plugin does."""
    for field, bounds, side in (("limits", limit.get("max"), "above"), ("requests", limit.get("min"), "below")):
        stated: Mapping[str, Any] = resources.get(field) or {}
        for name, bound in (bounds or {}).items():
            value = stated.get(name)
            if value is None:
                continue
            wrong = amount(value) > amount(bound) if side == "above" else amount(value) < amount(bound)
            if wrong:
                findings.add(
                    "LIMIT_RANGE_VIOLATED", pods.item, (*container.pointer, "resources", field, name),
                    container=container.name, resource=name, value=str(value), bound=str(bound), side=side,
                )  # fmt: skip


def _shown(needed: Decimal, like: Any) -> str:
    """A quantity in the notation of `like`."""
    binary = str(like).endswith("i")
    return canonical(f"{-(-int(needed) // 2**20)}Mi") if binary else canonical(f"{needed:f}")
