"""The rules that each tenant has without asking; each can be changed or switched off by its name. Pure.

The burn rates and their pairs of windows are those of Google's SRE workbook, chapter 5: both windows must exceed the
rate, so that an alert ends soon after its cause. A burn rate counts its whole window, also where a part of it wasn't
observed: neither a new tenant's first minutes nor a few samples can page, and a full outage at a target of 99.5 % pages
after 0.005 x 14.4 x 1 h = 4.32 min, and not before.
"""

from collections.abc import Mapping
from types import MappingProxyType

from shared.alerts.rule import AlertRule, Missing, Severity

BURN, VIOLATED, UNOBSERVED, DOWN = "error_budget_burn", "sla_violated", "monitoring_missing", "service_down"
"""The types of the standard alerts, as the sockets' clients know them."""


def _burning(name: str, rate: float, long: str, short: str, severity: Severity) -> AlertRule:
    condition = f"burn_rate_{long} > {rate:g} and burn_rate_{short} > {rate:g}"
    return AlertRule(alert_name=name, condition=condition, severity=severity, missing=Missing.IGNORE)


_RULES = (
    (BURN, _burning("burn-rate-1h", 14.4, "1h", "5m", "critical")),
    (BURN, _burning("burn-rate-6h", 6, "6h", "30m", "critical")),
    (BURN, _burning("burn-rate-1d", 3, "1d", "2h", "warning")),
    (BURN, _burning("burn-rate-3d", 1, "3d", "6h", "warning")),
    (VIOLATED, AlertRule(alert_name="budget-exhausted", condition="error_budget_left < 0", severity="critical")),
    # Unknown of a tenant that was stopped: the alert is over.
    (
        UNOBSERVED,
        AlertRule(alert_name="monitoring-missing", condition="minutes_unobserved >= 5", missing=Missing.IGNORE),
    ),
    (DOWN, AlertRule(alert_name="service-down", condition="services_down > 0", duration="1m", severity="warning")),
)
STANDARD_RULES = MappingProxyType({rule.alert_name: rule for _, rule in _RULES})
"""By name."""


def rules_of(own: Mapping[str, AlertRule]) -> dict[str, AlertRule]:
    """A tenant's rules by name: the standard ones, unless it has changed them, and its own."""
    return {**STANDARD_RULES, **own}


_TYPES = {rule.alert_name: kind for kind, rule in _RULES}
_RESOURCES = frozenset({"cpu", "memory", "gpu", "storage", "storage_used", "network_in", "network_out"})


def type_of(name: str, metric: str) -> str:
    """The type of an alert of the rule `name`, whose first comparison that holds is of `metric`."""
    return _TYPES.get(name) or ("resource_usage" if metric in _RESOURCES else "custom")
