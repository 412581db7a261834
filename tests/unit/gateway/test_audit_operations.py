"""Every changing operation is in the audit trail, or is listed as one that changes nothing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.gateway.app import OPERATIONS
from services.gateway.audit.operations import NOT_CHANGING
from services.gateway.lifecycle.commands import RECORDED_AS

GATEWAY = Path(__file__).parents[3] / "services" / "gateway"
SAME = {"cancelLatestDeployment": "cancelDeployment"}
"""Operations that another one's code carries out."""


def texts_in_commands() -> Iterator[str]:
    """The texts in the modules that record operations."""
    for path in GATEWAY.rglob("*.py"):
        source = path.read_text("utf-8")
        if "audit.recording import record" in source or "revise(" in source or "changed_by_worker(" in source:
            constants = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
            yield from (each for each in constants if isinstance(each, str))


RECORDED = {*texts_in_commands(), *RECORDED_AS.values()}


@pytest.mark.parametrize("operation", sorted(OPERATIONS.names - NOT_CHANGING))
def test_a_changing_operation_is_recorded_under_its_id(operation: str) -> None:
    message = f"{operation}: call audit.recording.record in its transaction, or add it to NOT_CHANGING"
    assert SAME.get(operation, operation) in RECORDED, message


def test_what_is_listed_as_not_changing_exists() -> None:
    assert NOT_CHANGING - OPERATIONS.names == set()


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("POST", "/api/v1/tenants/", ("createTenant", None, None)),
        ("DELETE", "/api/v1/tenants/a-tenant", ("deleteTenant", "a-tenant", None)),
        ("POST", "/api/v1/tenants/validate-manifest", ("validateManifest", None, None)),
        ("POST", "/api/v1/deployments/dep-1/cancel", ("cancelDeployment", None, "dep-1")),
        ("POST", "/api/v1/nothing", None),
        ("GET", "/api/v1/tenants/", None),
        ("PUT", "/tenants/a-tenant", None),
    ],
)
def test_the_operation_of_a_path_is_known_before_its_route(
    method: str, path: str, found: tuple[str, str | None, str | None] | None
) -> None:
    assert OPERATIONS.find(method, path) == found
