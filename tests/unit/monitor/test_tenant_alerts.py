"""The alerts of one tenant: what silence means, and which names samples have."""

from datetime import UTC, datetime, timedelta

from services.monitor.alerts.evaluation import RuleTrack
from services.monitor.alerts.state_machine import Status
from services.monitor.alerts.tenant_alerts import TenantAlerts, Terms
from shared.alerts.rule import AlertRule
from shared.alerts.standard_rules import STANDARD_RULES

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def tenant(*rules: AlertRule, is_running: bool = True) -> TenantAlerts:
    terms = Terms(is_running=is_running, since=NOON.timestamp(), target=0.995)
    return TenantAlerts("acme", terms, (), [RuleTrack(each) for each in rules])


def status(found: TenantAlerts, name: str) -> Status:
    return found.evaluation.tracks[name].machine.status


def test_a_running_tenant_that_is_not_observed_for_five_minutes_raises_an_alert_until_it_is() -> None:
    rule = STANDARD_RULES["monitoring-missing"]
    acme = tenant(rule)
    acme.observe(NOON, "kubernetes", {"available": 1.0}, {"callbot": True})
    for seconds in range(5, 305, 5):
        acme.tick((NOON + timedelta(seconds=seconds)).timestamp())
    assert status(acme, rule.alert_name) is Status.FIRING

    acme.observe(NOON + timedelta(seconds=310), "kubernetes", {"available": 1.0}, {"callbot": True})

    assert status(acme, rule.alert_name) is Status.INACTIVE


def test_a_tenant_that_is_stopped_is_missed_no_longer() -> None:
    rule = STANDARD_RULES["monitoring-missing"]
    acme = tenant(rule)
    for minutes in range(10):
        acme.tick((NOON + timedelta(minutes=minutes)).timestamp())
    assert status(acme, rule.alert_name) is Status.FIRING
    acme.set_terms(Terms(is_running=False, since=NOON.timestamp(), target=0.995))

    acme.tick((NOON + timedelta(minutes=20)).timestamp())

    assert status(acme, rule.alert_name) is Status.INACTIVE


def test_a_stopped_tenant_is_not_missed() -> None:
    acme = tenant(*STANDARD_RULES.values(), is_running=False)

    assert [acme.tick((NOON + timedelta(minutes=minutes)).timestamp()) for minutes in range(30)] == [[]] * 30


def test_samples_of_others_do_not_hide_that_the_monitor_is_silent() -> None:
    rule = STANDARD_RULES["monitoring-missing"]
    acme = tenant(rule)
    acme.observe(NOON, "kubernetes", {"available": 1.0})
    for seconds in range(30, 330, 30):
        acme.observe(NOON + timedelta(seconds=seconds), "rest", {"queue_length": 4.0})
    assert status(acme, rule.alert_name) is Status.FIRING


def test_a_service_that_is_down_for_a_minute_raises_an_alert() -> None:
    rule = STANDARD_RULES["service-down"]
    acme = tenant(rule)
    for seconds in range(0, 65, 5):
        acme.observe(NOON + timedelta(seconds=seconds), "kubernetes", {"available": 0.0}, {"a": False, "b": True})
    assert status(acme, rule.alert_name) is Status.FIRING


def test_a_posted_metric_has_its_stored_name() -> None:
    acme = tenant(AlertRule(alert_name="r", condition="disk_usage > 90"))

    acme.observe(NOON, "rest", {"Disk_usage": 95.0})

    assert status(acme, "r") is Status.FIRING


def test_a_rule_that_only_notifies_others_keeps_its_alert() -> None:
    rule = AlertRule(alert_name="r", condition="cpu > 90", duration="1m")
    acme = tenant(rule)

    kept = acme.track(rule.model_copy(update={"runbook": "https://wiki.example.com/cpu"}))

    assert kept is acme.evaluation.tracks["r"]
    assert acme.track(rule.model_copy(update={"condition": "cpu > 95"})) is None
