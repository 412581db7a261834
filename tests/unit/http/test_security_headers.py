"""Security headers of every answer, and the policy of every page, held against what the page has in it."""

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.gateway.app import create_app
from services.gateway.http import request_context
from services.gateway.settings import GatewaySettings
from services.simulator.app import Simulator
from services.simulator.settings import SimulatorSettings
from shared.http.api_pages import PAGES
from shared.http.content_policy import NO_FRAMES, hash_source
from shared.http.security_headers import YEAR, SecurityHeaders
from shared.identity.caller import LOCAL, UNAUTHENTICATED, Caller, CallerKind, Role
from tests.support.html_pages import check_page

EXPECTED = {
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
REPORTS = {"/api/v1/tenants/{tenant_id}/sla/report", "/api/v1/incidents/{incident_id}/post-mortem"}
"""Pages to print, which share their head and style; the tests of each look at it by `check_page`."""


@pytest.fixture
async def gateway() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(GatewaySettings())) as client:
        yield client


def client_of(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")


def pages_of(routes: Iterable[Any]) -> set[str]:
    """The paths of what isn't described by a document, but for files."""
    found = [each for each in routes if isinstance(each, Route) and not isinstance(each, APIRoute)]
    return {each.path for each in found if "/assets/" not in each.path}


def test_every_page_of_both_services_is_one_that_the_tests_below_look_at() -> None:
    simulator = Simulator(SimulatorSettings())
    product = {"/health", "/ready", "/metrics", "/api/metrics", "/api/v1/metrics/system", "/api/v1/metrics/{tenant_id}"}
    product |= {"/api/v1/external-metrics"}
    served = simulator.application
    while not isinstance(served, Starlette):
        served = served._app  # type: ignore[attr-defined]

    gateway = create_app(GatewaySettings())
    document = gateway.openapi()["paths"]
    as_html = {path for path, item in document.items() if "text/html" in json.dumps(item)}
    assert as_html == REPORTS
    assert pages_of(gateway.routes) - {"/openapi.json"} == set(PAGES)
    assert pages_of(served.routes) - product - {"/openapi.json"} == set(PAGES)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("service", ["gateway", "simulator"])
async def test_a_page_has_only_what_its_policy_allows(service: str, path: str) -> None:
    app = create_app(GatewaySettings()) if service == "gateway" else Simulator(SimulatorSettings()).application
    async with client_of(app) as client:
        page = await client.get(path)

    assert page.headers["content-type"].startswith("text/html")
    check_page(page.text, page.headers["content-security-policy"])
    assert {name: page.headers[name] for name in EXPECTED if name != "content-security-policy"} == {
        name: value for name, value in EXPECTED.items() if name != "content-security-policy"
    }


@pytest.mark.parametrize("path", ["/api/v1/tenants/", "/nowhere", "/openapi.json"])
async def test_answers_without_a_page_may_load_nothing(gateway: httpx.AsyncClient, path: str) -> None:
    answer = await gateway.get(path, headers={"X-Request-ID": "no id"} if path == "/nowhere" else {})

    assert {name: answer.headers.get(name) for name in EXPECTED} == EXPECTED
    assert "strict-transport-security" not in answer.headers


async def test_the_kubernetes_api_has_them_too() -> None:
    async with client_of(Simulator(SimulatorSettings(hsts_seconds=60)).application) as client:
        answer = await client.get("/version")

    assert {name: answer.headers.get(name) for name in EXPECTED} == EXPECTED
    assert answer.headers["strict-transport-security"] == "max-age=60"


@pytest.mark.parametrize(
    ("caller", "stored"),
    [
        (Caller("someone", CallerKind.PERSON, Role.VIEWER), "no-store"),
        (Caller("key-1", CallerKind.KEY, Role.ADMIN, None), "no-store"),
        (LOCAL, "public"),
        (UNAUTHENTICATED, "public"),
    ],
)
async def test_nothing_stores_what_an_authenticated_caller_gets(caller: Caller, stored: str) -> None:
    async def answer(request: Any) -> Response:
        context = request_context.RequestContext("req-1", caller=caller)
        with request_context.requesting(context):
            return JSONResponse({}, headers={"Cache-Control": "public"})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with request_context.requesting(request_context.RequestContext("req-1", caller=caller)):
            await Starlette(routes=[Route("/", answer)])(scope, receive, send)

    async with client_of(SecurityHeaders(app, is_private=request_context.is_authenticated)) as client:
        assert (await client.get("/")).headers.get_list("cache-control") == [stored]


@pytest.mark.parametrize(("given", "expected"), [({}, None), ({"hsts_seconds": 0}, 0), ({"hsts_seconds": 300}, 300)])
def test_without_tls_browsers_are_sent_to_https_only_where_it_is_set(
    given: dict[str, Any], expected: int | None
) -> None:
    assert GatewaySettings(**given).hsts == expected
    assert YEAR == 31_536_000


def test_inline_styles_and_scripts_are_found_by_these_tests() -> None:
    policy = f"default-src 'none'; style-src {hash_source('a{}')}; {NO_FRAMES}"
    check_page("<!doctype html><style>a{}</style>", policy)
    for page in ("<body style='color:red'>", "<style>b{}</style>", "<script>x()</script>", "<a onclick='x()'>"):
        with pytest.raises(AssertionError):
            check_page(page, policy)
