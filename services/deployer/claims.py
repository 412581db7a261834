"""Claims for volumes never shrink: an API server refuses it, for there is no telling which data would have to go.

So a tenant that has become smaller keeps the volumes that it has. What is wanted then is what is there already.
"""

from typing import Any

from services.deployer.cluster import Obj
from shared.kube.quantities import QuantityError, parse


def has_claims(obj: Obj) -> bool:
    """Whether an object is a claim, or makes some."""
    return obj["kind"] == "PersistentVolumeClaim" or bool((obj.get("spec") or {}).get("volumeClaimTemplates"))


def not_smaller(obj: Obj, live: Obj | None) -> Obj:
    """`obj` with the sizes of `live` where those are larger; the same object where none is."""
    if live is None or not has_claims(obj):
        return obj
    if obj["kind"] == "PersistentVolumeClaim":
        return _grown(obj, live)
    there = {_name(each): each for each in (live.get("spec") or {}).get("volumeClaimTemplates") or ()}
    templates = obj["spec"]["volumeClaimTemplates"]
    kept = [_grown(each, there[_name(each)]) if _name(each) in there else each for each in templates]
    return obj if kept == templates else {**obj, "spec": {**obj["spec"], "volumeClaimTemplates": kept}}


def _grown(claim: Obj, live: Obj) -> Obj:
    wanted, there = _requests(claim).get("storage"), _requests(live).get("storage")
    if not _is_less(wanted, there):
        return claim
    resources = {**claim["spec"]["resources"], "requests": {**_requests(claim), "storage": there}}
    return {**claim, "spec": {**claim["spec"], "resources": resources}}


def _is_less(wanted: Any, there: Any) -> bool:
    try:
        return parse(wanted) < parse(there)
    except QuantityError:
        return False


def _requests(claim: Obj) -> dict[str, Any]:
    return ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}


def _name(claim: Obj) -> Any:
    return (claim.get("metadata") or {}).get("name")
