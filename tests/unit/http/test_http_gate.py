"""A web page that an operator visits can't use the gateway or the simulator; other clients notice nothing."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from services.gateway.app import create_app
from services.gateway.settings import GatewaySettings
from services.simulator.app import Simulator
from services.simulator.settings import SimulatorSettings

NOWHERE = "postgresql://a:b@127.0.0.1:1/none"
PORT = 8001
EVIL = {"Origin": "https://evil.example"}
PAGE = {"Origin": "http://localhost:3000"}
NAMESPACES = "/api/v1/namespaces"


def gateway(**changes: Any) -> ASGIApp:
    return create_app(GatewaySettings(database_url=NOWHERE, demo_database_url=NOWHERE, **changes))


def simulator(**changes: Any) -> ASGIApp:
    return Simulator(SimulatorSettings(database_url=None, **changes)).application


APPS = {"gateway": gateway(), "simulator": simulator()}
VARY = {"gateway": "Origin, Accept-Language", "simulator": "Origin"}
"""The gateway answers in the language that the request asks for, too."""


@pytest.fixture(params=APPS)
async def http(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    async with client(APPS[request.param]) as opened:
        yield opened


@pytest.fixture
def vary(request: pytest.FixtureRequest) -> str:
    """The `Vary` of the application that `http` asks."""
    return VARY[request.node.callspec.params["http"]]


def client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://127.0.0.1:{PORT}")


async def handshake(app: ASGIApp, headers: Mapping[str, str]) -> dict[str, Any]:
    """The first answer to a WebSocket's opening."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"} if not sent else {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in {"Host": "127.0.0.1", **headers}.items()]
    scope = {"type": "websocket", "scheme": "ws", "path": "/ws/deployment/ ", "query_string": b"", "headers": raw}
    await app({**scope, "extensions": {"websocket.http.response": {}}, "subprotocols": []}, receive, send)
    return sent[0]


async def test_a_foreign_page_is_refused_whatever_it_asks_for(http: httpx.AsyncClient, vary: str) -> None:
    for method, path in (
        ("POST", "/api/v1/tenants/"),
        ("POST", NAMESPACES),
        ("DELETE", "/api/v1/x"),
        ("GET", "/ready"),
    ):
        answer = await http.request(method, path, headers=EVIL, content=b"{}")
        assert answer.status_code == 403, (method, path)
        assert "CORS_ORIGINS" in answer.text
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == vary


async def test_a_sandboxed_page_and_one_on_another_port_are_foreign_too(http: httpx.AsyncClient) -> None:
    for origin in ("null", "http://127.0.0.1:8002", "http://localhost:8001", "file://"):
        assert (await http.post("/api/v1/nothing", headers={"Origin": origin})).status_code == 403, origin


async def test_a_preflight_of_a_foreign_page_gets_no_leave(http: httpx.AsyncClient) -> None:
    answer = await http.options("/api/v1/tenants/", headers={**EVIL, "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_a_name_that_is_not_ours_is_misdirected(http: httpx.AsyncClient) -> None:
    for host in ("evil.example", "127.0.0.1.nip.io:8001"):
        answer = await http.get("/health", headers={"Host": host})
        assert answer.status_code == 421
        assert "ALLOWED_HOSTS" in answer.text


async def test_a_page_of_our_own_passes_without_cors(http: httpx.AsyncClient, vary: str) -> None:
    answer = await http.get("/api/v1/nothing", headers={"Origin": f"http://127.0.0.1:{PORT}"})
    assert answer.status_code in (404, 503)
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == vary


async def test_a_configured_page_passes_with_its_preflight(http: httpx.AsyncClient) -> None:
    wanted = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "content-type,x-demo-mode"}
    leave = await http.options("/api/v1/tenants/x", headers={**PAGE, **wanted})
    assert leave.status_code == 200
    assert leave.headers["access-control-allow-origin"] == PAGE["Origin"]
    assert "DELETE" in leave.headers["access-control-allow-methods"]
    assert "x-demo-mode" in leave.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in leave.headers
    answer = await http.get("/api/v1/nothing", headers=PAGE)
    assert answer.status_code in (404, 503)
    assert answer.headers["access-control-allow-origin"] == PAGE["Origin"]
    assert "Origin" in answer.headers["vary"]


async def test_what_is_no_browser_needs_no_origin(http: httpx.AsyncClient) -> None:
    """As kubectl, curl, Prometheus and health checks ask."""
    for host in ("backend:8001", "gateway.ecp.svc.cluster.local", "[::1]:8001"):
        assert (await http.get("/health", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("make", [gateway, simulator])
async def test_a_configured_name_and_origin_are_served_in_production(make: Any) -> None:
    changes: dict[str, Any] = {"allowed_hosts": "ecp.example.com", "cors_origins": "https://ui.example.com"}
    async with client(make(environment="production", **changes)) as http:
        host = {"Host": "ecp.example.com"}
        for origin in ("https://ecp.example.com", "https://ui.example.com"):
            assert (await http.get("/health", headers={**host, "Origin": origin})).status_code == 200
        assert (await http.get("/health", headers={**host, **PAGE})).status_code == 403


async def test_a_socket_of_a_foreign_page_is_refused_before_it_opens() -> None:
    refused = await handshake(APPS["gateway"], EVIL)
    assert (refused["type"], refused["status"]) == ("websocket.http.response.start", 403)
    assert (await handshake(APPS["gateway"], {"Host": "evil.example"}))["status"] == 421
    for headers in ({}, PAGE, {"Origin": "http://127.0.0.1"}):
        assert (await handshake(APPS["gateway"], headers))["type"] == "websocket.accept"


async def test_the_gateway_s_refusals_have_the_documented_shape_in_both_languages() -> None:
    async with client(APPS["gateway"]) as http:
        english = (await http.post("/api/v1/tenants/", headers=EVIL)).json()["error"]
        assert english["code"] == "ORIGIN_NOT_ALLOWED"
        assert english["details"] == {"origin": "https://evil.example", "setting": "CORS_ORIGINS"}
        korean = (await http.get("/health", headers={"Host": "a.b", "Accept-Language": "ko"})).json()["error"]
        assert korean["code"] == "MISDIRECTED_REQUEST"
        assert "이 서비스의 이름이 아닙니다" in korean["message"]
        assert "ALLOWED_HOSTS" in korean["message"]


async def test_the_simulator_s_refusals_are_status_objects() -> None:
    async with client(APPS["simulator"]) as http:
        status = (await http.get(NAMESPACES, headers={"Host": "a.b"})).json()
        assert (status["kind"], status["code"]) == ("Status", 421)


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
async def test_the_gateway_takes_no_body_but_json(kind: str | None) -> None:
    async with client(APPS["gateway"]) as http:
        headers = {"Content-Type": kind} if kind else {}
        answer = await http.post("/api/v1/tenants/", content=json.dumps({"tenant_id": "a"}), headers=headers)
        assert answer.status_code == 415
        assert answer.json()["error"]["code"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"]
)
async def test_every_type_of_json_is_taken_and_no_body_needs_none(kind: str) -> None:
    async with client(APPS["gateway"]) as http:
        answer = await http.post("/api/v1/tenants/", content=b"{}", headers={"Content-Type": kind})
        assert answer.json()["error"]["code"] == "VALIDATION_ERROR"
        assert (await http.post("/api/v1/nothing")).status_code == 404
