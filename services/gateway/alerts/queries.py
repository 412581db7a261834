"""A tenant's alert rules, from the monitor's table, and what rules would have done, from the monitor."""

from pydantic import ValidationError
from sqlalchemy import select

from services.gateway.alerts.disclosure import without_destinations
from services.gateway.alerts.rules import rule_not_found
from services.gateway.alerts.schemas import AlertRuleAnswer, AlertRules, AlertTest
from services.gateway.http import request_context
from services.gateway.http.errors import found_tenant
from services.gateway.mode_context import ModeContext
from services.gateway.tenants.repository import find_tenant
from shared.alerts.rule import AlertRule
from shared.alerts.standard_rules import STANDARD_RULES, rules_of
from shared.database.tables import alert_rules
from shared.identity.caller import Role
from shared.rpc import AlertTestReply, AlertTestRequest


class AlertRuleQueries:
    """Those of one mode. Each raises Refused, or DependencyUnavailable."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database
        self._workers = context.workers

    async def all(self, tenant_id: str) -> AlertRules:
        """The standard rules as the tenant has them, and its own; for a viewer without addresses that are secret."""
        async with self._database.begin() as connection:
            row = found_tenant(await find_tenant(connection, tenant_id), tenant_id)
            query = select(alert_rules.c.name, alert_rules.c.rule).where(alert_rules.c.tenant_id == row.id)
            stored = {each.name: each.rule for each in await connection.execute(query.order_by(alert_rules.c.name))}
        own = {name: rule for name, text in stored.items() if (rule := _readable(text)) is not None}
        rules = [
            AlertRuleAnswer(**dict(_shown(rule)), tenant_id=tenant_id, is_standard=name in STANDARD_RULES)
            for name, rule in rules_of(own).items()
        ]
        return AlertRules(tenant_id=tenant_id, rules=rules)

    async def one(self, tenant_id: str, name: str) -> AlertRuleAnswer:
        """One rule."""
        found = next((each for each in (await self.all(tenant_id)).rules if each.alert_name == name), None)
        if found is None:
            raise rule_not_found(name)
        return found

    async def test(self, tenant_id: str, test: AlertTest) -> AlertTestReply:
        """What the rules would have done."""
        return await self._workers.test_alert_rules(
            AlertTestRequest(tenant_id=tenant_id, rules=test.rules, hours=test.hours)
        )


def _shown(rule: AlertRule) -> AlertRule:
    may_change = request_context.current().caller.has(Role.OPERATOR)
    return rule if may_change else without_destinations(rule)


def _readable(stored: object) -> AlertRule | None:
    try:
        return AlertRule.model_validate(stored)
    except ValidationError:
        return None
