"""The operations dashboard's active alerts, from what is known of each tenant at the moment. Pure.

Nothing is kept: an alert is active as long as what it says is so. Which burn rates are worth an alarm, and in which two
windows each, is Google's SRE workbook, chapter 5 (both must be exceeded, so that it ends soon after its cause).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from services.gateway.deployments.observed import LATE, health_of, message_now, services_in
from services.gateway.http.language import translate
from services.gateway.http.request_context import Language
from shared.bus import derived_id
from shared.subjects import Mode


class Burn(NamedTuple):
    rate: float
    long: str
    short: str
    severity: str


BURNS = (
    Burn(14.4, "1h", "5m", "critical"),
    Burn(6.0, "6h", "30m", "critical"),
    Burn(3.0, "1d", "2h", "warning"),
    Burn(1.0, "3d", "6h", "warning"),
)


@dataclass(frozen=True, slots=True)
class Watched:
    """A tenant that is watched."""

    tenant_id: str
    status: str
    sla: Mapping[str, Any] | None
    """The fields of its last `sla.reported`."""
    sla_time: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Alarm:
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


def active_alarms(watched: Iterable[Watched], *, mode: Mode, now: datetime, language: Language) -> list[Alarm]:
    """The critical ones first, then the newest."""
    found = [
        _alarm(each, mode, language, fields)
        for each in watched
        for fields in (*_violated(each, now), *_others(each, now))
    ]
    return sorted(found, key=lambda alarm: (alarm.severity != "critical", -alarm.timestamp.timestamp()))


def _is_fresh(watched: Watched, now: datetime) -> bool:
    return watched.sla_time is not None and now - watched.sla_time <= LATE


def _violated(watched: Watched, now: datetime) -> Iterator[dict[str, Any]]:
    """The last 30 days' budget is used up. Of a tenant that was stopped long ago that isn't known any more."""
    if not (_is_fresh(watched, now) or watched.status == "running"):
        return
    sla = watched.sla or {}
    budget = sla.get("error_budget") or {}
    left = budget.get("left_percent")
    if left is not None and left < 0:
        yield {
            "severity": "critical",
            "type": "sla_violated",
            "message": f"the error budget of 30 days is used up: {-left:.1f} % more than that was down",
            "metric": "error_budget_left",
            "current_value": left,
            "threshold": 0.0,
            "timestamp": datetime.fromisoformat(budget.get("exhausts_at") or sla["time"]),
            "over": f"{-left:.1f}",
        }


def _others(watched: Watched, now: datetime) -> Iterator[dict[str, Any]]:
    """What is only known while reports come, or that none does."""
    if watched.sla is not None and watched.sla_time is not None and _is_fresh(watched, now):
        yield from _down(watched.sla, watched.sla_time)
        yield from _burning(watched.sla, watched.sla_time)
        return
    since = watched.sla_time or watched.updated_at
    if watched.status == "running" and now - since > LATE:
        minutes = int((now - since).total_seconds() // 60)
        yield {
            "severity": "warning",
            "type": "monitoring_missing",
            "message": f"nothing was observed for {minutes} minutes: whether it is up is unknown",
            "metric": "minutes_unobserved",
            "current_value": float(minutes),
            "threshold": LATE.total_seconds() / 60,
            "timestamp": since + LATE,
            "minutes": minutes,
        }


def _down(sla: Mapping[str, Any], time: datetime) -> Iterator[dict[str, Any]]:
    """Services that were down when they were seen last."""
    services = services_in(sla)
    if health_of(services) == "down":
        down = sorted(name for name, each in services.items() if each.up is False)
        yield {
            "severity": "critical",
            "type": "service_down",
            "message": message_now("", services),
            "metric": "services_down",
            "current_value": float(len(down)),
            "threshold": 0.0,
            "timestamp": time,
            "services": ", ".join(down),
        }


def _burning(sla: Mapping[str, Any], time: datetime) -> Iterator[dict[str, Any]]:
    """The worst one alone."""
    rates = sla.get("burn_rates") or {}
    for burn in BURNS:
        if min(rates.get(burn.long) or 0.0, rates.get(burn.short) or 0.0) > burn.rate:
            rate = rates[burn.long]
            yield {
                "severity": burn.severity,
                "type": "error_budget_burn",
                "message": f"the error budget burns {rate:.1f} times as fast as it may ({burn.long}, {burn.short})",
                "metric": f"burn_rate_{burn.long}",
                "current_value": rate,
                "threshold": burn.rate,
                "timestamp": time,
                "rate": f"{rate:.1f}",
                "windows": f"{burn.long}, {burn.short}",
            }
            return


def _alarm(watched: Watched, mode: Mode, language: Language, fields: Mapping[str, Any]) -> Alarm:
    kind = fields["type"]
    return Alarm(
        # The same as long as it lasts, and for every copy of the gateway.
        alert_id=f"alert-{derived_id(mode, watched.tenant_id, kind).replace('-', '')[:12]}",
        tenant_id=watched.tenant_id,
        severity=fields["severity"],
        type=kind,
        message=translate(kind, fields["message"], fields, language),
        metric=fields["metric"],
        current_value=fields["current_value"],
        threshold=fields["threshold"],
        timestamp=fields["timestamp"],
    )
