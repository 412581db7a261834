"""Time from `deploy.requested` to the deployer's start and to the end, compared with two peers on the same servers.

    make bench ARGS=pipeline

The lower limit is three hops with raw nats-py that only consume, publish and acknowledge (`peers/hop.py`). The
peer is a script per worker, with raw nats-py, that sizes, renders, validates, stores and applies with the same
functions and the same client, without anything that makes our workers safe to kill (`peers/script.py`).
Everything runs in separate processes, as in production. CPU time is that of these processes, without NATS and the
simulator, which all use alike. The first round is a warm-up and isn't counted.
"""

import asyncio
import itertools
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import KeyValueConfig
from rich.table import Table

from shared.bus import encode
from shared.events import DeployRequested
from shared.subjects import Mode
from shared.tenants import TenantSpec
from tests.benchmarks.peers.hop import STREAM
from tests.benchmarks.peers.script import BUCKET
from tests.benchmarks.programs import Stack, cpu, running_stack
from tests.benchmarks.waiting import until_set
from tests.support.bench_report import show
from tests.support.nodes import add_nodes

ROUNDS, PACED, PACE = 4, 20, 3.0
"""Rounds, of which the first is a warm-up; deployments per round; and a rate per second that all three can sustain."""
BURST = 100
HOPS = ("raw.one", "raw.two", "raw.three", "raw.done")
STEPS = ("size", "render", "deploy")
WORKERS = ("calculator", "manifest", "deployer")

Message = tuple[str, bytes, dict[str, str]]
"""Subject, body, headers."""


@dataclass
class Way:
    """One of the three pipelines, with the subjects that report the start and the end of a deployment."""

    name: str
    ask: Callable[[str], Message]
    started: str
    ended: str
    pids: Sequence[int]


def requested(name: str) -> DeployRequested:
    spec = TenantSpec(tenant_id=name, name=name, service_requirements={"stt": 1})
    return DeployRequested(tenant_id=name, spec=spec, deployment_id=f"dep-{name}", generation=1, target="simulator")


def ask_ours(name: str) -> Message:
    event = requested(name)
    return tuple(encode(event, mode=Mode.DEMO, event_id=name, correlation_id=name, source="gateway"))  # type: ignore[return-value]


def ask_script(name: str) -> Message:
    body = requested(name).model_dump_json(exclude_none=True).encode()
    return "script.requested", body, {"Nats-Msg-Id": name}


def ask_hops(name: str) -> Message:
    """A message as large as ours."""
    return HOPS[0], json.dumps({"tenant_id": name, "padding": "x" * 600}).encode(), {"Nats-Msg-Id": name}


async def waits(client: Client, way: Way, names: Sequence[str], pace: float | None, until: str) -> list[float]:
    """Seconds from the request for each of `names` to its event on `until`."""
    asked: dict[str, float] = {}
    heard: dict[str, float] = {}
    all_heard = asyncio.Event()

    async def hear(message: Msg) -> None:
        name = json.loads(message.data)["tenant_id"]
        if name in asked and name not in heard:
            heard[name] = time.perf_counter() - asked[name]
            if len(heard) == len(names):
                all_heard.set()

    subscription = await client.subscribe(until, cb=hear)
    for name in names:
        subject, body, headers = way.ask(name)
        asked[name] = time.perf_counter()
        await client.jetstream().publish(subject, body, headers=headers)
        if pace:
            await asyncio.sleep(1 / pace)
    await until_set(all_heard, lambda: len(heard), len(names))
    await subscription.unsubscribe()
    return list(heard.values())


def names(way: Way, what: str, count: int) -> list[str]:
    return [f"{way.name.split()[0]}-{what}-{number}" for number in range(count)]


async def latency(client: Client, ways: Sequence[Way]) -> None:
    """Time to the deployer's start: it has read the manifest and begins to apply."""
    found: dict[str, list[float]] = {way.name: [] for way in ways}
    for number in range(ROUNDS):
        for way in ways:  # alternating, because the simulator fills up and the machine's load varies
            round_ = await waits(client, way, names(way, f"round-{number}", PACED), PACE, way.started)
            found[way.name] += round_ if number else []
    limit = statistics.median(found[ways[0].name])
    table = Table("", "p50", "p99", "p50 against hops", title=f"deploy.requested to the deployer's start, {PACE:g}/s")
    for name, seconds in found.items():
        middle, high = statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]
        table.add_row(name, f"{middle * 1000:.1f} ms", f"{high * 1000:.1f} ms", f"{middle / limit:.2f}")
    show(table)


async def throughput(client: Client, ways: Sequence[Way]) -> None:
    """Throughput to the end: for the script when everything is applied, for ours when everything is healthy too."""
    title = f"{BURST} deployments at once, to the end"
    table = Table("", "deployments/s", "CPU each", title=title)
    for way in ways:
        before = cpu(way.pids)
        ended = await waits(client, way, names(way, "burst", BURST), None, way.ended)
        used, count = cpu(way.pids) - before, max(1, len(ended))
        table.add_row(way.name, f"{count / max(ended, default=1.0):.1f}", f"{used / count * 1000:.1f} ms")
    show(table)


async def three_ways(stack: Stack) -> list[Way]:
    jetstream, programs, url = stack.client.jetstream(), stack.programs, stack.nats_url
    await jetstream.add_stream(name=STREAM, subjects=["raw.>", "script.>"])
    await jetstream.create_key_value(KeyValueConfig(BUCKET))
    pids = await stack.serve("gateway", *WORKERS, "simulator")
    await add_nodes(stack.url("simulator"))
    hops = [await programs.start("-m", "tests.benchmarks.peers.hop", url, *pair) for pair in itertools.pairwise(HOPS)]
    script = [await programs.start("-m", "tests.benchmarks.peers.script", url, step) for step in STEPS]
    return [
        Way("hops with raw nats-py", ask_hops, HOPS[-1], HOPS[-1], hops),
        Way("script with raw nats-py", ask_script, "script.started", "script.applied", script),
        Way(
            "pipeline",
            ask_ours,
            "demo.deploy.started",
            "demo.deploy.completed",
            [pids[name] for name in WORKERS],
        ),
    ]


async def main() -> None:
    async with running_stack() as stack:
        ways = await three_ways(stack)
        await latency(stack.client, ways)
        await throughput(stack.client, ways)


if __name__ == "__main__":
    asyncio.run(main())
