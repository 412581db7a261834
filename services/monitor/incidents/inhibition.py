"""Which firing alert explains another one of the same tenant. Pure.

    node down        explains what fires on the same node
    namespace down   explains what fires about its services and pods, and that the error budget burns
    service down     explains what fires about its pods, and that the error budget burns

What is explained belongs to the incident of what explains it, and is inhibited: it is shown and not notified of. A
source of lower severity explains without inhibiting, because a page must not vanish behind a ticket. That the budget is
spent is never inhibited: it has consequences of its own.
"""

from collections.abc import Iterable

from services.monitor.incidents.causes import CausedAlert, Extent

_INSIDE_NAMESPACE = ("service", "deployment", "statefulset", "pod", "container")
"""Labels of what fires about a part of a namespace."""
_SPENT = "sla_violated"


def explains(source: CausedAlert, target: CausedAlert) -> bool:
    """Whether `target` fires because of what `source` is about."""
    if not source.is_source or source.extent <= target.extent:
        return False
    if source.extent is Extent.NODE:
        return _both_have_equal("node", source, target)
    if target.is_burn:
        return True
    if source.extent is Extent.NAMESPACE:
        return _is_inside(source, target)
    return _both_have_equal("service", source, target)


def inhibits(source: CausedAlert, target: CausedAlert) -> bool:
    """Whether `target` isn't notified of while `source` fires."""
    return explains(source, target) and source.urgency >= target.urgency and target.type != _SPENT


def inhibitor_of(target: CausedAlert, sources: Iterable[CausedAlert]) -> CausedAlert | None:
    """Which of the alerts that fire inhibits `target`: that of the largest scope, then the first by fingerprint."""
    found = [each for each in sources if inhibits(each, target)]
    return min(found, key=lambda each: (-each.extent, each.fingerprint), default=None)


def _is_inside(source: CausedAlert, target: CausedAlert) -> bool:
    """Whether the target is about a part of the source's namespace; one that names none is in the tenant's own."""
    name, other = source.labels.get("namespace"), target.labels.get("namespace")
    is_part = target.extent is Extent.SERVICE or any(target.labels.get(label) for label in _INSIDE_NAMESPACE)
    return is_part and (not name or not other or name == other)


def _both_have_equal(label: str, source: CausedAlert, target: CausedAlert) -> bool:
    return bool(source.labels.get(label)) and source.labels.get(label) == target.labels.get(label)
