"""The alerts of one tenant: what follows when its rules or its terms change."""

from dataclasses import replace
from datetime import UTC, datetime

from services.monitor.alerts.alert_changes import transition_of
from services.monitor.alerts.evaluation import RuleTrack
from services.monitor.alerts.tenant_alerts import TenantAlerts, Terms
from shared.alerts.rule import AlertRule
from shared.alerts.standard_rules import STANDARD_RULES

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
TERMS = Terms(is_running=True, since=NOON, target=0.995)


def tenant(*rules: AlertRule, terms: Terms = TERMS) -> TenantAlerts:
    return TenantAlerts("acme", terms, (), [RuleTrack(each) for each in rules])


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(NOON + seconds, UTC)


def test_an_alert_after_a_change_of_its_rule_is_another_one_than_before() -> None:
    found = tenant(AlertRule(alert_name="high", condition="cpu > 10"))
    changes = found.observe(at(0), "rest", {"cpu": 90})
    for seconds, condition in ((1, "cpu > 20"), (2, "cpu > 30")):
        for each in found.set_rules([AlertRule(alert_name="high", condition=condition)], NOON + seconds):
            changes += each
        changes += found.observe(at(seconds + 0.5), "rest", {"cpu": 90})

    states = [each.change.after.value for each in changes]
    assert states == ["firing", "inactive", "firing", "inactive", "firing"]
    fired = [each for each in changes if each.change.after.value == "firing"]
    assert len({transition_of("acme", each, "firing").alert_id for each in fired}) == 3


def test_a_rule_that_is_switched_off_and_on_has_another_alert() -> None:
    high = AlertRule(alert_name="high", condition="cpu > 10")
    found = tenant(high)
    changes = found.observe(at(0), "rest", {"cpu": 90})
    for rules in ([], [high]):
        for each in found.set_rules(rules, NOON + 1):
            changes += each
    changes += found.observe(at(5), "rest", {"cpu": 90})
    assert [(each.change.after.value, each.change.began - NOON) for each in changes] == [
        ("firing", 0.0),
        ("inactive", 0.0),
        ("firing", 5.0),
    ]


def test_a_new_rule_counts_for_the_sample_that_came_before_it() -> None:
    found = tenant()
    found.observe(at(0), "rest", {"cpu": 90})
    ended, begun = found.set_rules([AlertRule(alert_name="high", condition="cpu > 10")], NOON + 1)
    assert (ended, [each.change.after.value for each in begun]) == ([], ["firing"])


def test_a_change_that_concerns_no_evaluation_keeps_the_alert() -> None:
    found = tenant(AlertRule(alert_name="high", condition="cpu > 10"))
    assert len(found.observe(at(0), "rest", {"cpu": 90})) == 1
    same = AlertRule(alert_name="high", condition="cpu > 10", severity="critical")
    assert found.set_rules([same], NOON + 1) == ([], [])
    assert found.observe(at(5), "rest", {"cpu": 90}) == []


def test_what_is_missing_of_a_tenant_is_over_when_it_is_stopped() -> None:
    found = tenant(STANDARD_RULES["monitoring-missing"])
    (fired,) = found.tick(NOON + 300)
    found.set_terms(replace(TERMS, is_running=False))
    (resolved,) = found.tick(NOON + 360)
    assert [each.change.after.value for each in (fired, resolved)] == ["firing", "inactive"]


def test_a_metric_that_is_posted_with_the_name_of_a_figure_is_not_the_figure() -> None:
    found = tenant(STANDARD_RULES["service-down"], STANDARD_RULES["budget-exhausted"])
    changes = []
    for seconds in (0, 60, 120):
        changes += found.observe(at(seconds), "rest", {"services_down": 3.0, "error_budget_left": -1.0})
    assert changes == []
