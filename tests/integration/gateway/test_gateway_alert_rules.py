"""Alert rules from outside: added by REST, evaluated by a real monitor on posted metrics, tried out on stored data."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from embedded.postgres import PostgresServer
from services.monitor.app import build
from services.monitor.collect.readings import ClusterObjects
from services.monitor.settings import MonitorSettings
from shared.alerts.standard_rules import STANDARD_RULES
from shared.bus import Worker
from shared.identity.caller import Role
from shared.roles import MONITOR
from shared.subjects import Mode
from tests.support.gateway import DEMO, Gateway, error_of, gateway_apart
from tests.support.polling import eventually
from tests.support.secured_gateway import secured_copy
from tests.support.service_logins import logging_in
from tests.support.token_issuer import TokenIssuer

RULE = {
    "alert_name": "high_cpu_usage",
    "condition": "cpu_usage > 80",
    "duration": "0s",
    "actions": [{"type": "email", "recipients": ["admin@company.com"]}],
}


class NoCluster:
    """A cluster without a tenant."""

    name = "the cluster of a test"

    async def read(self) -> ClusterObjects:
        return ClusterObjects(pods=[], deployments=[], usage=[])

    async def close(self) -> None:
        """There is nothing to leave."""


@asynccontextmanager
async def running_monitor(gateway: Gateway) -> AsyncIterator[Worker]:
    """A monitor on the gateway's databases."""
    settings = MonitorSettings(
        nats_url=gateway.settings.nats_url,
        database_url=logging_in(gateway.settings.database_url, MONITOR),
        demo_database_url=logging_in(gateway.settings.demo_database_url, MONITOR),
    )
    worker = build(settings, clusters=dict.fromkeys(Mode, NoCluster()))
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


@pytest.fixture(scope="module")
async def gateway(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """Not the shared one: a real monitor rolls its samples up, and evaluates the rules of all its tenants."""
    async with gateway_apart(postgres, tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture(scope="module")
async def secured(gateway: Gateway, issuer: TokenIssuer) -> AsyncIterator[Gateway]:
    """The copy of this one that asks for credentials."""
    async with secured_copy(gateway, issuer) as running:
        yield running


@pytest.fixture(scope="module")
async def monitor(gateway: Gateway) -> AsyncIterator[Worker]:
    async with running_monitor(gateway) as worker:
        yield worker


async def post_metric(gateway: Gateway, tenant_id: str, **values: float) -> None:
    body = {"timestamp": datetime.now(UTC).isoformat(), "metrics": values}
    answer = await gateway.http.post(f"/tenants/{tenant_id}/monitoring", json=body, headers=DEMO)
    assert answer.is_success, answer.text


async def change(gateway: Gateway, method: str, path: str, **body: Any) -> dict[str, Any]:
    answer = await gateway.http.request(method, path, json=body or None, headers=DEMO)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def alerts_of(gateway: Gateway, tenant_id: str) -> list[tuple[str, str]]:
    """Name and state of each firing of a tenant's own rules, in the order of time."""
    async with gateway.as_monitor() as connection:
        rows = await connection.fetch(
            "SELECT name, state FROM alerts WHERE name <> ALL($2) AND tenant_id ="
            " (SELECT id FROM tenants WHERE tenant_id = $1) ORDER BY began",
            tenant_id,
            list(STANDARD_RULES),
        )
    return [(row["name"], row["state"]) for row in rows]


async def test_a_rule_as_documented_fires_once_and_is_resolved_once(gateway: Gateway) -> None:
    tenant_id = (await gateway.create(deploy=False))["tenant_id"]
    async with running_monitor(gateway):
        added = await change(gateway, "POST", f"/tenants/{tenant_id}/alerts", **RULE)
        assert (added["severity"], added["missing"], added["is_standard"]) == ("warning", "keep", False)
        await post_metric(gateway, tenant_id, cpu_usage=91.5)

        async def fires() -> bool:
            return await alerts_of(gateway, tenant_id) == [("high_cpu_usage", "firing")]

        await eventually(fires)
        await post_metric(gateway, tenant_id, cpu_usage=95.0)
    # Another monitor takes over: it neither forgets the alert nor repeats it.
    async with running_monitor(gateway):
        await post_metric(gateway, tenant_id, cpu_usage=12.0)

        async def is_resolved() -> bool:
            return await alerts_of(gateway, tenant_id) == [("high_cpu_usage", "resolved")]

        await eventually(is_resolved)


@pytest.mark.usefixtures("monitor")
async def test_a_webhook_s_address_is_told_to_those_who_may_change_it(
    gateway: Gateway, secured: Gateway, issuer: TokenIssuer
) -> None:
    tenant_id = (await gateway.create(deploy=False))["tenant_id"]
    path, url = f"/tenants/{tenant_id}/alerts", "https://hooks.example.com/services/token-of-acme"
    await change(gateway, "POST", path, **RULE | {"actions": [{"type": "webhook", "url": url}]})
    shown: dict[Role, str] = {}
    for role in (Role.VIEWER, Role.OPERATOR):
        headers = {**DEMO, **issuer.as_role(role, tenant_id)}
        answer = await secured.http.get(f"{path}/high_cpu_usage", headers=headers)
        shown[role] = answer.json()["actions"][0]["url"]
    assert shown == {Role.VIEWER: "https://hooks.example.com/***", Role.OPERATOR: url}
    trail = await gateway.http.get("/audit", params={"tenant_id": tenant_id}, headers=DEMO)
    assert "hooks.example.com" in trail.text
    assert "token-of-acme" not in trail.text


@pytest.mark.usefixtures("monitor")
async def test_rules_are_listed_changed_and_removed(gateway: Gateway) -> None:
    tenant_id = (await gateway.create(deploy=False))["tenant_id"]
    path = f"/tenants/{tenant_id}/alerts"
    await change(gateway, "POST", path, **RULE)
    again = await gateway.http.post(path, json=RULE, headers=DEMO)
    error_of(again, 409, "CONFLICT")
    replaced = await change(gateway, "PUT", f"{path}/high_cpu_usage", condition="cpu > 90%", severity="critical")
    assert (replaced["condition"], replaced["severity"], replaced["actions"]) == ("cpu > 90%", "critical", [])
    await change(gateway, "DELETE", f"{path}/burn-rate-1h")

    rules = {each["alert_name"]: each for each in (await gateway.get(path))["rules"]}
    assert set(rules) == {*STANDARD_RULES, "high_cpu_usage"}
    assert [name for name, each in rules.items() if not each["enabled"]] == ["burn-rate-1h"]
    await change(gateway, "DELETE", f"{path}/high_cpu_usage")
    error_of(await gateway.http.get(f"{path}/high_cpu_usage", headers=DEMO), 404, "NOT_FOUND")
    error_of(await gateway.http.delete(f"{path}/high_cpu_usage", headers=DEMO), 404, "NOT_FOUND")


@pytest.mark.usefixtures("monitor")
@pytest.mark.parametrize(
    ("changes", "field", "advice"),
    [
        ({"condition": "cpu_usage >"}, "condition", "column 12"),
        ({"condition": "cpuu > 80"}, "condition", "did you mean cpu?"),
        ({"condition": "cpu_usage > 0.8"}, "condition", "write 80 instead of 0.8"),
        ({"condition": "response_time > 2%"}, "condition", "milliseconds"),
        ({"condition": f"{'(' * 40}cpu > 1{')' * 40}"}, "condition", "nested"),
        ({"actions": [{"type": "webhook", "url": "http://169.254.169.254/meta"}]}, "actions.0.url", "metadata"),
        ({"actions": [{"type": "email", "recipients": ["a@b.c\nBcc: x@y.z"]}]}, "", ""),
        ({"duration": "five minutes"}, "duration", "duration"),
        ({"alert_name": "test"}, "alert_name", "reserved"),
        ({"severty": "critical"}, "severty", "severity"),
    ],
)
async def test_a_bad_rule_is_refused_with_what_to_change(
    gateway: Gateway, changes: dict[str, Any], field: str, advice: str
) -> None:
    tenant_id = (await gateway.create(deploy=False))["tenant_id"]
    answer = await gateway.http.post(f"/tenants/{tenant_id}/alerts", json={**RULE, **changes}, headers=DEMO)
    error = error_of(answer, 422, "VALIDATION_ERROR")
    assert field in answer.text, answer.text
    assert advice in str(error), answer.text
    assert {each["alert_name"] for each in (await gateway.get(f"/tenants/{tenant_id}/alerts"))["rules"]} == set(
        STANDARD_RULES
    )


@pytest.mark.usefixtures("monitor")
async def test_a_rule_is_tried_out_on_stored_data(gateway: Gateway) -> None:
    tenant_id = (await gateway.create(deploy=False))["tenant_id"]
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=2)
    points = [
        {
            "timestamp": (start + timedelta(minutes=minute)).isoformat(),
            "metrics": {"cpu": 90.0 if 10 <= minute < 40 else 20.0},
        }
        for minute in range(60)
    ]
    answer = await gateway.http.post(f"/tenants/{tenant_id}/monitoring", json=points, headers=DEMO)
    assert answer.is_success, answer.text
    test = {"rules": [{"alert_name": "high", "condition": "cpu > 80", "duration": "5m"}], "hours": 4}

    async def is_stored() -> bool:
        body = await change(gateway, "POST", f"/tenants/{tenant_id}/alerts/test", **test)
        return bool(body["rules"][0]["steps"] >= 60)

    await eventually(is_stored)
    (tested,) = (await change(gateway, "POST", f"/tenants/{tenant_id}/alerts/test", **test))["rules"]
    assert (tested["firings"], tested["firing_seconds"]) == (1, 25 * 60)
    assert tested["periods"][0]["value"] == 90.0
