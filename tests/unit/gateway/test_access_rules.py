"""The table of rules: complete, enforced by every route, and the source of the document, the page and `permissions`."""

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute, RouteContext, iter_route_contexts
from starlette.routing import BaseRoute

from services.gateway.access.authorization import admit, authorize, check_role
from services.gateway.access.permissions import general_permissions, permissions_of
from services.gateway.access.public_paths import PUBLIC as PUBLIC_PATHS
from services.gateway.access.rules import PUBLIC, RULES, SOCKETS, Rule, Scope
from services.gateway.access.visibility import check_visible, is_visible, visible_tenants
from services.gateway.app import create_app
from services.gateway.http import request_context
from services.gateway.http.errors import deployment_not_found, tenant_not_found
from services.gateway.http.operation_ids import operation_id
from services.gateway.http.request_context import RequestContext
from services.gateway.idempotency.transaction import call_key
from services.gateway.settings import GatewaySettings
from shared.errors import Refused
from shared.identity.caller import LOCAL, UNAUTHENTICATED, Caller, CallerKind, Role
from shared.subjects import Mode
from tools.access_page import FILE, page
from tools.openapi_documents import GATEWAY
from tools.openapi_rules import Operation, operations

pytestmark = pytest.mark.slow


def caller(role: Role | None, *tenants: str, subject: str = "ann", kind: CallerKind = CallerKind.PERSON) -> Caller:
    return Caller(subject, kind, role, None if role is Role.ADMIN else frozenset(tenants))


def no_database() -> AbstractAsyncContextManager[Any]:
    raise AssertionError("a query")


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(GatewaySettings(nats_url="nats://127.0.0.1:1"))


def routes(app: FastAPI, kind: type[BaseRoute]) -> list[RouteContext]:
    """The routes with what they got from the routers that include them."""
    return [each for each in iter_route_contexts(app.routes) if isinstance(each.original_route, kind)]


def api_routes(app: FastAPI) -> list[RouteContext]:
    return routes(app, APIRoute)


def test_every_route_has_a_row_of_its_own_and_no_row_is_left_over(app: FastAPI) -> None:
    names = [str(route.name) for route in api_routes(app)]

    assert sorted(names) == sorted({*RULES, *PUBLIC}), "add or remove a row in services/gateway/access/rules.py"
    assert RULES.keys().isdisjoint(PUBLIC)


def test_every_route_of_the_api_is_behind_the_check(app: FastAPI) -> None:
    for route in api_routes(app):
        first = next(iter(route.dependant.dependencies), Dependant())
        assert (first.call is authorize) == route.path.startswith("/api/v1/"), route.path
        assert route.path.startswith("/api/v1/") or route.name in PUBLIC, route.path


def test_what_is_no_operation_is_public_by_its_path_or_a_socket_with_a_row(app: FastAPI) -> None:
    sockets = {route.name for route in routes(app, APIWebSocketRoute)}
    known = {id(each.original_route) for each in (*api_routes(app), *routes(app, APIWebSocketRoute))}
    paths = {each.path for each in iter_route_contexts(app.routes) if id(each.original_route) not in known}

    assert sockets == {*SOCKETS, "unknown"}
    assert paths <= PUBLIC_PATHS


def test_a_rule_s_tenant_is_one_that_the_path_names(app: FastAPI) -> None:
    for route in api_routes(app):
        scope = RULES[route.name].scope if route.name in RULES else Scope.NONE
        assert ("{tenant_id}" in route.path and route.name != "check_tenant_id_in_path") == (scope is Scope.TENANT)
        assert ("{deployment_id}" in route.path) == (scope is Scope.DEPLOYMENT)


def test_what_changes_a_tenant_needs_more_than_to_read_it(app: FastAPI) -> None:
    reading = {"render_manifest", "recommend_resources", "calculate_resources", "validate_manifest", "preview_silence"}
    reading |= {"test_alert_rules"}
    for route in api_routes(app):
        rule = RULES.get(str(route.name))
        if rule is not None and route.methods != {"GET"} and route.name not in reading:
            assert (rule.least is not None and rule.least is not Role.VIEWER) or route.name == "create_socket_ticket"


async def test_a_route_without_a_row_is_refused_also_for_an_administrator() -> None:
    with request_context.requesting(RequestContext("r", caller=LOCAL)), pytest.raises(Refused) as refused:
        await admit("forgotten", {}, no_database)
    assert (refused.value.code, refused.value.message_id) == ("FORBIDDEN", "rule-missing")


async def test_without_a_caller_everything_is_refused() -> None:
    for name in RULES:
        with request_context.requesting(RequestContext("r", caller=UNAUTHENTICATED)), pytest.raises(Refused) as refused:
            await admit(name, {"tenant_id": "acme", "deployment_id": "dep-1"}, no_database)
        assert refused.value.code == "UNAUTHORIZED"


async def test_a_tenant_of_the_token_needs_no_query_and_an_impossible_id_gets_none() -> None:
    with request_context.requesting(RequestContext("r", caller=caller(Role.VIEWER, "acme"))):
        await admit("get_tenant", {"tenant_id": "acme"}, no_database)
        for name, named, known in (
            ("get_tenant", {"tenant_id": "a\x00" * 80}, tenant_not_found(("a\x00" * 80)[:100])),
            ("get_deployment", {"deployment_id": "\ud800"}, deployment_not_found("\ud800")),
        ):
            with pytest.raises(Refused) as refused:
                await admit(name, named, no_database)
            assert (refused.value.message, refused.value.details) == (known.message, known.details)


def test_a_missing_role_names_the_one_that_is_needed() -> None:
    for role in (None, Role.VIEWER):
        with pytest.raises(Refused) as refused:
            check_role(Role.OPERATOR, caller(role))
        assert refused.value.details["required_role"] == "operator"
    check_role(Role.OPERATOR, caller(Role.TENANT_ADMIN))
    check_role(None, caller(None))


def test_the_visible_tenants_are_the_caller_s_and_none_without_one() -> None:
    assert visible_tenants() == []
    with request_context.requesting(RequestContext("r", caller=caller(Role.VIEWER, "b", "a"))):
        assert visible_tenants() == ["a", "b"]
        assert is_visible("a")
        with pytest.raises(Refused):
            check_visible("c")
    with request_context.requesting(RequestContext("r", caller=LOCAL)):
        assert visible_tenants() is None
        check_visible("c")


@pytest.mark.parametrize(
    ("role", "status", "listed", "missing"),
    [
        (None, "running", set(), {"view"}),
        (Role.VIEWER, "running", {"view"}, {"deploy", "stop", "change", "manage_access"}),
        (Role.OPERATOR, "running", {"view", "deploy", "stop", "restart", "rollback"}, {"start", "change", "delete"}),
        (Role.OPERATOR, "stopped", {"deploy", "start"}, {"stop", "restart", "rollback"}),
        (Role.TENANT_ADMIN, "running", {"change", "delete"}, {"start", "manage_access", "create"}),
        (Role.ADMIN, "running", {"change", "delete", "manage_access"}, {"start"}),
        (Role.ADMIN, "deleting", {"view", "delete"}, {"deploy", "change", "stop"}),
    ],
)
def test_permissions_follow_from_role_and_status(
    role: Role | None, status: str, listed: set[str], missing: set[str]
) -> None:
    found = set(permissions_of(caller(role, "acme"), status))

    assert listed <= found
    assert not missing & found


def test_general_permissions_are_those_without_a_tenant() -> None:
    assert general_permissions(caller(Role.OPERATOR)) == []
    assert {"create", "adopt"} <= set(general_permissions(caller(Role.TENANT_ADMIN)))


def test_the_document_has_the_role_of_each_operation() -> None:
    rules: Mapping[str, Rule] = {operation_id(name): rule for name, rule in RULES.items()}
    for each in _documented():
        rule = rules.get(each.spec["operationId"])
        assert each.spec["security"] == ([{"bearer": []}] if rule else []), each
        least = rule.least.value if rule and rule.least else None
        assert each.spec.get("x-required-role") == least, each
        if rule is not None:
            assert "FORBIDDEN" in each.codes(403) and "UNAUTHORIZED" in each.codes(401), each
        if rule is not None and rule.scope in (Scope.TENANT, Scope.NAMESPACE):
            assert "TENANT_NOT_FOUND" in each.codes(404), each
        if rule is not None and rule.scope is Scope.DEPLOYMENT:
            assert "DEPLOYMENT_NOT_FOUND" in each.codes(404), each


def _documented() -> Iterator[Operation]:
    yield from operations(json.loads(GATEWAY.read_bytes()))


def test_the_page_matches_the_code() -> None:
    assert FILE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_an_idempotency_key_is_its_caller_s() -> None:
    callers = (
        LOCAL,
        caller(Role.ADMIN),
        caller(Role.ADMIN, subject="bob"),
        caller(Role.ADMIN, kind=CallerKind.KEY),
    )
    scopes = set()
    for each in callers:
        with request_context.requesting(RequestContext("r", mode=Mode.DEMO, caller=each)):
            key = call_key(f"PATCH /tenants/{'a' * 100}", "k", None)
        assert key is not None and len(key.scope) <= 300
        scopes.add(key.scope)
    assert len(scopes) == len(callers)
