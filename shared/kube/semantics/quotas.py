"""What a namespace, and a container in it, may have."""

from collections.abc import Sequence

from shared.kube.quantities import QuantityError, canonical, parse
from shared.kube.semantics.causes import CauseCollector, Map
from shared.kube.semantics.containers import check_quantity
from shared.kube.semantics.names import qualified_faults

_COUNTED = frozenset(
    ("configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers", "resourcequotas", "secrets", "services",
     "services.loadbalancers", "services.nodeports")
)  # fmt: skip
_MEASURED = frozenset(
    {"cpu", "memory", "ephemeral-storage", "requests.storage"}
    | {f"{kind}.{name}" for kind in ("requests", "limits") for name in ("cpu", "memory", "ephemeral-storage")}
)


_NOT_ABOVE = (
    ("min", "max", "min", "min value", "max value"),
    ("min", "defaultRequest", "defaultRequest", "min value", "default request value"),
    ("min", "default", "default", "min value", "default value"),
    ("defaultRequest", "max", "defaultRequest", "default request value", "max value"),
    ("defaultRequest", "default", "defaultRequest", "default request value", "default limit value"),
    ("default", "max", "default", "default value", "max value"),
)
"""Lower bound, upper bound, which of the two is to blame, and what the API server calls them."""


def check_resource_quota(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """v1 ResourceQuota."""
    for name, value in ((obj.get("spec") or {}).get("hard") or {}).items():
        here = f"spec.hard[{name}]"
        for fault in qualified_faults(name):
            found.invalid(here, name, fault)
        if "/" not in name and name not in _COUNTED | _MEASURED and not _of_huge_pages(name):
            found.invalid(here, name, "must be a standard resource type or fully qualified")
            found.invalid(here, name, "must be a standard resource for quota")
        if check_quantity(found, here, value) and _is_counted(name) and parse(value) % 1:
            found.invalid(here, canonical(value), "must be an integer")


def check_limit_range(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """v1 LimitRange."""
    for index, item in enumerate((obj.get("spec") or {}).get("limits") or ()):
        for kind in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"):
            for name, value in (item.get(kind) or {}).items():
                check_quantity(found, f"spec.limits[{index}].{kind}[{name}]", value)
        for lower, upper, blamed, *words in _NOT_ABOVE:
            path = f"spec.limits[{index}].{blamed}"
            _check_order(found, path, item.get(lower) or {}, item.get(upper) or {}, words)


def _check_order(found: CauseCollector, path: str, lower: Map, upper: Map, words: Sequence[str]) -> None:
    for name in sorted(lower.keys() & upper.keys()):
        try:
            ordered = parse(lower[name]) <= parse(upper[name])
        except QuantityError:
            continue
        if not ordered:
            low, high = canonical(lower[name]), canonical(upper[name])
            found.invalid(f"{path}[{name}]", low, f"{words[0]} {low} is greater than {words[1]} {high}")


def _is_counted(name: str) -> bool:
    return name in _COUNTED or (name.startswith(("count/", "requests.")) and "/" in name)


def _of_huge_pages(name: str) -> bool:
    return name.removeprefix("requests.").removeprefix("limits.").startswith("hugepages-")
