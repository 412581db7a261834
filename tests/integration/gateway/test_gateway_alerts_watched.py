"""Active alerts by REST and by socket: what the monitor has stored, and each of its events once."""

from datetime import UTC, datetime
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from services.gateway.websockets.stream_feed import StreamFeed
from shared.events import AlertEvent, AlertRaised, AlertResolved
from shared.subjects import Mode
from tests.support.gateway import Gateway, error_of, mode_header, running_gateway, wait_until_ready
from tests.support.polling import eventually

INSERT = """
    INSERT INTO alerts (alert_id, tenant_id, name, fingerprint, labels, severity, type, state, condition, metric, value,
        threshold, summary, began, fired_at)
    SELECT CAST($1 AS text), id, $3, 'f-' || CAST($1 AS text), '{"team": "voice"}', $4, 'resource_usage', $5,
        'cpu_usage > 80', 'cpu', 85.2, 80, 'CPU use is above 80 %', $6, $6
    FROM tenants WHERE tenant_id = $2
"""


async def store(
    gateway: Gateway, tenant_id: str, alert_id: str, *, severity: str = "warning", state: str = "firing"
) -> None:
    """Store an alert as the monitor would."""
    async with gateway.as_monitor() as connection:
        await connection.execute(INSERT, alert_id, tenant_id, "high_cpu_usage", severity, state, datetime.now(UTC))


async def set_state(gateway: Gateway, alert_id: str, state: str) -> None:
    async with gateway.as_monitor() as connection:
        await connection.execute("UPDATE alerts SET state = $2 WHERE alert_id = $1", alert_id, state)


def event(model: type[AlertEvent], tenant_id: str, alert_id: str) -> AlertEvent:
    fields: dict[str, Any] = {
        "tenant_id": tenant_id,
        "alert_id": alert_id,
        "fingerprint": f"f-{alert_id}",
        "name": "high_cpu_usage",
        "severity": "warning",
        "type": "resource_usage",
        "message": "CPU use is above 80 %",
        "metric": "cpu",
        "current_value": 85.2,
        "threshold": 80.0,
        "condition": "cpu_usage > 80",
        "labels": {"team": "voice"},
        "time": datetime.now(UTC),
    }
    return model.model_validate(fields)


async def is_subscribed(feed: StreamFeed[Any], tenant_id: str) -> bool:
    return tenant_id in feed._subscriptions


async def test_active_alerts_are_those_that_fire_with_the_critical_ones_first(gateway: Gateway) -> None:
    tenant_id = (await gateway.create(deploy=False))["tenant_id"]
    other = (await gateway.create(deploy=False))["tenant_id"]
    await store(gateway, tenant_id, f"alert-{tenant_id}-1")
    await store(gateway, tenant_id, f"alert-{tenant_id}-2", severity="critical")
    await store(gateway, tenant_id, f"alert-{tenant_id}-3", state="resolved")
    await store(gateway, tenant_id, f"alert-{tenant_id}-4", state="pending")
    await store(gateway, other, f"alert-{other}-1")
    body = await gateway.get(f"/tenants/{tenant_id}/alerts/active")
    assert [each["alert_id"] for each in body["alerts"]] == [f"alert-{tenant_id}-2", f"alert-{tenant_id}-1"]
    alert = body["alerts"][1]
    assert (alert["type"], alert["metric"], alert["current_value"], alert["threshold"]) == (
        "resource_usage",
        "cpu",
        85.2,
        80.0,
    )
    assert (alert["name"], alert["labels"], alert["source"]) == ("high_cpu_usage", {"team": "voice"}, "rule")


async def test_active_alerts_of_an_unknown_tenant_are_not_found(gateway: Gateway) -> None:
    answer = await gateway.http.get("/tenants/no-such-tenant/alerts/active", headers=mode_header(Mode.DEMO))
    error_of(answer, 404, "TENANT_NOT_FOUND")


async def test_a_socket_gets_what_fires_and_then_each_change_once(gateway: Gateway) -> None:
    tenant_id = (await gateway.create(deploy=False))["tenant_id"]
    first, second = f"alert-{tenant_id}-1", f"alert-{tenant_id}-2"
    await store(gateway, tenant_id, first)
    async with gateway.socket(f"/ws/alerts/{tenant_id}?demo=true") as socket:
        snapshot, ready = await socket.next(), await socket.next()
        assert (snapshot["kind"], snapshot["alert_id"], snapshot["current_value"]) == ("snapshot", first, 85.2)
        assert (ready["kind"], ready["alert_ids"]) == ("ready", [first])
        await gateway.publish(event(AlertRaised, tenant_id, first))
        await gateway.publish(event(AlertRaised, tenant_id, second))
        await gateway.publish(event(AlertResolved, tenant_id, first))
        raised, resolved = await socket.next(), await socket.next()
    assert (raised["kind"], raised["alert_id"], raised["message"]) == ("raised", second, "CPU use is above 80 %")
    assert (resolved["kind"], resolved["alert_id"]) == ("resolved", first)
    assert resolved["seq"] > raised["seq"] > ready["seq"]


async def test_a_client_that_reconnects_gets_what_it_missed_before_the_snapshot(gateway: Gateway) -> None:
    tenant_id = (await gateway.create(deploy=False))["tenant_id"]
    first, second = f"alert-{tenant_id}-1", f"alert-{tenant_id}-2"
    path = f"/ws/alerts/{tenant_id}?demo=true"
    async with gateway.socket(path) as socket:
        [_] = await socket.until(kind="ready")
        await gateway.publish(event(AlertRaised, tenant_id, first))
        seq = (await socket.next())["seq"]
    async with gateway.socket(path) as other:
        await other.until(kind="ready")
        await gateway.publish(event(AlertResolved, tenant_id, first))
        await store(gateway, tenant_id, second)
        await gateway.publish(event(AlertRaised, tenant_id, second))
        # Then the gateway has both.
        await other.until(kind="raised", alert_id=second)
    async with gateway.socket(f"{path}&since={seq}") as socket:
        messages = await socket.until(kind="ready")
    assert [(each["kind"], each.get("alert_id")) for each in messages[:-1]] == [
        ("resolved", first),
        ("raised", second),
        ("snapshot", second),
    ]


async def test_another_gateway_replays_what_was_published_before_it_started(
    gateway: Gateway,
) -> None:
    tenant_id = (await gateway.create(deploy=False))["tenant_id"]
    alert_id = f"alert-{tenant_id}-1"
    since = gateway.sockets.alerts.last_seq
    await gateway.publish(event(AlertRaised, tenant_id, alert_id))
    await gateway.publish(event(AlertResolved, tenant_id, alert_id))
    same = gateway.settings.model_dump(include={"nats_url", "database_url", "demo_database_url"})
    async with running_gateway(**same) as late:
        await wait_until_ready(late)
        async with gateway.socket(f"/ws/alerts/{tenant_id}?demo=true&since={since}") as socket:
            seq = (await socket.until(alert_id=alert_id, kind="resolved"))[-1]["seq"]

        async def has_read() -> bool:
            return late.sockets.alerts.last_seq >= seq

        await eventually(has_read)
        async with late.socket(f"/ws/alerts/{tenant_id}?demo=true&since={since}") as socket:
            messages = await socket.until(kind="ready")
    assert [each["kind"] for each in messages if each.get("alert_id") == alert_id] == ["raised", "resolved"]


async def test_a_client_that_was_away_for_too_long_is_told_and_gets_all_that_fires(gateway: Gateway) -> None:
    tenant_id = (await gateway.create(deploy=False))["tenant_id"]
    since = gateway.sockets.alerts.last_seq
    alert_id, last = f"alert-{tenant_id}-1", f"alert-{tenant_id}-2"
    await store(gateway, tenant_id, alert_id)
    path = f"/ws/alerts/{tenant_id}?demo=true&since={since}"
    for each in (alert_id, last):
        await gateway.publish(event(AlertRaised, tenant_id, each))
    async with gateway.socket(path) as socket:
        seq = (await socket.until(alert_id=last))[-1]["seq"]
    same = gateway.settings.model_dump(include={"nats_url", "database_url", "demo_database_url"})
    async with running_gateway(**same, replay_messages=1) as forgetful:
        await wait_until_ready(forgetful)

        async def has_read() -> bool:
            return forgetful.sockets.alerts.last_seq >= seq

        await eventually(has_read)
        async with forgetful.socket(path) as socket:
            messages = await socket.until(kind="ready")
    assert [each["kind"] for each in messages] == ["missed", "raised", "snapshot", "ready"]
    assert messages[-1]["alert_ids"] == [alert_id]


async def test_a_socket_of_a_tenant_that_does_not_exist_is_closed(gateway: Gateway) -> None:
    async with gateway.socket("/ws/alerts/no-such-tenant?demo=true") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.next()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4404
