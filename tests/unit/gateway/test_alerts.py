"""Active alerts follow from what is known of a tenant, and from nothing else."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from services.gateway.dashboards.alerts import BURN_RATE_RULES, ObservedTenant, active_alerts
from services.gateway.http.language import Translator
from services.gateway.http.request_context import Language
from shared.bus import derived_id
from shared.subjects import Mode

IN_DEMO = partial(derived_id, Mode.DEMO)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL_QUIET = dict.fromkeys(("5m", "30m", "1h", "2h", "6h", "1d", "3d"), 0.0)


def watched(
    *, left: float = 90.0, rates: dict[str, float | None] | None = None, ago: float = 10, **changes: Any
) -> ObservedTenant:
    """A tenant whose last report came `ago` seconds before."""
    time = NOW - timedelta(seconds=ago)
    budget = {"left_percent": left, "exhausts_at": "2026-03-01T11:00:00Z" if left < 0 else None}
    sla = {"time": time.isoformat(), "error_budget": budget, "burn_rates": ALL_QUIET | (rates or {})}
    fields: dict[str, Any] = {"tenant_id": "acme", "status": "running", "sla": sla, "sla_time": time, "updated_at": NOW}
    return ObservedTenant(**(fields | changes))


def types(*tenants: ObservedTenant, language: Language = "en") -> list[tuple[str, str]]:
    found = active_alerts(tenants, identify=IN_DEMO, now=NOW, texts=Translator(language))
    return [(each.type, each.severity) for each in found]


def test_all_quiet_is_no_alert() -> None:
    assert types(watched()) == []


def test_a_budget_that_is_used_up_is_an_alert_since_then() -> None:
    [alert] = active_alerts([watched(left=-12.5)], identify=IN_DEMO, now=NOW, texts=Translator("en"))
    assert (alert.type, alert.severity, alert.tenant_id) == ("sla_violated", "critical", "acme")
    assert (alert.metric, alert.current_value, alert.threshold) == ("error_budget_left", -12.5, 0.0)
    assert alert.timestamp == datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert "12.5 %" in alert.message


@pytest.mark.parametrize("burn", BURN_RATE_RULES)
def test_a_burn_rate_is_an_alert_when_both_windows_exceed_it(burn: Any) -> None:
    above, below = burn.rate + 0.1, burn.rate - 0.1
    assert types(watched(rates={burn.long: above, burn.short: above})) == [("error_budget_burn", burn.severity)]
    assert types(watched(rates={burn.long: above, burn.short: below})) == []
    assert types(watched(rates={burn.long: above, burn.short: None})) == []


def test_of_several_burn_rates_the_worst_is_shown() -> None:
    assert types(watched(rates=dict.fromkeys(ALL_QUIET, 20.0))) == [("error_budget_burn", "critical")]


def test_a_running_tenant_without_reports_is_an_alert_and_its_old_burn_rates_are_not() -> None:
    old = watched(ago=1800, rates=dict.fromkeys(ALL_QUIET, 20.0))
    [alert] = active_alerts([old], identify=IN_DEMO, now=NOW, texts=Translator("en"))
    assert (alert.type, alert.current_value, alert.threshold) == ("monitoring_missing", 30.0, 5.0)
    assert alert.timestamp == NOW - timedelta(minutes=25)
    never = watched(sla=None, sla_time=None, updated_at=NOW - timedelta(minutes=6))
    assert types(never) == [("monitoring_missing", "warning")]
    assert types(watched(sla=None, sla_time=None)) == []


def test_a_tenant_that_was_stopped_is_no_alert() -> None:
    assert types(watched(status="stopped", ago=1800, left=-1.0)) == []


def test_the_critical_come_first_and_an_alert_keeps_its_id() -> None:
    tenants = [watched(tenant_id="a", rates={"3d": 2.0, "6h": 2.0}), watched(tenant_id="b", left=-1.0)]
    first, second = active_alerts(tenants, identify=IN_DEMO, now=NOW, texts=Translator("en"))
    assert (first.tenant_id, second.tenant_id) == ("b", "a")
    again = active_alerts(tenants, identify=IN_DEMO, now=NOW + timedelta(seconds=30), texts=Translator("ko"))
    assert [each.alert_id for each in again] == [first.alert_id, second.alert_id]
    assert again[0].message.startswith("최근 30일의 오류 예산")
    elsewhere = partial(derived_id, Mode.PRODUCTION)
    in_production = active_alerts(tenants, identify=elsewhere, now=NOW, texts=Translator("en"))
    assert not {each.alert_id for each in in_production} & {first.alert_id, second.alert_id}


@pytest.mark.parametrize(
    ("up", "is_due", "found"), [(False, True, 1), (True, True, 0), (None, True, 0), (None, False, 0)]
)
def test_a_service_that_is_down_is_an_alert_that_names_it(up: bool | None, is_due: bool, found: int) -> None:
    service = {"up": up, "ready": 0, "needed": 1, "wanted": 2, "is_due": is_due, "is_missing": True}
    fine = {"up": True, "ready": 2, "needed": 1, "wanted": 2}
    tenant = watched()
    sla = {**(tenant.sla or {}), "services": {"chatbot": service, "callbot": fine}}
    alerts = active_alerts([watched(sla=sla)], identify=IN_DEMO, now=NOW, texts=Translator("en"))
    assert [(each.type, each.severity, each.current_value) for each in alerts] == [("service_down", "critical", 1.0)][
        :found
    ]
    assert all(each.message == "1 of 2 services are up; down: chatbot (missing)" for each in alerts)
