"""Receivers by REST, with a monitor that stores them and sends to them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from services.monitor.clock import utc_now
from services.monitor.notifications.listener import NotificationListener
from shared.alerts.rule import WebhookAction
from shared.subjects import Mode
from tests.support.gateway import DEMO, Gateway
from tests.support.notices import transition
from tests.support.notifying_monitor import NotifyingMonitor, notifying_monitor
from tests.support.polling import eventually
from tests.support.webhook_receiver import WebhookReceiver, webhook_receiver


@pytest.fixture(scope="module")
async def monitor(gateway: Gateway) -> AsyncIterator[NotifyingMonitor]:
    async with notifying_monitor(gateway) as running:
        yield running


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    async with webhook_receiver() as running:
        yield running


@pytest.fixture
async def tenant_id(gateway: Gateway, monitor: Any) -> str:
    created = await gateway.create()
    return str(created["tenant_id"])


def body(url: str, name: str = "oncall", **spec: Any) -> dict[str, Any]:
    return {"name": name, "spec": {"type": "webhook", "url": url, "group_seconds": 0, **spec}}


async def call(gateway: Gateway, method: str, path: str, expected: int, json: Any = None) -> Any:
    answer = await gateway.http.request(method, path, json=json, headers=DEMO)
    assert answer.status_code == expected, answer.text
    return answer.json() if answer.content else None


async def test_a_receiver_is_created_tested_changed_rotated_and_removed(
    gateway: Gateway, tenant_id: str, receiver: WebhookReceiver
) -> None:
    path = f"/tenants/{tenant_id}/receivers"
    secret = "Bearer hunter2"
    with capture_logs() as logs:
        created = await call(gateway, "POST", path, 201, body(f"{receiver.url}/hunter3", authorization=secret))
        test = await call(gateway, "POST", f"{path}/oncall/test", 202)
        await eventually(lambda: _came(receiver, 1))
        assert receiver.received[0].id == test["notification_id"]
        assert receiver.received[0].headers["authorization"] == secret
        assert receiver.received[0].is_signed_with(created["secret"])

        shown = await call(gateway, "GET", f"{path}/oncall", 200)
        changed = await call(gateway, "PUT", f"{path}/oncall", 200, shown["spec"] | {"repeat_minutes": 5})
        assert (changed["spec"]["repeat_minutes"], changed["has_authorization"]) == (5, True)
        rotated = await call(gateway, "POST", f"{path}/oncall/rotate", 200, {"overlap_minutes": 60})
        await call(gateway, "POST", f"{path}/oncall/test", 202)
        await eventually(lambda: _came(receiver, 2))
        assert receiver.received[1].is_signed_with(created["secret"])
        assert receiver.received[1].is_signed_with(rotated["secret"])

        listed = await call(gateway, "GET", path, 200)
        sent = await call(gateway, "GET", f"{path}/oncall/notifications", 200)
        assert [each["state"] for each in sent["notifications"]] == ["sent", "sent"]
        await call(gateway, "DELETE", f"{path}/oncall", 204)
        await call(gateway, "GET", f"{path}/oncall", 404)
    trail = await _trail(gateway, tenant_id)
    assert [operation for operation, _ in trail].count("createTenantReceiver") == 2
    for found in (logs, shown, changed, listed, sent, trail):
        assert not any(each in str(found) for each in ("hunter", created["secret"], rotated["secret"]))


async def _came(receiver: WebhookReceiver, number: int) -> bool:
    return len(receiver.received) >= number


async def _trail(gateway: Gateway, tenant_id: str) -> list[tuple[str, str]]:
    async with gateway.database.begin() as connection:
        statement = text("SELECT operation, after FROM audit_events WHERE tenant_id = :tenant_id ORDER BY id")
        return [(row.operation, row.after) for row in await connection.execute(statement, {"tenant_id": tenant_id})]


async def test_an_alert_of_a_rule_with_an_action_arrives_and_its_end_too(
    gateway: Gateway, monitor: NotifyingMonitor, tenant_id: str, receiver: WebhookReceiver
) -> None:
    listener = NotificationListener(utc_now, group_seconds=0)
    actions = (WebhookAction(type="webhook", url=receiver.url),)
    for number, state in enumerate(("firing", "resolved"), 1):
        async with monitor.databases[Mode.DEMO].begin() as connection:
            alert = transition(f"of-{tenant_id}", state, tenant_id=tenant_id, actions=actions)
            await listener.transitioned(connection, [alert])
        await eventually(lambda number=number: _came(receiver, number))  # type: ignore[misc]
    assert [each.data["status"] for each in receiver.received] == ["firing", "resolved"]
    [made] = (await call(gateway, "GET", f"/tenants/{tenant_id}/receivers", 200))["receivers"]
    assert (made["origin"], made["spec"]["url"]) == ("rule", None)


async def test_what_a_receiver_refuses_is_listed_as_dead_and_replayed(
    gateway: Gateway, tenant_id: str, receiver: WebhookReceiver
) -> None:
    path = f"/tenants/{tenant_id}/receivers"
    await call(gateway, "POST", path, 201, body(receiver.url))
    receiver.status = 422
    await call(gateway, "POST", f"{path}/oncall/test", 202)
    dead: list[Any] = []

    async def is_dead() -> bool:
        dead[:] = (await call(gateway, "GET", f"{path}/oncall/notifications?state=dead", 200))["notifications"]
        return bool(dead)

    await eventually(is_dead)
    assert dead[0]["reason"] == "HTTP 422"
    receiver.status = 200
    ids = {"notification_ids": [dead[0]["notification_id"]]}
    replayed = await call(gateway, "POST", f"{path}/oncall/notifications/replay", 200, ids)
    assert replayed == {"replayed": 1}
    await eventually(lambda: _came(receiver, 1))
    assert receiver.received[0].id == dead[0]["notification_id"]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"url": "http://169.254.169.254/latest/meta-data"}, "spec.url"),
        ({"url": "https://user:hunter2@hooks.example.com/"}, "spec.url"),
        ({"group_by": ["a-b"]}, "spec.group_by.0"),
        ({"quiet_hours": {"start": "25:00", "end": "07:00"}}, "spec.quiet_hours.start"),
        ({"quiet_hours": {"start": "22:00", "end": "07:00", "time_zone": "Mars"}}, "spec.quiet_hours.time_zone"),
        ({"escalation": {"after_minutes": 5, "receiver": "gone"}}, "spec.escalation.receiver"),
        ({"type": "email", "url": None, "recipients": ["a@b.c\r\nBcc: x@y.z"]}, "spec.recipients.0"),
        ({"authorization": "Bearer x\r\nHost: y"}, "spec.authorization"),
    ],
)
async def test_an_unusable_receiver_is_refused_in_both_languages(
    gateway: Gateway, tenant_id: str, spec: dict[str, Any], field: str
) -> None:
    path = f"/tenants/{tenant_id}/receivers"
    sent = body("https://hooks.example.com/")
    sent["spec"] |= spec
    refused = await call(gateway, "POST", path, 422, sent)
    assert [each["field"] for each in refused["error"]["details"]["errors"]] == [field]
    assert "hunter2" not in str(refused)
    answer = await gateway.http.post(path, json=sent, headers={**DEMO, "Accept-Language": "ko"})
    assert any("가" <= each <= "힣" for each in answer.json()["error"]["message"])
    assert (await call(gateway, "GET", path, 200))["receivers"] == []


async def test_receivers_of_the_mode_are_apart_from_those_of_tenants(gateway: Gateway, tenant_id: str) -> None:
    name = f"of-{tenant_id}"
    await call(gateway, "POST", "/receivers", 201, body("https://hooks.example.com/", name, tenants=[tenant_id]))
    try:
        assert (await call(gateway, "GET", f"/receivers/{name}", 200))["tenant_id"] is None
        await call(gateway, "POST", "/receivers", 409, body("https://hooks.example.com/", name))
        await call(gateway, "GET", f"/tenants/{tenant_id}/receivers/{name}", 404)
        await call(gateway, "GET", "/tenants/no-such-tenant/receivers", 404)
    finally:
        await call(gateway, "DELETE", f"/receivers/{name}", 204)
