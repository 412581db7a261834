"""What runs now, from the monitor's last report. Pure.

A deployment's own resources are as old as its end: whatever happens to the cluster afterwards shows here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import ValidationError

from shared.events import ResourceState, ServiceReadiness

LATE = timedelta(minutes=5)
"""Without a report: ten times the interval in which they come."""
Health = Literal["up", "down", "unknown"]
_WORKLOADS = frozenset({"Deployment", "StatefulSet"})


def services_in(sla: Any, *, since: datetime | None = None) -> dict[str, ServiceReadiness]:
    """The services of a stored `sla.reported`; none where it is older than `since`, or has none."""
    if not isinstance(sla, Mapping):
        return {}
    try:
        if since is not None and datetime.fromisoformat(sla["time"]) < since:
            return {}
        return {name: ServiceReadiness.model_validate(each) for name, each in sla.get("services", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError, ValidationError):
        return {}


def services_lately(sla: Any, now: datetime) -> dict[str, ServiceReadiness]:
    """`services_in`, or none where the last report is late: what was up then may be down since."""
    return services_in(sla, since=now - LATE)


def health_of(services: Mapping[str, ServiceReadiness]) -> Health:
    """Of a whole tenant: one that is down outweighs all others."""
    states = [each.up for each in services.values() if each.is_due]
    if False in states:
        return "down"
    return "up" if states and None not in states else "unknown"


def resources_now(resources: Sequence[ResourceState], services: Mapping[str, ServiceReadiness]) -> list[ResourceState]:
    """`resources` of a deployment that has ended, with the workloads as they were seen last."""
    return [
        _now(each, services[each.name]) if each.type in _WORKLOADS and each.name in services else each
        for each in resources
    ]


def message_now(message: str, services: Mapping[str, ServiceReadiness]) -> str:
    """`message` of a deployment that has ended, or what is down since then."""
    down = {name: each for name, each in services.items() if each.up is False}
    if not down:
        return message
    named = ", ".join(f"{name} ({_reason(each)})" for name, each in down.items())
    return f"{len(services) - len(down)} of {len(services)} services are up; down: {named}"


def replicas_of(service: ServiceReadiness) -> str:
    """`"1/3"`: ready of wanted."""
    return f"{service.ready}/{service.wanted}"


def _now(resource: ResourceState, service: ServiceReadiness) -> ResourceState:
    if not service.is_due:
        return resource
    word = "Missing" if service.is_missing else "Unavailable" if service.up is False else resource.status
    status = "Unknown" if service.up is None else word
    return resource.model_copy(update={"status": status, "replicas": replicas_of(service)})


def _reason(service: ServiceReadiness) -> str:
    return "missing" if service.is_missing else f"{service.ready} ready, {service.needed} needed"
