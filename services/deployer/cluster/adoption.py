"""Which objects of a namespace become a tenant's, as a manifest that changes nothing but labels. Pure.

The manifest has the fields as they are, so that applying it makes us one of their owners: no pod restarts, and no field
is taken from another manager. What we don't manage is left alone, with the reason.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from services.deployer.cluster.extraction import extracted
from services.deployer.cluster.manifest_objects import AUTOSCALER
from services.deployer.cluster.ownership import is_users
from shared.kube.kinds import KINDS, Kind, kind_of
from shared.kube.labels import FIELD_MANAGER, MANAGED_BY, TENANT
from shared.kube.manifest_text import rank
from shared.kube.objects import Obj, is_terminating, labels_of
from shared.kube.rights import APPLIED, DEPLOYER

ADOPTED = frozenset(right.kind for rights in DEPLOYER.values() for right in rights if right.verbs == APPLIED) - {
    "PriorityClass"
}
"""The kinds that a deployment of ours can change, in a namespace."""
_METADATA_ONLY = frozenset({"Namespace", "Secret"})
"""Their values stay with their managers: they must not get into a manifest that is stored."""


class LeftAlone(NamedTuple):
    """An object that isn't adopted."""

    obj: Obj
    reason: str


class AdoptionPlan(NamedTuple):
    """What an adoption applies, in the order of apply."""

    objects: tuple[Obj, ...]
    left: tuple[LeftAlone, ...]
    conflicts: tuple[str, ...]
    """Labels of ours that have another value now, such as `Namespace x: ecp.ai/tenant is y`."""


def plan_adoption(
    namespace: Obj, contents: Iterable[Obj], tenant_id: str, denied: frozenset[Kind] = frozenset()
) -> AdoptionPlan:
    """The plan for a namespace with its contents, of all kinds. `denied` are kinds that we may not change."""
    found = [each for each in contents if is_users(each) and not is_terminating(each)]
    reasons = [(each, _reason(each, denied)) for each in found]
    taken = [each for each, reason in reasons if reason is None]
    scaled = _autoscaled(taken)
    objects = sorted((_adopted(each, tenant_id, scaled) for each in (namespace, *taken)), key=_place)
    return AdoptionPlan(
        objects=tuple(objects),
        left=tuple(LeftAlone(each, reason) for each, reason in reasons if reason is not None),
        conflicts=tuple(_conflicts((namespace, *taken), tenant_id)),
    )


def our_labels(tenant_id: str) -> dict[str, str]:
    """The labels that an adopted object gets."""
    return {TENANT: tenant_id, MANAGED_BY: FIELD_MANAGER}


def changes_more_than_labels(live: Obj, after: Obj) -> bool:
    """Whether `after` differs from `live` in anything but labels. Both are as the API server returns them."""
    return bool(_content(live) != _content(after))


def _content(obj: Obj) -> Any:
    annotations = obj["metadata"].get("annotations") or {}
    rest = {name: value for name, value in obj.items() if name not in ("metadata", "status")}
    return annotations, rest


def _reason(obj: Obj, denied: frozenset[Kind]) -> str | None:
    """Why an object is left alone; None if it is adopted."""
    kind = kind_of(obj)
    if obj["kind"] not in ADOPTED or KINDS[obj["kind"]].kind.group != kind.group:
        return "the orchestrator doesn't manage this kind"
    return "deploy/kubernetes/rbac.yaml doesn't grant its kind" if kind in denied else None


def _adopted(live: Obj, tenant_id: str, scaled: frozenset[tuple[str, str]]) -> Obj:
    obj = extracted(live)
    if obj["kind"] in _METADATA_ONLY:
        obj = {name: obj[name] for name in ("apiVersion", "kind", "metadata")}
    if (obj["kind"], obj["metadata"]["name"]) in scaled:  # the autoscaler changes them
        obj = {**obj, "spec": {name: value for name, value in obj["spec"].items() if name != "replicas"}}
    labels = {**(obj["metadata"].get("labels") or {}), **our_labels(tenant_id)}
    return {**obj, "metadata": {**obj["metadata"], "labels": labels}}


def _autoscaled(objects: Sequence[Obj]) -> frozenset[tuple[str, str]]:
    targets = (each["spec"]["scaleTargetRef"] for each in objects if each["kind"] == AUTOSCALER)
    return frozenset((each["kind"], each["name"]) for each in targets)


def _conflicts(objects: Iterable[Obj], tenant_id: str) -> Iterable[str]:
    for obj in objects:
        for name, value in our_labels(tenant_id).items():
            known = labels_of(obj).get(name)
            if known not in (None, value):
                yield f"{obj['kind']} {obj['metadata']['name']}: label {name} is {known}"


def _place(obj: Obj) -> int:
    return rank(obj["kind"])
