"""Two gateways, four calculators, four manifest services, three deployers and three monitors on one bus.

The work divides, a killed copy's part is done by the others, nothing is done twice, and a socket goes on at another
gateway. The tests run in this order, and each kills some of the copies.
"""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Any

import nats
import pytest
from sqlalchemy import text
from websockets.asyncio.client import connect

from services.monitor.mode_context import SAMPLING
from shared.bus.shares import SHARDS, shard_of
from shared.events import MetricsSampled
from shared.subjects import Mode
from tests.support.copies import Copies, Copy, running_copies
from tests.support.polling import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # a guard against hanging; the start of all counts too

NUMBERS = {"gateway": 2, "calculator": 4, "manifest": 4, "deployer": 3, "monitor": 3}
TENANTS = [f"shared-{number}" for number in range(12)]
DEADLINE = 240.0


@pytest.fixture(scope="module")
async def copies(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Copies]:
    async with running_copies(tmp_path_factory.mktemp("copies"), NUMBERS) as copies:
        yield copies


async def until_running(copies: Copies, tenants: Iterable[str]) -> None:
    wanted = list(tenants)

    async def all_run() -> bool:
        statement = text("SELECT count(*) FROM tenants WHERE status = 'running' AND tenant_id = ANY(:wanted)")
        async with copies.databases[Mode.DEMO].begin() as connection:
            return await connection.scalar(statement, {"wanted": wanted}) == len(wanted)

    await eventually(all_run, DEADLINE)


async def handled(copy: Copy) -> float:
    return await copy.metric("ecp_bus_received_processed_messages_total", status="acked")


async def shards(copy: Copy) -> float:
    return await copy.metric("ecp_shards_held", work=SAMPLING, mode="demo")


async def samples(copies: Copies) -> list[tuple[str, datetime]]:
    """Tenant and time of every sample that was published in demo mode."""
    client = await nats.connect(copies.nats_url)
    try:
        subject = Mode.DEMO.subject(MetricsSampled.subject)
        subscription = await client.jetstream().subscribe(subject, ordered_consumer=True)
        info = await subscription.consumer_info()
        count = (info.num_pending or 0) + (info.delivered.consumer_seq if info.delivered else 0)
        received = [await subscription.next_msg(timeout=60) for _ in range(count)]
    finally:
        await client.close()
    events = [MetricsSampled.model_validate_json(message.data) for message in received]
    return [(each.tenant_id, event.time) for event in events for each in event.samples]


async def until_sampled(copies: Copies, tenants: Iterable[str], slices: int) -> None:
    """Wait for so many further samples of each tenant."""
    before, wanted = Counter(name for name, _ in await samples(copies)), list(tenants)

    async def sampled() -> bool:
        now = Counter(name for name, _ in await samples(copies))
        return all(now[each] >= before[each] + slices for each in wanted)

    await eventually(sampled, DEADLINE)


async def test_the_work_divides_among_the_copies(copies: Copies) -> None:
    for number, name in enumerate(TENANTS):
        await copies.create(name, gateway=number % 2)
    await until_running(copies, TENANTS)
    for service in ("calculator", "manifest", "deployer"):
        by_copy = [await handled(each) for each in copies.of(service)]
        assert sum(count > 0 for count in by_copy) >= 2, (service, by_copy)
        assert sum(by_copy) >= len(TENANTS), (service, by_copy)


async def test_the_monitors_have_equal_shares_and_publish_no_sample_twice(copies: Copies) -> None:
    async def equal_shares() -> bool:
        return [await shards(each) for each in copies.of("monitor")] == [SHARDS / 3] * 3

    assert len({shard_of(name) for name in TENANTS}) > 2, "the tenants are in several shards"
    await eventually(equal_shares, DEADLINE)
    await until_sampled(copies, TENANTS, slices=2)
    assert max(Counter(await samples(copies)).values()) == 1


async def test_a_killed_monitor_s_tenants_are_sampled_by_the_others(copies: Copies) -> None:
    await copies.of("monitor")[0].kill()

    async def taken_over() -> bool:
        return [await shards(each) for each in copies.of("monitor")] == [SHARDS / 2] * 2

    await eventually(taken_over, DEADLINE)
    await until_sampled(copies, TENANTS, slices=2)
    found = await samples(copies)
    assert max(Counter(found).values()) == 1
    gaps = longest_gaps(found)
    # 15 s, which tests/unit/bus/test_shares.py computes, and what a busy machine adds. Slices that the living monitors
    # missed too are the machine's fault.
    assert max(gaps.values()) <= 45 + min(gaps.values()), gaps


def longest_gaps(found: Iterable[tuple[str, datetime]]) -> dict[str, float]:
    """The longest time in seconds between two samples of each tenant."""
    gaps: dict[str, float] = {}
    for (tenant, before), (same, after) in itertools.pairwise(sorted(found)):
        if tenant == same:
            gaps[tenant] = max(gaps.get(tenant, 0.0), (after - before).total_seconds())
    return gaps


async def test_a_socket_goes_on_at_the_other_gateway_where_it_ended(copies: Copies) -> None:
    deployment_id = await copies.create("watched", gateway=1)
    path = f"/ws/deployment/{deployment_id}?demo=true"
    first, second = copies.of("gateway")
    async with connect(f"{first.url.replace('http', 'ws')}{path}", proxy=None) as socket:
        begun = [json.loads(await socket.recv())]
        await first.kill()
    rest = await messages(second, f"{path}&since={begun[-1]['seq']}")
    whole = await messages(second, f"{path}&since=0")
    assert rest[-1]["status"] == "completed"
    numbers = steps(rest)
    assert numbers == sorted(set(numbers))
    assert numbers == [seq for seq in steps(whole) if seq > begun[-1]["seq"]]


def steps(received: Iterable[dict[str, Any]]) -> list[int]:
    """The sequences of the updates; between missed and live ones comes the present state."""
    return [each["seq"] for each in received if each["type"] == "update"]


async def messages(gateway: Copy, path: str) -> list[dict[str, Any]]:
    """All messages of a deployment's socket up to the one with its end."""
    received = []
    async with asyncio.timeout(DEADLINE), connect(f"{gateway.url.replace('http', 'ws')}{path}", proxy=None) as socket:
        async for message in socket:
            received.append(json.loads(message))
            if received[-1].get("status") == "completed":
                break
    return received


async def test_what_killed_workers_had_begun_the_others_finish(copies: Copies) -> None:
    more = [f"further-{number}" for number in range(6)]
    for name in more:
        await copies.create(name)
    await asyncio.gather(*(copies.of(service)[0].kill() for service in ("calculator", "manifest", "deployer")))
    await until_running(copies, more)
