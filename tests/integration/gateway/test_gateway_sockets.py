"""WebSockets: the present state first, then every step, without a gap, and no client delays another."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from embedded.postgres import PostgresServer
from services.gateway.websockets.stream_feed import StreamFeed
from shared.events import (
    DeployCompleted,
    DeployProgressed,
    Event,
    MetricsCollected,
    MetricsSampled,
    Phase,
    TenantDeleted,
    TenantSample,
)
from shared.subjects import Mode
from tests.integration.gateway.test_gateway_deployments import CALLBOT
from tests.support.deployer_part import created_and_prepared, event
from tests.support.gateway import (
    DEMO,
    Gateway,
    make_databases,
    mode_header,
    running_gateway,
    running_workers,
    wait_until_ready,
)
from tests.support.polling import eventually


def sample(tenant_id: str, **values: float) -> MetricsCollected:
    return MetricsCollected(tenant_id=tenant_id, time=datetime.now(UTC), values=values, source="test")


async def test_a_deployment_is_watched_from_its_snapshot_to_its_end(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    async with gateway.socket(f"/ws/deployment/{created['deployment_id']}?demo=true") as socket:
        first = await socket.next()
        assert first["type"] == "snapshot"
        assert (first["status"], first["phase"], first["progress"]) == ("deploying", "validating", 6)
        await gateway.publish(event(DeployProgressed, created, 50, resources=(CALLBOT,)))
        await gateway.publish(event(DeployCompleted, created, 100, phase=Phase.DONE, message="all of it runs"))
        messages = await socket.until(status="completed")
    assert [each["progress"] for each in messages] == [50, 100]
    assert messages[0]["seq"] > first["seq"]
    last = messages[-1]
    assert last["deployment_id"] == created["deployment_id"]
    assert last["tenant_id"] == created["tenant_id"]
    assert (last["phase"], last["message"], last["correlation_id"]) == ("done", "all of it runs", "req-test")
    assert last["resources"] == [CALLBOT.model_dump()]


async def test_the_header_chooses_the_mode_too(gateway: Gateway) -> None:
    created = await gateway.create(Mode.PRODUCTION)
    async with gateway.socket(f"/ws/deployment/{created['deployment_id']}") as socket:
        assert (await socket.next())["type"] == "snapshot"
    assert mode_header(Mode.PRODUCTION) == {}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/ws/deployment/dep-nothing?demo=true", 4404),
        ("/ws/monitoring/unknown", 4404),
        ("/ws/monitoring/unknown?demo=false", 4404),
        ("/ws/deployment/dep-nothing", 4404),
        ("/ws/nothing", 4404),
        ("/ws/alerts/unknown", 4404),
        ("/api/v1/tenants/unknown/metrics", 4404),
        ("/", 4404),
        ("/ws/monitoring/%00", 4404),
        (f"/ws/monitoring/{'%ED%95%9C' * 100}", 4404),
        ("/ws/deployment/dep-x?since=yesterday", 4400),
        ("/ws/deployment/dep-x?since=-1", 4400),
        ("/ws/deployment/dep-x?demo=perhaps", 4400),
    ],
)
async def test_a_socket_that_can_t_be_served_is_closed_with_a_code(gateway: Gateway, path: str, code: int) -> None:
    async with gateway.socket(path) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.next()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code
    assert closed.value.rcvd.reason


async def test_a_demo_tenant_is_watched_without_choosing_a_mode_unless_production_has_its_id(gateway: Gateway) -> None:
    created = await gateway.create(Mode.DEMO)
    name = created["tenant_id"]
    async with gateway.socket(f"/ws/deployment/{created['deployment_id']}") as socket:
        assert (await socket.next())["deployment_id"] == created["deployment_id"]
    async with gateway.socket(f"/ws/monitoring/{name}") as socket:
        await wait_for_socket(gateway, name)
        await gateway.publish(sample(name, cpu=65.5), Mode.DEMO)
        assert (await socket.next())["cpu"] == 65.5
    async with gateway.socket(f"/ws/monitoring/{name}?demo=false") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.next()
    assert closed.value.rcvd.code == 4404
    await gateway.create(Mode.PRODUCTION, tenant_id=name, deploy=False)
    feed = gateway.app.state.sockets[Mode.PRODUCTION].samples
    async with gateway.socket(f"/ws/monitoring/{name}") as socket:
        await eventually(lambda: is_subscribed(feed, name))
        await gateway.publish(sample(name, cpu=1), Mode.DEMO)
        await gateway.publish(sample(name, cpu=2), Mode.PRODUCTION)
        assert (await socket.next())["cpu"] == 2


async def is_subscribed(feed: StreamFeed[Any], tenant_id: str) -> bool:
    return tenant_id in feed._subscriptions


async def test_a_client_that_sends_its_last_seq_gets_every_message_once(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    path = f"/ws/deployment/{created['deployment_id']}?demo=true"
    seen: list[dict[str, Any]] = []

    async def deploy() -> None:
        for progress in range(10, 90):
            await gateway.publish(event(DeployProgressed, created, progress))
        await gateway.publish(event(DeployCompleted, created, 100))

    deploying = asyncio.create_task(deploy())
    since = ""
    while not seen or seen[-1]["status"] != "completed":
        async with gateway.socket(path + since) as socket:
            for _ in range(7):
                message = await socket.next()
                if message["type"] == "update":
                    seen.append(message)
                since = f"&since={message['seq']}"
                if message["status"] == "completed":
                    break
        if seen and message["status"] == "completed" and message["type"] == "snapshot":
            break
    await deploying
    assert [each["progress"] for each in seen] == [*range(10, 90), 100][-len(seen) :]
    assert len(seen) >= 75


async def test_a_replay_has_every_message_in_order_and_ends_with_the_present_state(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    for progress in (20, 30, 40):
        await gateway.publish(event(DeployProgressed, created, progress))
    await gateway.eventually(f"/deployments/{created['deployment_id']}", progress=40)
    async with gateway.socket(f"/ws/deployment/{created['deployment_id']}?demo=true&since=0") as socket:
        messages = await socket.until(type="snapshot")
        assert [each["progress"] for each in messages] == [3, 6, 20, 30, 40, 40]
        numbers = [each["seq"] for each in messages]
        assert numbers == sorted(numbers)
        await gateway.publish(event(DeployCompleted, created, 100))
        assert [each["status"] for each in await socket.until(status="completed")] == ["completed"]


async def test_a_deletion_is_watched_to_its_end(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    deletion = (await gateway.http.delete(f"/tenants/{created['tenant_id']}", headers=DEMO)).json()
    generation = (await gateway.get(f"/tenants/{created['tenant_id']}"))["generation"]
    async with gateway.socket(f"/ws/deployment/{deletion['deletion_id']}?demo=true") as socket:
        await socket.next()
        await gateway.publish(
            TenantDeleted(tenant_id=created["tenant_id"], deletion_id=deletion["deletion_id"], generation=generation)
        )
        assert (await socket.until(status="completed"))[-1]["phase"] == "done"


async def test_a_message_to_a_deployment_s_socket_is_answered_and_harmless(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    async with gateway.socket(f"/ws/deployment/{created['deployment_id']}?demo=true") as socket:
        await socket.next()
        await socket.send("{nonsense")
        assert (await socket.next())["type"] == "error"
        await gateway.publish(event(DeployProgressed, created, 50))
        assert (await socket.next())["progress"] == 50


async def test_samples_come_without_a_subscription_with_their_values_also_at_the_top(gateway: Gateway) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    async with gateway.socket(f"/ws/monitoring/{name}?demo=true") as socket:
        await wait_for_socket(gateway, name)
        await gateway.publish(sample(name, cpu=65.5, memory=78.2))
        message = await socket.next()
        assert message["tenant_id"] == name
        assert message["metrics"] == {"cpu": 65.5, "memory": 78.2}
        assert (message["cpu"], message["memory"]) == (65.5, 78.2)
        assert message["timestamp"].endswith("Z")
        await gateway.publish(sample(name, revenue=5))
        later = await socket.next()
        assert later["metrics"] == {"cpu": 65.5, "memory": 78.2, "revenue": 5}
        assert later["seq"] > message["seq"]
    async with gateway.socket(f"/ws/monitoring/{name}?demo=true") as socket:
        snapshot = await socket.next()
        assert (snapshot["type"], snapshot["cpu"]) == ("snapshot", 65.5)
    async with gateway.socket(f"/ws/monitoring/{name}?demo=true&since={message['seq']}") as socket:
        missed = await socket.next()
        assert (missed["type"], missed["seq"]) == ("sample", later["seq"])


async def test_each_tenant_of_a_slice_gets_its_sample(gateway: Gateway) -> None:
    first, second = [(await gateway.create(deploy=False))["tenant_id"] for _ in range(2)]
    samples = tuple(TenantSample(tenant_id=name, values={"cpu": cpu}) for name, cpu in ((first, 1.0), (second, 2.0)))
    async with (
        gateway.socket(f"/ws/monitoring/{first}?demo=true") as one,
        gateway.socket(f"/ws/monitoring/{second}?demo=true") as other,
    ):
        for name in (first, second):
            await wait_for_socket(gateway, name)
        time = datetime.now(UTC).replace(microsecond=0)
        await gateway.publish(MetricsSampled(time=time, source="kubernetes", samples=samples))
        seen = [await one.next(), await other.next()]
    assert [(each["tenant_id"], each["cpu"]) for each in seen] == [(first, 1.0), (second, 2.0)]
    assert seen[0]["seq"] == seen[1]["seq"]
    assert {each["timestamp"] for each in seen} == {f"{time:%Y-%m-%dT%H:%M:%S}Z"}


async def test_a_subscription_chooses_metrics_and_an_interval(gateway: Gateway) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    async with gateway.socket(f"/ws/monitoring/{name}?demo=true") as socket:
        await socket.send({"action": "subscribe", "metrics": ["cpu_usage"], "interval": 300})
        await socket.send({"action": "dance"})
        assert (await socket.next())["type"] == "error"
        await gateway.publish(sample(name, memory=1))
        for cpu in range(1, 6):
            await gateway.publish(sample(name, cpu=cpu, memory=2))
        messages = await socket.until(cpu=5.0)
        assert len(messages) <= 3
        assert all(each["metrics"].keys() == {"cpu"} for each in messages)
        await socket.send({"action": "unsubscribe"})
        await socket.send({"action": "dance"})
        assert (await socket.next())["type"] == "error"
        await gateway.publish(sample(name, cpu=6))
        await socket.send({"action": "subscribe"})
        assert (await socket.next())["cpu"] == 6.0


async def test_a_slow_client_gets_the_number_of_missed_messages_and_delays_no_other(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    feed = gateway.sockets.deployments
    with feed.subscribe(created["deployment_id"]) as slow:
        async with gateway.socket(f"/ws/deployment/{created['deployment_id']}?demo=true") as quick:
            await quick.next()
            count = gateway.settings.socket_queue + 20
            for number in range(count):
                await gateway.publish(event(DeployProgressed, created, 50, message=str(number)))
            await quick.until(message=str(count - 1))
        missed, message = await slow.get()
    assert missed == 20
    assert message is not None
    assert message.content.message == "20"


async def test_the_documented_client_can_post_and_see_it_live(gateway: Gateway) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    async with gateway.socket(f"/ws/monitoring/{name}?demo=true") as socket:
        await wait_for_socket(gateway, name)
        body = {"timestamp": datetime.now(UTC).replace(tzinfo=None).isoformat(), "metrics": {"cpu_usage": 65.5}}
        answer = await gateway.http.post(f"/tenants/{name}/monitoring", json=body, headers=DEMO)
        assert answer.status_code == 202
        message = await socket.next()
        assert message["cpu"] == 65.5
        assert datetime.fromisoformat(message["timestamp"]) - datetime.now(UTC) < timedelta(minutes=1)


async def wait_for_socket(gateway: Gateway, tenant_id: str) -> None:
    """Until the socket has subscribed: earlier samples are in its snapshot."""
    subscriptions = gateway.sockets.samples._subscriptions
    async with asyncio.timeout(60):
        while True:
            if tenant_id in subscriptions:
                return
            await asyncio.sleep(0.01)


async def test_an_event_that_no_model_takes_doesn_t_stop_the_feed(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    async with gateway.socket(f"/ws/deployment/{created['deployment_id']}?demo=true") as socket:
        await socket.next()
        await gateway.worker.publisher.publish_encoded(
            "demo.deploy.progressed", b"{broken", {"Nats-Msg-Id": f"broken-{created['deployment_id']}"}
        )
        step: Event = event(DeployProgressed, created, 50)
        await gateway.publish(step)
        assert (await socket.next())["progress"] == 50


async def test_a_client_that_floods_its_socket_is_closed_with_a_code(gateway: Gateway) -> None:
    created = await gateway.create(deploy=False)
    async with gateway.socket(f"/ws/monitoring/{created['tenant_id']}?demo=true") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            for _ in range(1000):
                await socket.send({"action": "unsubscribe", "metrics": ["cpu"]})
            await socket.next()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_a_crowd_of_sockets_that_open_at_once_refuses_no_call(nats_url: str, postgres: PostgresServer) -> None:
    urls = await make_databases(postgres, "crowd")
    async with (
        running_workers(nats_url),
        running_gateway(nats_url=nats_url, max_sockets=40, database_connect_timeout=30, **urls) as gateway,
        AsyncExitStack() as opened,
    ):
        await wait_until_ready(gateway)
        created = await gateway.create()
        path = f"/ws/deployment/{created['deployment_id']}?demo=true"
        opening = [asyncio.create_task(_open(gateway, path, opened)) for _ in range(60)]
        calls = [gateway.http.get(f"/tenants/{created['tenant_id']}", headers=DEMO) for _ in range(20)]
        assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}
        refused = [each for each in await asyncio.gather(*opening) if each is not None]
        assert refused == [503] * 20


async def _open(gateway: Gateway, path: str, opened: AsyncExitStack) -> int | None:
    """The status of a refusal; None as soon as the socket has its snapshot."""
    try:
        socket = await opened.enter_async_context(gateway.socket(path))
    except InvalidStatus as refused:
        return refused.response.status_code
    await socket.until(type="snapshot")
    return None
