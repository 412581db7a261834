"""Which workloads replace their pods, by what changes of them. Pure."""

from collections.abc import Iterable

from shared.changes import ObjectChange

_TEMPLATE = ".spec.template."
"""The fields of a workload that make it replace its pods."""
_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


def restarted(changes: Iterable[ObjectChange]) -> list[str]:
    """The workloads whose pods a deployment would replace, such as `Deployment callbot`."""
    return [
        f"{each.kind} {each.name}"
        for each in changes
        if each.kind in _WORKLOADS and any(field.path.startswith(_TEMPLATE) for field in each.fields)
    ]
