"""Adds to the OpenAPI document what each operation needs: `security` and `x-required-role`. Pure."""

from typing import Any

from services.gateway.access.rules import RULES, Rule
from services.gateway.http.operation_ids import operation_id

JsonObject = dict[str, Any]
_SCHEME = "bearer"
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token of the identity provider, or an API key. Without authentication none is needed.",
}


def describe_access(document: JsonObject) -> None:
    """Change `document` in place."""
    document["components"]["securitySchemes"] = {_SCHEME: _BEARER}
    rules = {operation_id(name): rule for name, rule in RULES.items()}
    for methods in document["paths"].values():
        for operation in methods.values():
            _describe(operation, rules.get(operation["operationId"]))


def _describe(operation: JsonObject, rule: Rule | None) -> None:
    """An operation without a rule is public, or refused: a test finds the second."""
    if rule is None:
        operation["security"] = []
        return
    operation["security"] = [{_SCHEME: []}]
    if rule.least is not None:
        operation["x-required-role"] = rule.least.value
