"""Claims for volumes, which grow and never shrink."""

from decimal import Decimal
from typing import Any

from shared.kube.quantities import QuantityError, parse
from shared.kube.semantics.causes import CauseCollector, Map
from shared.kube.semantics.containers import check_quantity

_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_REQUEST = "spec.resources.requests.storage"


def check_volume_claim(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """v1 PersistentVolumeClaim; of one that exists only the size may change, and only upwards."""
    spec = obj.get("spec") or {}
    if not spec.get("accessModes"):
        found.required("spec.accessModes", "at least 1 access mode is required")
    for index, mode in enumerate(spec.get("accessModes") or ()):
        found.one_of(f"spec.accessModes[{index}]", mode, _ACCESS_MODES)
    if _requested(spec) is None:
        found.required("spec.resources[storage]")
    else:
        check_quantity(found, "spec.resources[storage]", _requested(spec))
    if old is not None:
        _check_update(found, obj, old)


def _check_update(found: CauseCollector, obj: Map, old: Map) -> None:
    """After apimachinery's ValidatePersistentVolumeClaimUpdate."""
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    bound = (old.get("status") or {}).get("phase") == "Bound"
    if _fixed(spec, before, bound) != _fixed(before, before, bound):
        detail = "is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
        found.forbidden("spec", f"spec {detail}")
    size, size_before = _amount(_requested(spec)), _amount(_requested(before))
    if size < size_before and size <= _amount(((old.get("status") or {}).get("capacity") or {}).get("storage")):
        found.forbidden(_REQUEST, "field can not be less than status.capacity")


def _fixed(spec: Map, before: Map, bound: bool) -> dict[str, Any]:
    """What may not change: all but the size of a bound claim, and the volume of one that has none yet."""
    may_change = {"volumeAttributesClassName"} | ({"volumeName"} if not before.get("volumeName") else set())
    fixed = {name: value for name, value in spec.items() if name not in may_change}
    if bound:
        resources = spec.get("resources") or {}
        requests = {name: value for name, value in (resources.get("requests") or {}).items() if name != "storage"}
        fixed["resources"] = {**resources, "requests": requests}
    return fixed


def _requested(spec: Map) -> Any:
    return ((spec.get("resources") or {}).get("requests") or {}).get("storage")


def _amount(value: Any) -> Decimal:
    """What is no quantity counts as nothing: it has a finding of its own."""
    try:
        return parse(value)
    except QuantityError:
        return Decimal(0)
