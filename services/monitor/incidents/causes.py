"""The cause of an alert, by its labels: alerts of a tenant with the same cause are one incident. Pure.

It is the first of these that an alert has:

    label `incident`     whatever the rule's author groups by
    availability         the tenant as a whole: it is down, its recovery failed, its error budget burns or is spent
    label `node`         of an alert about the node itself
    its workload         label `service`, `deployment` or `statefulset`, or by the name in the label `pod`
    label `namespace`, `node`
    its name             rules about nothing in particular are incidents of their own

`inhibition` connects more: what a node that is down explains is of the same incident, whatever its own cause.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from shared.alerts.rule import SEVERITIES, Severity

AVAILABILITY = "availability"
GROUP_LABEL = "incident"
SCOPE_LABEL = "scope"
_WORKLOADS = ("service", "deployment", "statefulset")
"""A tenant's services have the names of their workloads."""
_PLACES = ("namespace", "node")
_OF_POD = re.compile(r"(.+?)(-[a-z0-9]{6,10}-[a-z0-9]{5}|-\d+)")
"""A pod's name: its Deployment's with a hash and five letters, or its StatefulSet's with a number."""
_BURNS = frozenset({"error_budget_burn", "sla_violated"})
"""Types of alerts that follow from whatever is down."""
_SERVICES_DOWN = "service_down"
"""The type of the standard rule about all services of a tenant."""
_OF_TENANT = frozenset({"ECPRecoveryFailed"})
"""Names of alerts about the tenant as a whole that explain no others."""


class Extent(IntEnum):
    """How much is down where an alert fires. What is larger explains what is smaller."""

    PART = 0
    SERVICE = 1
    NAMESPACE = 2
    NODE = 3


_SCOPES = {"service": Extent.SERVICE, "namespace": Extent.NAMESPACE, "node": Extent.NODE}
"""Values of the label `scope`."""
_NAMES = {
    "service_down": Extent.SERVICE,
    "ECPServiceDown": Extent.SERVICE,
    "ServiceDown": Extent.SERVICE,
    "ECPTenantDown": Extent.NAMESPACE,
    "ECPNamespaceDown": Extent.NAMESPACE,
    "NamespaceDown": Extent.NAMESPACE,
    "ECPNodeDown": Extent.NODE,
    "NodeDown": Extent.NODE,
    "KubeNodeNotReady": Extent.NODE,
    "KubeNodeUnreachable": Extent.NODE,
}
"""Names and types of alerts that tell it without that label: ours, and those of kube-prometheus."""


@dataclass(frozen=True, slots=True)
class CausedAlert:
    """An alert as grouping sees it."""

    fingerprint: str
    name: str
    severity: Severity
    labels: Mapping[str, str] = field(default_factory=dict)
    type: str = "custom"

    @property
    def extent(self) -> Extent:
        """How much is down."""
        told = _SCOPES.get(self.labels.get(SCOPE_LABEL, ""))
        if told is not None:
            return told
        return _NAMES.get(self.name, _NAMES.get(self.type, Extent.PART))

    @property
    def is_source(self) -> bool:
        """Whether it may explain others."""
        return self.extent is not Extent.PART

    @property
    def is_burn(self) -> bool:
        """Whether it is about the error budget, which follows from whatever is down."""
        return self.type in _BURNS

    @property
    def is_of_tenant(self) -> bool:
        """Whether it is about the tenant as a whole, or about services that it doesn't name."""
        is_unnamed = self.type == _SERVICES_DOWN and not self.labels.get("service")
        return self.is_burn or is_unnamed or self.extent is Extent.NAMESPACE or self.name in _OF_TENANT

    @property
    def urgency(self) -> int:
        """Higher is more urgent."""
        return urgency(self.severity)


def urgency(severity: Severity) -> int:
    """A number that is higher for what is more urgent."""
    return len(SEVERITIES) - SEVERITIES.index(severity)


def cause_of(alert: CausedAlert) -> str:
    """The alert's cause, such as `workload=callbot`; at most 400 characters."""
    labels = alert.labels
    if labels.get(GROUP_LABEL):
        return f"{GROUP_LABEL}={labels[GROUP_LABEL]}"
    if alert.extent is Extent.NODE and labels.get("node"):
        return f"node={labels['node']}"
    if alert.is_of_tenant:
        return AVAILABILITY
    if workload := _workload(labels):
        return f"workload={workload}"
    place = next((label for label in _PLACES if labels.get(label)), None)
    return f"{place}={labels[place]}" if place else f"alert={alert.name}"


def _workload(labels: Mapping[str, str]) -> str | None:
    for label in _WORKLOADS:
        if labels.get(label):
            return labels[label]
    pod = labels.get("pod")
    found = _OF_POD.fullmatch(pod) if pod else None
    return found[1] if found else pod
