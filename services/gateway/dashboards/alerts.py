"""The active alerts of the operations dashboard, from the present state of each tenant. Pure.

Alerts aren't stored: an alert is active for as long as its condition holds. The burn rates and their pairs of windows
are those of Google's SRE workbook, chapter 5; both windows must exceed the rate, so that an alert ends soon after its
cause.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from services.gateway.deployments.observed import LATE, health_of, message_now, services_in
from services.gateway.http.language import Translator
from shared.messages import sentence

_VIOLATED = "the error budget of 30 days is exceeded by {over} %"
_MISSING = "no report for {minutes} minutes: its state is unknown"
_BURN = "the error budget is spent {rate} times as fast as allowed ({windows})"


class BurnRateRule(NamedTuple):
    """An alert if the burn rates of two windows exceed `rate`."""

    rate: float
    long: str
    short: str
    severity: str


BURN_RATE_RULES = (
    BurnRateRule(14.4, "1h", "5m", "critical"),
    BurnRateRule(6.0, "6h", "30m", "critical"),
    BurnRateRule(3.0, "1d", "2h", "warning"),
    BurnRateRule(1.0, "3d", "6h", "warning"),
)


@dataclass(frozen=True, slots=True)
class ObservedTenant:
    """A deployed tenant with its last report."""

    tenant_id: str
    status: str
    sla: Mapping[str, Any] | None
    """The fields of its last `sla.reported`."""
    sla_time: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TenantAlert:
    """An alert, in the documented fields."""

    alert_id: str
    tenant_id: str
    severity: str
    type: str
    message: str
    metric: str
    current_value: float
    threshold: float
    timestamp: datetime


Identify = Callable[[str, str], str]
"""Derives a UUID from a tenant id and the type of an alert: the same for as long as the alert is active."""


def active_alerts(
    tenants: Iterable[ObservedTenant], *, identify: Identify, now: datetime, texts: Translator
) -> list[TenantAlert]:
    """The critical alerts first, then the newest."""
    found = [
        _alert(each, identify, texts, fields)
        for each in tenants
        for fields in (*_violated(each, now), *_others(each, now))
    ]
    return sorted(found, key=lambda alert: (alert.severity != "critical", -alert.timestamp.timestamp()))


def _is_fresh(tenant: ObservedTenant, now: datetime) -> bool:
    return tenant.sla_time is not None and now - tenant.sla_time <= LATE


def _violated(tenant: ObservedTenant, now: datetime) -> Iterator[dict[str, Any]]:
    """The error budget of the last 30 days is used up. It isn't known of a tenant that was stopped long ago."""
    if not (_is_fresh(tenant, now) or tenant.status == "running"):
        return
    sla = tenant.sla or {}
    budget = sla.get("error_budget") or {}
    left = budget.get("left_percent")
    if left is not None and left < 0:
        yield {
            "severity": "critical",
            "type": "sla_violated",
            "message": sentence("sla_violated", _VIOLATED, over=f"{-left:.1f}"),
            "metric": "error_budget_left",
            "current_value": left,
            "threshold": 0.0,
            "timestamp": datetime.fromisoformat(budget.get("exhausts_at") or sla["time"]),
        }


def _others(tenant: ObservedTenant, now: datetime) -> Iterator[dict[str, Any]]:
    """Alerts that need a current report, or the alert that there is none."""
    if tenant.sla is not None and tenant.sla_time is not None and _is_fresh(tenant, now):
        yield from _down(tenant.sla, tenant.sla_time)
        yield from _burning(tenant.sla, tenant.sla_time)
        return
    since = tenant.sla_time or tenant.updated_at
    if tenant.status == "running" and now - since > LATE:
        minutes = int((now - since).total_seconds() // 60)
        yield {
            "severity": "warning",
            "type": "monitoring_missing",
            "message": sentence("monitoring_missing", _MISSING, minutes=minutes),
            "metric": "minutes_unobserved",
            "current_value": float(minutes),
            "threshold": LATE.total_seconds() / 60,
            "timestamp": since + LATE,
        }


def _down(sla: Mapping[str, Any], time: datetime) -> Iterator[dict[str, Any]]:
    """Services that were down in the last report."""
    services = services_in(sla)
    if health_of(services) == "down":
        down = sorted(name for name, each in services.items() if each.up is False)
        yield {
            "severity": "critical",
            "type": "service_down",
            "message": sentence("service_down", "{states}", states=message_now("", services), services=", ".join(down)),
            "metric": "services_down",
            "current_value": float(len(down)),
            "threshold": 0.0,
            "timestamp": time,
        }


def _burning(sla: Mapping[str, Any], time: datetime) -> Iterator[dict[str, Any]]:
    """The worst burn rate alone."""
    rates = sla.get("burn_rates") or {}
    for rule in BURN_RATE_RULES:
        if min(rates.get(rule.long) or 0.0, rates.get(rule.short) or 0.0) > rule.rate:
            rate, windows = rates[rule.long], f"{rule.long}, {rule.short}"
            yield {
                "severity": rule.severity,
                "type": "error_budget_burn",
                "message": sentence("error_budget_burn", _BURN, rate=f"{rate:.1f}", windows=windows),
                "metric": f"burn_rate_{rule.long}",
                "current_value": rate,
                "threshold": rule.rate,
                "timestamp": time,
            }
            return


def _alert(tenant: ObservedTenant, identify: Identify, texts: Translator, fields: Mapping[str, Any]) -> TenantAlert:
    kind = fields["type"]
    return TenantAlert(
        alert_id=f"alert-{identify(tenant.tenant_id, kind).replace('-', '')[:12]}",
        tenant_id=tenant.tenant_id,
        severity=fields["severity"],
        type=kind,
        message=texts.text(*fields["message"]),
        metric=fields["metric"],
        current_value=fields["current_value"],
        threshold=fields["threshold"],
        timestamp=fields["timestamp"],
    )
