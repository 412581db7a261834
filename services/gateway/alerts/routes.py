"""The routes `/api/v1/tenants/{id}/alerts`, and `.../alerts/test`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from services.gateway.alerts.commands import AlertRuleCommands
from services.gateway.alerts.queries import AlertRuleQueries
from services.gateway.alerts.schemas import AlertRuleAnswer, AlertRuleChange, AlertRuleRemoved, AlertRules, AlertTest
from services.gateway.http.parameters import TenantPath
from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode
from shared.alerts.rule import AlertRule
from shared.rpc import AlertTestReply

router = APIRouter(tags=["alerts"])
_READS = ("TENANT_NOT_FOUND", "DATABASE_ERROR")
_CODES = (*_READS, "WORKER_UNAVAILABLE")
AlertPath = Annotated[
    str,
    Path(
        min_length=1,
        max_length=100,
        description="The name of an alert rule",
        examples=["burn-rate-1h"],
    ),
]


async def _queries(context: CurrentMode) -> AlertRuleQueries:
    return AlertRuleQueries(context)


async def _commands(context: CurrentMode) -> AlertRuleCommands:
    return AlertRuleCommands(context)


Queries = Annotated[AlertRuleQueries, Depends(_queries)]
Commands = Annotated[AlertRuleCommands, Depends(_commands)]


@router.get("/tenants/{tenant_id}/alerts", summary="List alert rules", responses=answers(*_READS))
async def list_alert_rules(tenant_id: TenantPath, queries: Queries) -> AlertRules:
    """The standard rules, as the tenant has them, and its own."""
    return await queries.all(tenant_id)


@router.post(
    "/tenants/{tenant_id}/alerts",
    status_code=201,
    summary="Add an alert rule",
    responses=answers("CONFLICT", *_CODES, body=True),
)
async def create_alert_rule(tenant_id: TenantPath, rule: AlertRule, commands: Commands) -> AlertRuleAnswer:
    """The rule applies to the samples that come from now on.

    A condition compares metrics or figures with numbers, joined by `and` and `or`, with brackets.
    """
    return await commands.create(tenant_id, rule)


@router.post(
    "/tenants/{tenant_id}/alerts/test",
    summary="Try alert rules out on stored data",
    responses=answers(*_CODES, body=True),
)
async def test_alert_rules(tenant_id: TenantPath, test: AlertTest, queries: Queries) -> AlertTestReply:
    """How often each rule would have fired in the last hours, when, and for how long. Nothing is stored."""
    return await queries.test(tenant_id, test)


@router.get(
    "/tenants/{tenant_id}/alerts/{alert_name}",
    summary="Get an alert rule",
    responses=answers("NOT_FOUND", *_READS),
)
async def get_alert_rule(tenant_id: TenantPath, alert_name: AlertPath, queries: Queries) -> AlertRuleAnswer:
    """A standard rule, as the tenant has it, or one of its own."""
    return await queries.one(tenant_id, alert_name)


@router.put(
    "/tenants/{tenant_id}/alerts/{alert_name}",
    summary="Replace an alert rule",
    responses=answers("NOT_FOUND", *_CODES, body=True),
)
async def replace_alert_rule(
    tenant_id: TenantPath, alert_name: AlertPath, rule: AlertRuleChange, commands: Commands
) -> AlertRuleAnswer:
    """The whole rule: fields that are left out get their defaults. `enabled` switches a rule off and on."""
    return await commands.replace(tenant_id, alert_name, rule)


@router.delete(
    "/tenants/{tenant_id}/alerts/{alert_name}",
    summary="Remove an alert rule",
    responses=answers("NOT_FOUND", *_CODES),
)
async def delete_alert_rule(tenant_id: TenantPath, alert_name: AlertPath, commands: Commands) -> AlertRuleRemoved:
    """A firing alert of the rule is resolved. A standard rule is switched off."""
    return await commands.remove(tenant_id, alert_name)
