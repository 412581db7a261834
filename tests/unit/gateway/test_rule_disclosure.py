"""Where a rule's actions send isn't told to those who can't change it, nor to the audit trail."""

import pytest

from services.gateway.alerts.disclosure import without_destinations
from shared.alerts.rule import AlertRule


def rule(*actions: object) -> AlertRule:
    return AlertRule.model_validate({"alert_name": "cpu", "condition": "cpu_usage > 80", "actions": actions})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example.com/services/T0/B0/token?key=secret#x", "https://hooks.example.com/***"),
        ("https://user:password@hooks.example.com:8443/x", "https://hooks.example.com/***"),
        ("https://[", "***"),
        ("https:///token", "***"),
    ],
)
def test_of_a_webhook_only_the_host_is_shown(url: str, shown: str) -> None:
    [action] = without_destinations(rule({"type": "webhook", "url": url})).model_dump()["actions"]
    assert action == {"type": "webhook", "url": shown, "method": "POST"}


def test_of_recipients_only_the_domains_are_shown_and_of_the_rest_everything() -> None:
    given = rule({"type": "email", "recipients": ["kim@example.com"]}, {"type": "receiver", "name": "oncall"})
    shown = without_destinations(given).model_dump(mode="json")
    assert shown["actions"] == [
        {"type": "email", "recipients": ["***@example.com"]},
        {"type": "receiver", "name": "oncall"},
    ]
    assert shown == given.model_dump(mode="json") | {"actions": shown["actions"]}
