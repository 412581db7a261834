"""Sizes of volumes: what a cluster doesn't let change stays as it is, and the rest of the object is applied.

A claim never shrinks, for there is no telling which data would have to go. It grows where its StorageClass can expand.
The templates of a StatefulSet never change once it is there. So a tenant keeps the volumes that it has, with a note.
"""

from typing import Any

from services.deployer.cluster.api import Obj
from shared.kube.quantities import QuantityError, parse


def has_claims(obj: Obj) -> bool:
    """Whether an object is a claim, or makes some."""
    return obj["kind"] == "PersistentVolumeClaim" or bool((obj.get("spec") or {}).get("volumeClaimTemplates"))


def not_smaller(obj: Obj, live: Obj | None) -> Obj:
    """`obj` with the sizes of `live` where those are larger or can't change; the same object where none is."""
    if live is None or not has_claims(obj):
        return obj
    if obj["kind"] == "PersistentVolumeClaim":
        return obj if _compare(_size(obj), _size(live)) >= 0 else _sized(obj, live)
    return _of_templates(obj, live)


def of_same_size(obj: Obj, live: Obj | None) -> Obj:
    """`obj` with the sizes of `live`; the same object where none differs."""
    if live is None or obj["kind"] != "PersistentVolumeClaim":
        return not_smaller(obj, live)
    return obj if _compare(_size(obj), _size(live)) == 0 else _sized(obj, live)


def describe_kept(wanted: Obj, kept: Obj) -> str:
    """`20Gi instead of 40Gi`, for each volume whose size isn't the wanted one."""
    pairs = zip(_claims(wanted), _claims(kept), strict=True)
    return ", ".join(f"{_size(after)} instead of {_size(before)}" for before, after in pairs if before != after)


def _of_templates(obj: Obj, live: Obj) -> Obj:
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
    """Below, at or above 0 as `size` is smaller, equal or larger; what is no quantity is left to the API server."""
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
