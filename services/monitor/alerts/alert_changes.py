"""What a change of an alert is to others: its transition, with a sentence that explains it. Pure."""

from datetime import UTC, datetime
from typing import Literal

from services.monitor.alerts.evaluation import AlertChange
from services.monitor.alerts.transition import Transition, alert_id_of, fingerprint_of
from shared.alerts.conditions import Comparison, first_holding
from shared.alerts.figures import quantity
from shared.alerts.rule import AlertRule
from shared.alerts.standard_rules import type_of
from shared.messages import Sentence, sentence

_UNITS = {"percent": " %", "milliseconds": " ms", "seconds": " s", "minutes": " min", "number": ""}


def transition_of(tenant_id: str, change: AlertChange, state: Literal["firing", "resolved"]) -> Transition:
    """The transition that a change to `firing`, or from it, is."""
    rule = change.rule
    found = first_holding(change.condition, change.values)
    value = change.values.get(found.metric)
    began = moment(change.change.began)
    fingerprint = fingerprint_of(tenant_id, rule.alert_name, rule.labels)
    return Transition(
        alert_id=alert_id_of(fingerprint, began),
        fingerprint=fingerprint,
        tenant_id=tenant_id,
        name=rule.alert_name,
        severity=rule.severity,
        state=state,
        at=moment(change.change.at),
        value=value,
        condition=rule.condition,
        summary=_summary(rule, found, value, state),
        labels=rule.labels,
        runbook=rule.runbook,
        actions=rule.actions,
        type=type_of(rule.alert_name, found.metric),
        metric=found.metric,
        threshold=found.threshold,
        began=began,
    )


def moment(seconds: float) -> datetime:
    """Unix seconds as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def _summary(rule: AlertRule, found: Comparison, value: float | None, state: str) -> Sentence:
    name, metric, condition, duration = rule.alert_name, found.metric, rule.condition, rule.duration
    shown = "?" if value is None else f"{value:.6g}{_UNITS[quantity(metric).unit]}"
    if state == "resolved":
        english = "{name} is resolved: {metric} is {value}, and {condition} holds no longer"
        return sentence("alert-resolved", english, name=name, metric=metric, value=shown, condition=condition)
    if value is None:
        english = "{name}: no data of {metric} ({condition} for {duration})"
        return sentence("alert-without-data", english, name=name, metric=metric, condition=condition, duration=duration)
    english = "{name}: {metric} is {value} ({condition} for {duration})"
    return sentence(
        "alert-firing", english, name=name, metric=metric, value=shown, condition=condition, duration=duration
    )
