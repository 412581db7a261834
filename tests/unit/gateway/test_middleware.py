"""The middlewares, the error table and the request's context, without a server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import ValidationError

from services.gateway.http import request_context
from services.gateway.http.bodies import BodyLimit
from services.gateway.http.errors import STATUS, error_body, status_of
from services.gateway.http.middleware import ModeChoice, RequestScope, UnexpectedErrors
from services.gateway.http.problems import refusal
from services.gateway.http.request_context import is_request_id, language_of
from services.gateway.idempotency.transaction import call_key
from services.gateway.metrics import GatewayMetrics
from services.gateway.settings import GatewaySettings
from services.gateway.tenants.schemas import DeployRequest
from shared.errors import DependencyUnavailable, EcpError, PermanentError, Refused, TemporaryError
from shared.subjects import Mode
from tests.support.asgi import call, echo


def chunks(*parts: bytes) -> list[dict[str, Any]]:
    return [
        {"type": "http.request", "body": part, "more_body": index < len(parts) - 1} for index, part in enumerate(parts)
    ]


async def test_a_body_up_to_the_limit_arrives_whole_and_a_larger_one_not_at_all() -> None:
    limited = BodyLimit(echo, limit=10)
    assert (await call(limited, *chunks(b"12345", b"67890")))[1]["body"] == b"1234567890"
    assert (await call(limited, *chunks(b"12345", b"67890", b"1")))[0]["status"] == 413


async def test_a_path_may_have_a_refusal_of_its_own() -> None:
    limited = BodyLimit(echo, limit=1, refusals={"/points": Refused("send fewer points")})
    [start, body] = await call(limited, *chunks(b"12"), path="/a/points")
    assert start["status"] == 422
    assert b"send fewer points" in body["body"]
    assert (await call(limited, *chunks(b"12"), path="/a/pointsx"))[0]["status"] == 413


async def test_an_endless_body_is_not_read_to_its_end() -> None:
    endless = [{"type": "http.request", "body": b"x" * 10, "more_body": True}] * 1000
    assert (await call(BodyLimit(echo, limit=10), *endless))[0]["status"] == 413


async def test_a_client_that_waits_for_leave_is_refused_before_it_sends() -> None:
    headers = [(b"expect", b"100-continue"), (b"content-length", b"11")]
    never = {"type": "must not be asked for"}
    assert (await call(BodyLimit(echo, limit=10), never, headers=headers))[0]["status"] == 413


async def test_an_unexpected_exception_is_a_500_without_its_details() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError("a secret")

    [start, body] = await call(RequestScope(UnexpectedErrors(broken)))
    assert start["status"] == 500
    assert b"INTERNAL" in body["body"]
    assert b"secret" not in body["body"]


async def test_a_failed_allocation_is_overload_with_a_time_to_retry() -> None:
    async def without_memory(scope: Any, receive: Any, send: Any) -> None:
        raise MemoryError

    [start, body] = await call(RequestScope(UnexpectedErrors(without_memory)))
    assert start["status"] == 503
    assert (b"retry-after", b"2") in start["headers"]
    assert b"OVERLOADED" in body["body"]


async def test_a_socket_with_an_unknown_mode_is_accepted_and_closed_with_a_code() -> None:
    sent = await call(
        RequestScope(ModeChoice(echo)), {"type": "websocket.connect"}, type="websocket", query_string=b"demo=perhaps"
    )
    assert [each["type"] for each in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["code"] == 4400


@pytest.mark.parametrize(
    ("scope", "mode"),
    [
        ({}, Mode.PRODUCTION),
        ({"headers": [(b"x-demo-mode", b"true")]}, Mode.DEMO),
        ({"headers": [(b"x-demo-mode", b"False")]}, Mode.PRODUCTION),
        ({"headers": [(b"x-demo-mode", b"true"), (b"x-demo-mode", b"true")]}, Mode.DEMO),
        ({"query_string": b"demo=true"}, Mode.PRODUCTION),
        ({"type": "websocket", "query_string": b"demo=true"}, Mode.DEMO),
        ({"type": "websocket", "headers": [(b"x-demo-mode", b"true")]}, Mode.DEMO),
        ({"type": "websocket", "query_string": b"demo=false", "headers": [(b"x-demo-mode", b"true")]}, Mode.PRODUCTION),
    ],
)
async def test_the_mode_is_read_from_the_header_or_from_a_socket_s_query(scope: dict[str, Any], mode: Mode) -> None:
    seen: list[Mode] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(request_context.current().mode)

    await call(RequestScope(ModeChoice(app)), **scope)
    assert seen == [mode]


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("ko", "ko"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("fr,ko;q=0.2", "ko"),
        ("ko;q=0", "en"),
        ("ko;q=nonsense", "en"),
        ("*", "en"),
        (",;,=;q", "en"),
    ],
)
def test_the_language_is_the_preferred_one_of_the_two(header: str, language: str) -> None:
    assert language_of(header) == language


@pytest.mark.parametrize(("value", "usable"), [("a", True), ("req-1.2:3/4", True), ("", False), ("a b", False)])
def test_a_request_id_is_short_and_plain(value: str, usable: bool) -> None:
    assert is_request_id(value) is usable


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Refused("x"), 422),
        (Refused("x", code="UNKNOWN_RULE"), 422),
        (Refused("x", code="TENANT_NOT_FOUND"), 404),
        (DependencyUnavailable("x", "y"), 503),
        (DependencyUnavailable("x", "y", code="WORKER_UNAVAILABLE"), 503),
        (TemporaryError("x", code="SOMETHING_NEW"), 503),
        (PermanentError("x"), 500),
        (EcpError("x", code="SOMETHING_NEW"), 500),
    ],
)
def test_every_error_has_a_status(error: EcpError, status: int) -> None:
    assert status_of(error) == status
    assert error_body(error)["error"]["code"] == error.code


def test_the_documented_codes_have_their_documented_statuses() -> None:
    documented = {
        "TENANT_NOT_FOUND": 404,
        "TENANT_ALREADY_EXISTS": 409,
        "INVALID_PRESET": 422,
        "INSUFFICIENT_RESOURCES": 409,
        "DEPLOYMENT_FAILED": 500,
        "MANIFEST_INVALID": 422,
        "MONITORING_UNAVAILABLE": 503,
        "DATABASE_ERROR": 503,
        "KUBERNETES_ERROR": 502,
    }
    assert {code: STATUS[code] for code in documented} == documented


def test_a_refusal_names_fields_without_repeating_what_was_refused() -> None:
    try:
        DeployRequest.model_validate({"options": {"on_failure": "the secret"}})
    except ValidationError as error:
        refused = refusal([{**each, "loc": ("body", *each["loc"])} for each in error.errors()])
    assert refused.details["errors"][0]["field"] == "options.on_failure"
    assert "secret" not in refused.message


def test_the_same_body_has_the_same_fingerprint_whatever_its_spelling() -> None:
    first = call_key("s", "k", DeployRequest.model_validate_json('{"target": "simulator"}'))
    second = call_key("s", "k", DeployRequest.model_validate_json('{ "target":"simulator", "unknown": 1 }'))
    other = call_key("s", "k", DeployRequest.model_validate_json("{}"))
    assert first == second != other
    assert call_key("s", None, None) is None
    with pytest.raises(Refused):
        call_key("s", "\n", None)


@pytest.fixture
def metrics() -> Iterator[tuple[GatewayMetrics, CollectorRegistry]]:
    registry = CollectorRegistry()
    yield GatewayMetrics(registry), registry


def test_production_s_usage_is_shown_where_both_modes_have_a_tenant(
    metrics: tuple[GatewayMetrics, CollectorRegistry],
) -> None:
    gateway, registry = metrics
    now = datetime.now(UTC)
    gateway.usage.update(Mode.PRODUCTION, "t", {"cpu": 1.0}, now)
    gateway.usage.update(Mode.DEMO, "t", {"cpu": 2.0, "memory": 3.0}, now)
    gateway.usage.update(Mode.DEMO, "u", {"revenue": 5.0}, now)
    assert registry.get_sample_value("ecp_tenant_cpu_usage", {"tenant_id": "t"}) == 1.0
    assert registry.get_sample_value("ecp_tenant_memory_usage", {"tenant_id": "t"}) is None
    assert registry.get_sample_value("ecp_tenant_cpu_usage", {"tenant_id": "u"}) is None


def test_history_that_is_sent_now_is_no_usage_of_now(metrics: tuple[GatewayMetrics, CollectorRegistry]) -> None:
    gateway, registry = metrics
    gateway.usage.update(Mode.PRODUCTION, "t", {"cpu": 1.0}, datetime.now(UTC) - timedelta(hours=1))
    assert registry.get_sample_value("ecp_tenant_cpu_usage", {"tenant_id": "t"}) is None


def test_the_series_of_a_tenant_that_is_gone_vanish(metrics: tuple[GatewayMetrics, CollectorRegistry]) -> None:
    gateway, registry = metrics
    for tenant in ("gone", "stays"):
        gateway.count_request(tenant, "GET", 200)
        gateway.count_request(tenant, "PUT", 422)
        gateway.observe_deployment(tenant, "small", 3.0)
        gateway.show_usage(Mode.DEMO, tenant, {"cpu": 1.0}, datetime.now(UTC))
    gateway.show_usage(Mode.DEMO, "made-up", {"cpu": 1.0}, datetime.now(UTC))
    gateway.count_request(None, "GET", 200)
    assert gateway.tenants == {"gone", "stays", "made-up"}
    gateway.forget({"gone", "made-up"})
    text = generate_latest(registry).decode()
    assert 'tenant_id="gone"' not in text
    assert "made-up" not in text
    assert text.count('tenant_id="stays"') > 3
    assert 'tenant_id=""' in text
    assert gateway.tenants == {"stays"}


def test_active_tenants_are_those_of_both_modes(metrics: tuple[GatewayMetrics, CollectorRegistry]) -> None:
    gateway, registry = metrics
    gateway.set_active(Mode.DEMO, 2)
    gateway.set_active(Mode.PRODUCTION, 3)
    gateway.set_active(Mode.DEMO, 1)
    assert registry.get_sample_value("ecp_active_tenants_total") == 4


def test_the_settings_have_the_documented_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PORT", "DATABASE_URL", "DEMO_DATABASE_URL", "NATS_URL", "KUBERNETES_CONFIG_PATH", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    settings = GatewaySettings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8001)
    assert settings.database_url == "postgresql://ecp_user:ecp_password@127.0.0.1:5433/ecp_orchestrator"
    assert settings.demo_database_url.endswith(":5434/ecp_orchestrator_demo")
    assert settings.kubernetes_config_path is None
    assert not settings.has_kubernetes
    assert settings.max_body_bytes == 1024 * 1024
    assert settings.unused == []
    monkeypatch.setenv("REDIS_URL", "redis://redis:6379/0")
    assert GatewaySettings().unused == ["REDIS_URL"]


def test_production_needs_databases_of_its_own() -> None:
    with pytest.raises(ValidationError, match="ENVIRONMENT is production"):
        GatewaySettings(environment="production")
    url = "postgresql://ecp_user:other@db:5432/ecp"
    assert (
        GatewaySettings(environment="production", database_url=url, demo_database_url=url).postgres_url(Mode.DEMO)
        == url
    )


def test_that_production_has_a_cluster_needs_no_kubeconfig_in_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_ENABLED", "true")
    assert GatewaySettings().has_kubernetes
    monkeypatch.delenv("KUBERNETES_ENABLED")
    monkeypatch.setenv("KUBERNETES_CONFIG_PATH", "/nowhere/kubeconfig")
    assert GatewaySettings().has_kubernetes
