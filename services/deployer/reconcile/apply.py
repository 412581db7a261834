"""Applies an object, and keeps volumes at a size that the cluster can have.

A claim never shrinks, because it is unknown which data could go, and it grows only where its StorageClass can
expand. The claim templates of an existing StatefulSet can't change at all. In these cases the tenant keeps its volumes,
and the deployment's report has a note.
"""

from typing import Any

import structlog

from services.deployer.cluster.api import ClusterApi, ClusterRefused, ref_of
from services.deployer.cluster.managed_fields import digest
from services.deployer.state.records import ObjectRef
from shared.kube.objects import Obj
from shared.kube.quantities import QuantityError, parse

_log = structlog.get_logger(__name__)


def recorded(applied: Obj) -> ObjectRef:
    """The inventory's entry for an object that we just applied."""
    return ref_of(applied).model_copy(update={"fields": digest(applied)})


async def apply_possible(cluster: ClusterApi, obj: Obj, notes: list[str], *, force: bool) -> Obj:
    """Apply `obj`, with the existing sizes of volumes that the cluster can't change; adds a note in that case."""
    live = await cluster.read(ref_of(obj)) if has_volumes(obj) else None
    possible = not_smaller(obj, live)
    reason = "a volume can't be made smaller, nor a StatefulSet's be changed"
    try:
        applied = await cluster.apply(possible, force=force)
    except ClusterRefused as refusal:
        kept = of_same_size(possible, live)
        if kept is possible:
            raise
        applied = await cluster.apply(kept, force=force)
        possible, reason = kept, refusal.message
    if possible is not obj:
        note = f"{ref_of(obj)} stays at {describe_kept(obj, possible)} ({reason})"
        _log.warning(note, action="keep-size")
        notes.append(note)
    return applied


def has_volumes(obj: Obj) -> bool:
    """Whether an object is a volume claim, or has claim templates."""
    return obj["kind"] == "PersistentVolumeClaim" or bool((obj.get("spec") or {}).get("volumeClaimTemplates"))


def not_smaller(obj: Obj, live: Obj | None) -> Obj:
    """`obj` with the sizes of `live` where those are larger or can't change; the same object if there are none."""
    if live is None or not has_volumes(obj):
        return obj
    if obj["kind"] == "PersistentVolumeClaim":
        return obj if _compare(_size(obj), _size(live)) >= 0 else _sized(obj, live)
    return _with_live_templates(obj, live)


def of_same_size(obj: Obj, live: Obj | None) -> Obj:
    """`obj` with the sizes of `live`; the same object if none differs."""
    if live is None or obj["kind"] != "PersistentVolumeClaim":
        return not_smaller(obj, live)
    return obj if _compare(_size(obj), _size(live)) == 0 else _sized(obj, live)


def describe_kept(wanted: Obj, kept: Obj) -> str:
    """`20Gi instead of 40Gi`, for each volume that doesn't get the wanted size."""
    pairs = zip(_claims(wanted), _claims(kept), strict=True)
    return ", ".join(f"{_size(after)} instead of {_size(before)}" for before, after in pairs if before != after)


def _with_live_templates(obj: Obj, live: Obj) -> Obj:
    there = {_name(each): each for each in _claims(live)}
    templates = _claims(obj)
    kept = [_sized(each, there[_name(each)]) if _differs(each, there.get(_name(each))) else each for each in templates]
    return obj if kept == templates else {**obj, "spec": {**obj["spec"], "volumeClaimTemplates": kept}}


def _differs(claim: Obj, live: Obj | None) -> bool:
    return live is not None and _compare(_size(claim), _size(live)) != 0


def _sized(claim: Obj, live: Obj) -> Obj:
    resources = {**claim["spec"]["resources"], "requests": {**_requests(claim), "storage": _size(live)}}
    return {**claim, "spec": {**claim["spec"], "resources": resources}}


def _compare(size: Any, other: Any) -> int:
    """Negative, 0 or positive as `size` is smaller, equal or larger; 0 for what only the API server can judge."""
    try:
        difference = parse(size) - parse(other)
    except QuantityError:
        return 0
    return (difference > 0) - (difference < 0)


def _claims(obj: Obj) -> list[Obj]:
    if obj["kind"] == "PersistentVolumeClaim":
        return [obj]
    return list((obj.get("spec") or {}).get("volumeClaimTemplates") or ())


def _size(claim: Obj) -> Any:
    return _requests(claim).get("storage")


def _requests(claim: Obj) -> dict[str, Any]:
    return ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}


def _name(claim: Obj) -> Any:
    return (claim.get("metadata") or {}).get("name")
