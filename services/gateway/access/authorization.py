"""Enforces the table of rules: one dependency of the whole API, and one check for sockets.

It runs before the route's own dependencies, so that a refused call reads and changes nothing. A bound caller costs at
most one query, and none if its token or key names the tenant. The query is the same whether the tenant exists or not.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import structlog
from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.access import repository
from services.gateway.access.rules import PUBLIC, RULES, Rule, Scope
from services.gateway.http import request_context
from services.gateway.http.errors import deployment_not_found, incident_not_found, tenant_not_found
from services.gateway.http.parameters import LONGEST_ID, is_possible_id
from services.gateway.mode_context import ModeContexts
from shared.database.tenant_grants import is_granted
from shared.errors import Refused
from shared.identity.caller import Caller, CallerKind, Role

_log = structlog.get_logger(__name__)
Begin = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
"""Opens a transaction on the database of the call's mode."""


async def authorize(request: Request) -> None:
    """Check the call's rule.

    Raises Refused: UNAUTHORIZED, TENANT_NOT_FOUND, DEPLOYMENT_NOT_FOUND or INCIDENT_NOT_FOUND as for an unknown id, or
    FORBIDDEN.
    Raises DependencyUnavailable if the grants can't be read.
    """
    name = getattr(request.scope.get("route"), "name", "")
    if name not in PUBLIC:
        modes: ModeContexts = request.app.state.modes
        await admit(name, request.path_params, modes[request_context.current().mode].database.begin)


async def admit(name: str, named: Mapping[str, str], begin: Begin) -> None:
    """Check the rule `name` for the current caller, as `authorize`; `named` has the ids of a path."""
    context = request_context.current()
    rule = _rule_of(name)
    if context.caller.kind is CallerKind.NONE:
        raise Refused("this call needs a credential", code="UNAUTHORIZED", message_id="credential-missing")
    if context.caller.tenants is not None:
        context.caller = await _bound(rule, context.caller, named, begin)
    check_role(rule.least, context.caller)


async def sees(rule: Rule, topic: str, begin: Begin) -> bool:
    """Whether what a socket is about exists for the caller, in the mode of `begin`."""
    caller = request_context.current().caller
    if caller.tenants is None:
        return True
    name = "tenant_id" if rule.scope is Scope.TENANT else "deployment_id"
    try:
        await _bound(rule, caller, {name: topic}, begin)
    except Refused:
        return False
    return True


def check_role(least: Role | None, caller: Caller) -> None:
    """Raise Refused (FORBIDDEN), which names the role that is needed."""
    if least is not None and not caller.has(least):
        has = "no role" if caller.role is None else f"the role {caller.role.value}"
        raise Refused(
            f"this call needs the role {least.value}, and the caller has {has}; ask an administrator for it",
            code="FORBIDDEN",
            details={"required_role": least.value, "role": caller.role.value if caller.role else ""},
        )


def _rule_of(name: str) -> Rule:
    rule = RULES.get(name)
    if rule is None:
        _log.error(f"The route {name!r} has no rule, so it is refused", action="rule-missing")
        raise Refused("no rule permits this call", code="FORBIDDEN", message_id="rule-missing")
    return rule


async def _bound(rule: Rule, caller: Caller, named: Mapping[str, str], begin: Begin) -> Caller:
    """The caller with the tenants that are granted to it, as far as the rule needs them.

    Raises Refused if what the path names doesn't exist for it.
    """
    if rule.scope is Scope.TENANT:
        return await _with_tenant(caller, named["tenant_id"], begin)
    if rule.scope is Scope.DEPLOYMENT:
        return await _with_owner(caller, named["deployment_id"], begin)
    if rule.scope is Scope.INCIDENT:
        return await _with_incident(caller, named["incident_id"], begin)
    if rule.scope is Scope.NONE:
        return caller
    async with begin() as connection:
        return _widened(caller, await repository.granted_tenants(connection, caller))


async def _with_tenant(caller: Caller, tenant_id: str, begin: Begin) -> Caller:
    if not is_possible_id(tenant_id):
        raise tenant_not_found(tenant_id[:LONGEST_ID])
    if caller.may_see(tenant_id):
        return caller
    async with begin() as connection:
        if not await is_granted(connection, caller, tenant_id):
            raise tenant_not_found(tenant_id)
    return _widened(caller, {tenant_id})


async def _with_owner(caller: Caller, deployment_id: str, begin: Begin) -> Caller:
    if not is_possible_id(deployment_id):
        raise deployment_not_found(deployment_id[:LONGEST_ID])
    async with begin() as connection:
        owner = await repository.owner_of(connection, caller, deployment_id)
    if owner is None or not (owner[1] or caller.may_see(owner[0])):
        raise deployment_not_found(deployment_id)
    return _widened(caller, {owner[0]})


async def _with_incident(caller: Caller, incident_id: str, begin: Begin) -> Caller:
    if not is_possible_id(incident_id):
        raise incident_not_found(incident_id[:LONGEST_ID])
    async with begin() as connection:
        owner = await repository.incident_owner_of(connection, caller, incident_id)
    if owner is None or not (owner[1] or caller.may_see(owner[0])):
        raise incident_not_found(incident_id)
    return _widened(caller, {owner[0]})


def _widened(caller: Caller, tenants: frozenset[str] | set[str]) -> Caller:
    return replace(caller, tenants=(caller.tenants or frozenset()) | tenants)
