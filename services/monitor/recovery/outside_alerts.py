"""Alerts of other systems in the form of our own.

An alert has no id of its own: its labels and the time since when it fires identify it, as its sender sees it. Both
are in our id, so an alert that is sent again, by a second Alertmanager for example, is the same one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from services.monitor.alerts.transition import Transition, alert_id_of, fingerprint_of
from shared.alerts.rule import Severity
from shared.messages import Sentence, sentence
from shared.rpc import OutsideAlert

TENANT_DOWN = "ECPTenantDown"
"""The alert that begins a recovery."""
OURS = "ecp_alert_id"
"""The label of our own alerts that we send to Alertmanager, which may send them back."""
AHEAD = timedelta(minutes=10)
"""The sender's clock may be ahead by this much."""
_NAME, _TENANT, _SEVERITY = "alertname", "tenant_id", "severity"
_SEVERITIES: Mapping[str, Severity] = {
    "critical": "critical",
    "page": "critical",
    "warning": "warning",
    "ticket": "warning",
    "info": "info",
    "none": "info",
}
_LONGEST_NAME = 100
_LONGEST_SUMMARY = 1000
_DOWN = "service_down"
_OTHER = "custom"


@dataclass(slots=True)
class SortedAlerts:
    """The alerts of a request. `transitions` are those that are news."""

    transitions: list[Transition] = field(default_factory=list)
    repeated: int = 0
    ignored: list[tuple[int, Sentence]] = field(default_factory=list)


def sort_alerts(
    alerts: Sequence[OutsideAlert],
    source: str,
    *,
    tenants: Collection[str],
    known: Mapping[str, str],
    now: datetime,
) -> SortedAlerts:
    """The news among `alerts`.

    Args:
        alerts: in the order in which they were sent.
        source: the system that sent them.
        tenants: the tenants that exist for the sender.
        known: the state of each alert that is stored, by our id.
        now: the time of arrival, in UTC.
    """
    found, states = SortedAlerts(), dict(known)
    for index, alert in enumerate(alerts):
        why = _unusable(alert, tenants, now)
        if why is not None:
            found.ignored.append((index, why))
            continue
        transition = transition_of(alert, source, now)
        # A resolved alert never fires again: its next firing has another time, and so another id.
        if states.get(transition.alert_id) in (transition.state, "resolved"):
            found.repeated += 1
            continue
        states[transition.alert_id] = transition.state
        found.transitions.append(transition)
    return found


def tenant_of(alert: OutsideAlert) -> str:
    """The tenant that it names; empty without one."""
    return alert.labels.get(_TENANT, "")


def id_of(alert: OutsideAlert) -> str | None:
    """Its id as ours; None for one that lacks what an id needs."""
    if not alert.labels.get(_NAME) or not alert.labels.get(_TENANT):
        return None
    return alert_id_of(_fingerprint(alert), alert.starts_at.astimezone(UTC))


def transition_of(alert: OutsideAlert, source: str, now: datetime) -> Transition:
    """The alert as one of ours. Its sender's times are used as far as they have passed."""
    name, began = alert.labels[_NAME], alert.starts_at.astimezone(UTC)
    ended = (alert.ends_at or now).astimezone(UTC)
    is_down = name == TENANT_DOWN
    return Transition(
        alert_id=alert_id_of(_fingerprint(alert), began),
        fingerprint=_fingerprint(alert),
        tenant_id=tenant_of(alert),
        name=name,
        severity=severity_of(alert.labels),
        state=alert.status,
        at=min(began, now) if alert.status == "firing" else min(max(ended, began), now),
        value=None,
        condition="",
        summary=_summary(alert),
        labels=_own_labels(alert),
        runbook=alert.runbook,
        type=_DOWN if is_down else _OTHER,
        source=source,
    )


def severity_of(labels: Mapping[str, str]) -> Severity:
    """Ours for the sender's; without one that is known, a tenant that is down is critical and all else a warning."""
    default: Severity = "critical" if labels.get(_NAME) == TENANT_DOWN else "warning"
    return _SEVERITIES.get(labels.get(_SEVERITY, "").lower(), default)


def _fingerprint(alert: OutsideAlert) -> str:
    return fingerprint_of(alert.labels[_TENANT], alert.labels[_NAME], _own_labels(alert))


def _own_labels(alert: OutsideAlert) -> dict[str, str]:
    return {name: value for name, value in alert.labels.items() if name not in (_NAME, _TENANT)}


def _summary(alert: OutsideAlert) -> Sentence:
    text = " ".join(alert.summary.split())[:_LONGEST_SUMMARY]
    name = alert.labels[_NAME]
    if not text:
        return sentence("outside-alert", "{name} is firing", name=name)
    return sentence("outside-alert-text", "{name}: {text}", name=name, text=text)


def _unusable(alert: OutsideAlert, tenants: Collection[str], now: datetime) -> Sentence | None:
    """Why the alert isn't recorded; None if it is."""
    tenant_id, name = alert.labels.get(_TENANT), alert.labels.get(_NAME)
    if OURS in alert.labels:
        return sentence("alert-is-ours", "this system sent it to Alertmanager itself, and has it")
    if not tenant_id:
        return sentence("alert-without-tenant", "it has no label tenant_id; add one to the rule that it is from")
    if tenant_id not in tenants:
        return sentence("alert-of-no-tenant", "there is no tenant {tenant}", tenant=repr(tenant_id[:50]))
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        english = "its label alertname must have 1 to {most} visible characters"
        return sentence("alert-without-name", english, most=_LONGEST_NAME)
    if alert.starts_at > now + AHEAD:
        return sentence("alert-of-the-future", "startsAt is in the future; check the clock of its sender")
    return None
