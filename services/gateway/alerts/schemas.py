"""Bodies and answers of alert rules."""

from typing import Annotated

from pydantic import ConfigDict, Field

from shared.alerts.rule import AlertName, AlertRule, RuleBody
from shared.rpc.alerts import LONGEST_TEST_HOURS, MOST_TESTED
from shared.tenants import Model


class AlertRuleChange(RuleBody):
    """A rule in full; its name is that of the path."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"condition": "cpu_usage > 90", "duration": "5m", "severity": "critical"}]}
    )

    alert_name: AlertName | None = None
    """May be left out; another name than the path's is refused."""


class AlertRuleAnswer(AlertRule):
    """A rule of a tenant."""

    tenant_id: str
    is_standard: bool
    """Whether each tenant has it without asking; it can be changed and switched off, not removed."""


class AlertRules(Model):
    """A tenant's rules, the standard ones first."""

    tenant_id: str
    rules: list[AlertRuleAnswer]


class AlertRuleRemoved(Model):
    """What became of a rule."""

    tenant_id: str
    alert_name: str
    is_standard: bool
    """A standard rule is switched off; PUT with `enabled` switches it on again."""


class AlertTest(Model):
    """Rules to try out on stored data; they are neither stored nor do they notify."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "rules": [{"alert_name": "high_cpu_usage", "condition": "cpu_usage > 80", "duration": "5m"}],
                    "hours": 24,
                }
            ]
        }
    )

    rules: Annotated[tuple[AlertRule, ...], Field(min_length=1, max_length=MOST_TESTED)]
    hours: Annotated[int, Field(ge=1, le=LONGEST_TEST_HOURS)] = 24
    """The last so many hours of stored data."""
