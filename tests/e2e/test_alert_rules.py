"""From outside: a rule fires one webhook on posted metrics and one on recovery, whatever is killed in between."""

import asyncio
import signal
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from embedded.child import until
from tests.e2e.embedded_run import RESTART_SECONDS, EmbeddedRun
from tests.e2e.faults import api
from tests.support.webhook_receiver import WebhookReceiver, webhook_receiver

pytestmark = pytest.mark.timeout(900)
SECONDS = 180.0
TENANT = "ruled"
DOWN = 503


async def post(client: httpx.AsyncClient, value: float) -> None:
    """Post a measurement as the guide does, until a gateway accepts it."""

    async def is_accepted() -> bool:
        body = {"timestamp": datetime.now(UTC).isoformat(), "metrics": {"waiting_calls": value}}
        try:
            answer = await client.post(f"/tenants/{TENANT}/monitoring", json=body)
        except httpx.TransportError:
            return False
        assert answer.status_code in (202, 503), answer.text
        return answer.status_code == 202

    await until(is_accepted, SECONDS, every=0.5)


async def kill(run: EmbeddedRun, program: str) -> None:
    """Kill a program with SIGKILL; the stack starts it again."""
    before = run.record(program).pid
    run.record(program).send(signal.SIGKILL)
    await until(lambda: run.record(program).pid != before and run.listens(program), RESTART_SECONDS)


def told(receiver: WebhookReceiver) -> list[tuple[str, str]]:
    """The alerts and states that the receiver was told of, each delivery once."""
    calls = {each.id: each for each in receiver.received}
    return [(alert["name"], alert["status"]) for call in calls.values() for alert in call.data["alerts"]]


async def is_told(receiver: WebhookReceiver, *states: str) -> bool:
    return told(receiver) == [("many_calls_wait", state) for state in states]


async def test_a_rule_fires_one_webhook_and_another_on_recovery_whatever_is_killed(run: EmbeddedRun) -> None:
    async with api(run) as client, webhook_receiver() as receiver:
        body = {
            "tenant_id": TENANT,
            "name": "Ruled",
            "service_requirements": {"chatbot": 5},
            "deploy": False,
        }
        assert (await client.post("/tenants/", json=body)).status_code == 201
        await post(client, 10)
        rule: dict[str, Any] = {
            "alert_name": "many_calls_wait",
            "condition": "waiting_calls > 80",
            "duration": "0s",
            "actions": [{"type": "webhook", "url": receiver.url, "method": "POST"}],
        }

        async def is_made() -> bool:
            # The metric is known as soon as its first sample is stored.
            answer = await client.post(f"/tenants/{TENANT}/alerts", json=rule)
            assert answer.status_code in (201, 422), answer.text
            return answer.status_code == 201

        await until(is_made, SECONDS, every=0.5)

        receiver.status = DOWN
        await post(client, 95)
        await asyncio.gather(kill(run, "monitor"), kill(run, "gateway"))
        receiver.status = 200
        await until(lambda: bool(told(receiver)), SECONDS)
        assert await is_told(receiver, "firing")

        receiver.status = DOWN
        killed = asyncio.ensure_future(kill(run, "monitor"))
        await post(client, 10)
        await killed
        await kill(run, "gateway")
        receiver.status = 200
        await until(lambda: len(told(receiver)) > 1, SECONDS)
        await kill(run, "monitor")
        await post(client, 5)
        assert await is_told(receiver, "firing", "resolved")
        active = (await client.get(f"/tenants/{TENANT}/alerts/active")).json()
        assert [each for each in active["alerts"] if each["name"] == "many_calls_wait"] == []
        await client.delete(f"/tenants/{TENANT}")
