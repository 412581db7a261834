"""What sampling costs: CPU time of a slice of 5 s, for idle tenants that the deployer deployed.

The monitor runs as a process on real NATS and PostgreSQL, and samples an API server of constant answers
(`peers/cluster_api.py`). The peer lists and decodes the same objects once, with aiohttp and orjson: what a slice costs
before anything is computed, published or stored, if it lists everything. The limit is half a core for a thousand
tenants of ten pods; the other half belongs to the other services.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import aiohttp
import nats
import orjson
import psutil
import yaml
from nats.js import JetStreamContext
from rich.table import Table
from sqlalchemy import text

from embedded.child import until
from embedded.nats import running_nats
from embedded.ports import free_ports
from embedded.postgres import PostgresServer
from services.monitor.clock import utc_now
from services.monitor.collect.kubernetes import AUTOSCALERS, BUDGETS, DEPLOYMENTS, POD_METRICS, PODS, STATEFUL_SETS
from shared.bus.bootstrap import bootstrap
from shared.database import Database, Databases, DatabaseSettings
from shared.database.upgrade import upgrade_one
from shared.sla import SLICE_SECONDS, slice_of, slice_start
from shared.subjects import Bucket, Mode, manifest_key
from tests.benchmarks.peers.cluster_api import CLUSTER, SERVICES, deployment, tenant_name
from tests.benchmarks.programs import Programs, answers, cpu
from tests.support.bench_report import note

SIZES = ((100, 3), (100, 10), (1000, 10))
"""Tenants, and pods of each."""
SLICES = 6
LIMIT = 0.5 / 1000 / 10
"""Cores for each pod."""
_FIRST_SECONDS = 300.0
_PEER = "tests.benchmarks.peers.cluster_api"


@dataclass(frozen=True)
class Cost:
    """CPU seconds of a slice, and the slices that were stored for the last tenant."""

    monitor: float
    servers: float
    lists: float
    stored: int


async def sampling(server: PostgresServer, directory: Path) -> Table:
    """Measure each size, on a NATS server and databases of its own."""
    columns = ("tenants x pods", "lists decoded", "monitor", "NATS, PostgreSQL", "against lists")
    table = Table(*columns, "each tenant", "each pod", "of the limit", "slices", title="Sampling: CPU a slice of 5 s")
    for tenants, pods in SIZES:
        place = Path(mkdtemp(dir=directory))
        try:
            each = await _measure(server, place, tenants, pods)
        except TimeoutError:
            note(f"{tenants:,} x {pods}: no slice was sampled in {_FIRST_SECONDS:.0f} s; left out")
            continue
        core = each.monitor / SLICE_SECONDS
        table.add_row(
            f"{tenants:,} x {pods}",
            f"{each.lists:.2f} s",
            f"{each.monitor:.2f} s",
            f"{each.servers:.2f} s",
            f"{each.monitor / each.lists:.2f}",
            f"{core / tenants:.3%} of a core",
            f"{core / tenants / pods:.4%}",
            f"{core / tenants / pods / LIMIT:.0%}",
            f"{each.stored} of {SLICES}",
        )
    return table


async def _measure(server: PostgresServer, directory: Path, tenants: int, pods: int) -> Cost:
    async with AsyncExitStack() as exits:
        url = await exits.enter_async_context(running_nats(directory / "nats"))
        names = [f"{mode}_{tenants}_{pods}" for mode in Mode]
        real, demo = [await server.create_database(each) for each in names]
        databases = Databases(DatabaseSettings(database_url=real, demo_database_url=demo), "bench")
        exits.push_async_callback(databases.dispose)
        for mode in Mode:
            await upgrade_one(databases[mode])
        await _add_tenants(databases[Mode.DEMO], tenants)
        client = await nats.connect(url)
        exits.push_async_callback(client.close)
        await bootstrap(client.jetstream())
        await _record_deployments(client.jetstream(), tenants, pods)
        api_port, port = free_ports(2)
        environment = {"DATABASE_URL": real, "DEMO_DATABASE_URL": demo, "NATS_URL": url, "PORT": str(port)}
        environment["K8S_SIMULATOR_URL"] = api = f"http://127.0.0.1:{api_port}"
        programs = Programs(environment, directory)
        exits.push_async_callback(programs.stop)
        await programs.start("-m", _PEER, str(api_port), str(tenants), str(pods))
        await until(partial(answers, f"{api}/"), 60)
        lists = await _decode_lists(f"{api}{CLUSTER}")
        monitor = await programs.start("-m", "services.monitor")
        await until(partial(answers, f"http://127.0.0.1:{port}/ready"), 60)
        return await _observe(databases[Mode.DEMO], monitor, tenant_name(tenants - 1), lists)


async def _observe(database: Database, monitor: int, tenant: str, lists: float) -> Cost:
    """From the second stored slice on: the first one also lists what is watched later."""
    await until(partial(_stored_slices, database, tenant, 2), _FIRST_SECONDS)
    servers = _servers()
    before, others, first = cpu([monitor]), cpu(servers), slice_of(utc_now())
    await asyncio.sleep(SLICES * SLICE_SECONDS)
    spent, beside = cpu([monitor]) - before, cpu(servers) - others
    # The slice of the beginning was sampled before it, and that of the end may not be stored yet.
    stored = await _stored_between(database, tenant, first, first + SLICES)
    return Cost(spent / SLICES, beside / SLICES, lists, stored)


async def _stored_slices(database: Database, tenant: str, least: int) -> bool:
    statement = (
        "SELECT count(DISTINCT timestamp) FROM monitoring_data JOIN tenants ON tenants.id = monitoring_data.tenant_id"
        " WHERE tenants.tenant_id = :tenant"
    )
    async with database.begin() as connection:
        return int(await connection.scalar(text(statement), {"tenant": tenant}) or 0) >= least


async def _stored_between(database: Database, tenant: str, first: int, after: int) -> int:
    """How many of these slices were stored for a tenant."""
    statement = (
        "SELECT count(DISTINCT timestamp) FROM monitoring_data JOIN tenants ON tenants.id = monitoring_data.tenant_id"
        " WHERE tenants.tenant_id = :tenant AND timestamp >= :first AND timestamp < :after"
    )
    parameters = {"tenant": tenant, "first": slice_start(first), "after": slice_start(after)}
    async with database.begin() as connection:
        return int(await connection.scalar(text(statement), parameters) or 0)


def _servers() -> list[int]:
    found = psutil.Process().children(recursive=True)
    return [each.pid for each in found if each.name().startswith(("nats-server", "postgres"))]


async def _decode_lists(url: str) -> float:
    """CPU seconds of this process for all lists, once."""
    before = time.process_time()
    async with aiohttp.ClientSession() as session:
        for path in (PODS, DEPLOYMENTS, STATEFUL_SETS, AUTOSCALERS, BUDGETS, POD_METRICS):
            items: list[Any] = []
            position = ""
            while True:
                async with session.get(f"{url}{path}", params={"limit": "500", "continue": position or "0"}) as answer:
                    page = orjson.loads(await answer.read())
                items += page["items"]
                position = page["metadata"].get("continue", "")
                if not position:
                    break
    return time.process_time() - before


async def _add_tenants(database: Database, count: int) -> None:
    statement = (
        "INSERT INTO tenants (tenant_id, preset, service_requirements, resources, sla_target, created_at)"
        " SELECT 'tenant-' || number, 'small', '{}', '{}', '{}', '2026-01-01' FROM generate_series(1, :count) AS number"
    )
    async with database.begin() as connection:
        await connection.execute(text(statement), {"count": count})


async def _record_deployments(jetstream: JetStreamContext, tenants: int, pods: int) -> None:
    """What the deployer and the manifest service leave behind for tenants that run."""
    manifests = await jetstream.key_value(Mode.DEMO.bucket(Bucket.MANIFESTS))
    applied = await jetstream.key_value(Mode.DEMO.bucket(Bucket.APPLIED))
    for number in range(tenants):
        tenant = tenant_name(number)
        objects = [deployment(tenant, f"service-{each}", pods // SERVICES) for each in range(SERVICES)]
        manifest = yaml.dump_all(objects, explicit_start=False, Dumper=yaml.CSafeDumper)
        await manifests.put(manifest_key(f"sha256:{number:064x}"), manifest.encode())
        record = {"outcome": "completed", "digest": f"sha256:{number:064x}"}
        await applied.put(f"simulator.{tenant}", orjson.dumps(record))
