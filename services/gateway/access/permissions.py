"""What a caller may do now, so that a page knows which buttons to show. Pure.

From the table of rules and the tenant's status. The history of a tenant may still refuse what is listed, such as a
rollback without an earlier deployment: that is a 409 with its reason.
"""

from services.gateway.access.rules import RULES, Scope
from shared.identity.caller import Caller, Role

_ONLY_WHILE_DELETING = frozenset({"view", "delete", "manage_access"})
_NOT_WHILE_STOPPED = frozenset({"stop", "restart", "rollback"})
_ONLY_WHILE_STOPPED = frozenset({"start"})
_STARTABLE = frozenset({"stopped", "failed"})
"""A failed start leaves a tenant failed, and may be repeated."""


def _actions(*scopes: Scope) -> dict[str, Role]:
    """The actions of the table with their least roles, in its order."""
    named = {rule.action: rule.least for rule in RULES.values() if rule.scope in scopes}
    return {action: least for action, least in named.items() if action is not None and least is not None}


_OF_TENANT = _actions(Scope.TENANT, Scope.DEPLOYMENT)
_GENERAL = _actions(Scope.NONE, Scope.VISIBLE, Scope.NAMESPACE)


def permissions_of(caller: Caller, status: str) -> list[str]:
    """The actions on a tenant with this status, which the caller may see."""
    allowed = [action for action, least in _OF_TENANT.items() if caller.has(least)]
    if status == "deleting":
        return [each for each in allowed if each in _ONLY_WHILE_DELETING]
    excluded = _NOT_WHILE_STOPPED if status == "stopped" else frozenset()
    if status not in _STARTABLE:
        excluded |= _ONLY_WHILE_STOPPED
    return [each for each in allowed if each not in excluded]


def general_permissions(caller: Caller) -> list[str]:
    """The actions that concern no existing tenant."""
    return [action for action, least in _GENERAL.items() if caller.has(least)]
