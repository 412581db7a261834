"""The present state of a tenant's services, from the monitor's last report. Pure.

A deployment's stored resources are those of its end; later changes in the cluster are visible only in the reports.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import ValidationError

from shared.events import ResourceState, ServiceReadiness

LATE = timedelta(minutes=5)
"""Without a report for this long, the state is unknown; ten times the interval of reports."""
ObservedHealth = Literal["up", "down", "unknown"]
_WORKLOADS = frozenset({"Deployment", "StatefulSet"})


def services_in(sla: Any, *, since: datetime | None = None) -> dict[str, ServiceReadiness]:
    """The services of a stored `sla.reported`; empty if it is older than `since` or can't be read."""
    if not isinstance(sla, Mapping):
        return {}
    try:
        if since is not None and datetime.fromisoformat(sla["time"]) < since:
            return {}
        return {name: ServiceReadiness.model_validate(each) for name, each in sla.get("services", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError, ValidationError):
        return {}


def services_lately(sla: Any, now: datetime) -> dict[str, ServiceReadiness]:
    """`services_in`, or empty if the last report is late: a service may have gone down since."""
    return services_in(sla, since=now - LATE)


def health_of(services: Mapping[str, ServiceReadiness]) -> ObservedHealth:
    """The health of a whole tenant: down as soon as one service is down."""
    states = [each.up for each in services.values() if each.is_due]
    if False in states:
        return "down"
    return "up" if states and None not in states else "unknown"


def resources_now(resources: Sequence[ResourceState], services: Mapping[str, ServiceReadiness]) -> list[ResourceState]:
    """`resources` of an ended deployment, with the workloads' state updated from the last report."""
    return [
        _now(each, services[each.name]) if each.type in _WORKLOADS and each.name in services else each
        for each in resources
    ]


def message_now(message: str, services: Mapping[str, ServiceReadiness]) -> str:
    """`message` of an ended deployment, or which services are down now."""
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
    known = "Missing" if service.is_missing else "Unavailable" if service.up is False else resource.status
    status = "Unknown" if service.up is None else known
    return resource.model_copy(update={"status": status, "replicas": replicas_of(service)})


def _reason(service: ServiceReadiness) -> str:
    return "missing" if service.is_missing else f"{service.ready} ready, {service.needed} needed"
