"""What the monitor answers about alert rules: `rpc.alert_rules` and `rpc.alert_test`."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from shared.alerts.rule import AlertRule
from shared.tenants import Model

MOST_TESTED = 100
"""Rules in one test."""
LONGEST_TEST_HOURS = 400 * 24
MOST_PERIODS = 100
"""Firings that the answer of a test lists, of each rule."""


class AlertRuleRequest(Model):
    """`rpc.alert_rules`: add a rule, replace one, or remove one. Answered with `AlertRuleReply`."""

    tenant_id: str
    create: AlertRule | None = None
    replace: AlertRule | None = None
    remove: str | None = None
    """The name of a rule; a standard rule is switched off."""


class AlertRuleReply(Model):
    """The rule after the change; None if it was removed."""

    tenant_id: str
    rule: AlertRule | None
    is_standard: bool


class AlertTestRequest(Model):
    """`rpc.alert_test`: what would these rules have done? Answered with `AlertTestReply`."""

    tenant_id: str
    rules: Annotated[tuple[AlertRule, ...], Field(min_length=1, max_length=MOST_TESTED)]
    hours: Annotated[int, Field(ge=1, le=LONGEST_TEST_HOURS)] = 24


class TestedFiring(Model):
    """A time in which the alert would have fired. `until` is None if it would fire still."""

    since: AwareDatetime
    until: AwareDatetime | None
    value: float | None
    """Of the condition's first comparison that held, at the beginning."""


class TestedRule(Model):
    """What one rule would have done."""

    alert_name: str
    condition: str
    firings: int
    firing_seconds: float
    longest_seconds: float
    periods: tuple[TestedFiring, ...]
    """The latest ones, at most 100, in the order of time."""
    steps: int
    """Points of time at which the condition was evaluated: 0 means that there are no data."""


class AlertTestReply(Model):
    """What rules would have done between two moments, by the stored data."""

    tenant_id: str
    since: AwareDatetime
    until: AwareDatetime
    rules: tuple[TestedRule, ...]
    notes: tuple[str, ...] = ()
    """What limits the answer: a metric without data, a resolution of minutes."""
