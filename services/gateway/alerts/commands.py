"""Changes of alert rules, which the monitor stores."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from services.gateway.alerts.disclosure import without_destinations
from services.gateway.alerts.rules import possible_name
from services.gateway.alerts.schemas import AlertRuleAnswer, AlertRuleChange, AlertRuleRemoved
from services.gateway.audit.worker_changes import changed_by_worker
from services.gateway.http.errors import found_tenant, invalid
from services.gateway.mode_context import ModeContext
from services.gateway.tenants.repository import find_tenant
from shared.alerts.rule import AlertRule
from shared.messages import sentence
from shared.rpc import AlertRuleReply, AlertRuleRequest


class AlertRuleCommands:
    """Those of one mode. Each raises Refused, or DependencyUnavailable while the monitor or PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database
        self._workers = context.workers

    async def create(self, tenant_id: str, rule: AlertRule) -> AlertRuleAnswer:
        """Add a rule."""
        request = AlertRuleRequest(tenant_id=tenant_id, create=rule)
        return _answer(await self._change("createAlertRule", request, rule.alert_name, _recorded(rule)))

    async def replace(self, tenant_id: str, name: str, change: AlertRuleChange) -> AlertRuleAnswer:
        """Replace a rule in full."""
        if change.alert_name not in (None, name):
            english = "must be the path's name, {name}, or left out; to rename a rule, remove it and add another one"
            raise invalid("alert_name", sentence("alert-rule-renamed", english, name=repr(name)))
        rule = AlertRule(**{**dict(change), "alert_name": possible_name(name)})
        request = AlertRuleRequest(tenant_id=tenant_id, replace=rule)
        return _answer(await self._change("replaceAlertRule", request, name, _recorded(rule)))

    async def remove(self, tenant_id: str, name: str) -> AlertRuleRemoved:
        """Remove a rule, or switch a standard one off."""
        request = AlertRuleRequest(tenant_id=tenant_id, remove=possible_name(name))
        reply = await self._change("deleteAlertRule", request, name, {"removed": True})
        return AlertRuleRemoved(tenant_id=tenant_id, alert_name=name, is_standard=reply.is_standard)

    async def _change(
        self, operation: str, request: AlertRuleRequest, name: str, after: Mapping[str, Any]
    ) -> AlertRuleReply:
        async with self._database.begin() as connection:
            found_tenant(await find_tenant(connection, request.tenant_id), request.tenant_id)
        return await changed_by_worker(
            self._database,
            None,
            AlertRuleReply,
            partial(self._workers.change_alert_rule, request),
            operation=operation,
            tenant_id=request.tenant_id,
            object_id=name,
            after=after,
        )


def _recorded(rule: AlertRule) -> dict[str, Any]:
    """What the audit trail keeps of a rule, for ever: without secrets, as of receivers."""
    return without_destinations(rule).model_dump(mode="json")


def _answer(reply: AlertRuleReply) -> AlertRuleAnswer:
    rule = dict(reply.rule) if reply.rule is not None else {}
    return AlertRuleAnswer(**rule, tenant_id=reply.tenant_id, is_standard=reply.is_standard)
