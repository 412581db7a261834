"""Applying the call centre's manifest to the simulator as the deployer does, compared with kubectl in the same run.

    make bench ARGS=apply

`kubectl apply` finds out what to do from the API's documents, and applies one object after the other, as ours did
before. Each round applies the manifests of new tenants, once by each way. Wall times are compared in each round, since
the machine's load varies, and the table has the medians. CPU time is that of the client, and of the simulator.
"""

import asyncio
import os
import resource
import shutil
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from rich.table import Table

from embedded.ports import free_ports
from services.calculator.sizing.tenant_sizing import size
from services.deployer.cluster.kubernetes import KubernetesAdapter
from services.deployer.reconcile.manifest_apply import apply_all
from services.manifest.rendering import render, to_stored, to_yaml
from shared.catalog import load_catalog
from shared.events import DeployOptions
from shared.kube.client import connect
from shared.kube.manifest_text import parse_manifest, stored_objects
from shared.kube.objects import Obj
from shared.tenants import SlaTarget, TenantSpec
from tests.benchmarks.programs import cpu
from tests.support.bench_report import note, show
from tests.support.simulator_process import running_simulator

ROUNDS = 7
CALL_CENTRE = {"callbot": 100, "chatbot": 200, "advisor": 50, "stt": 100, "tts": 100}
CATALOG = load_catalog()
SIZING = size(CALL_CENTRE, SlaTarget(), None, None, CATALOG)
LIMIT = 0.2
"""Of kubectl's wall time."""
Way = Callable[[str], Awaitable[None]]
"""Applies the manifest of the tenant with this id."""


class Cost(NamedTuple):
    """Seconds: by the clock, of the client's CPU, and of the simulator's."""

    wall: float
    client: float
    server: float


def objects_of(tenant: str) -> list[Obj]:
    spec = TenantSpec(tenant_id=tenant, name=tenant, service_requirements=CALL_CENTRE)
    return render(spec, SIZING, DeployOptions(include_ingress=True), catalog=CATALOG)


async def by_kubectl(binary: str, server: str, folder: Path, tenant: str, *options: str) -> None:
    file = folder / f"{tenant}.yaml"
    file.write_text(to_yaml(objects_of(tenant)), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(binary, "--server", server, "--cache-dir", str(folder / "cache"), "apply", "-f", str(file), *options),
        stdout=asyncio.subprocess.DEVNULL,
        env={**os.environ, "KUBECONFIG": "/dev/null"},
    )
    if await process.wait():
        raise SystemExit("kubectl failed")


async def by_us(cluster: KubernetesAdapter, read: Callable[[str], list[Obj]], tenant: str) -> None:
    async def nothing(position: int, is_skipped: bool) -> None:
        """Progress isn't measured here."""

    await apply_all(cluster, read(tenant), force=False, check=lambda: None, report=nothing)


async def one_by_one(cluster: KubernetesAdapter, tenant: str) -> None:
    """As ours did before: read from YAML, one object after the other."""
    for obj in parse_manifest(to_yaml(objects_of(tenant)), f"ecp-ai-{tenant}"):
        await cluster.apply(obj, force=False)


async def measured(way: Way, tenant: str, pid: int) -> Cost:
    clients, server, began = _used(), cpu([pid]), time.perf_counter()
    await way(tenant)
    wall = time.perf_counter() - began
    return Cost(wall, _used() - clients, cpu([pid]) - server)


def _used() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def compare(costs: dict[str, list[Cost]], peer: str) -> None:
    table = Table("", "wall", "of kubectl's", "client's CPU", "simulator's CPU", title="applying the call centre")
    for name, each in costs.items():
        ratio = statistics.median(one.wall / other.wall for one, other in zip(each, costs[peer], strict=True))
        wall, client, server = (statistics.median(values) * 1000 for values in zip(*each, strict=True))
        table.add_row(name, f"{wall:.0f} ms", f"{ratio:.2f}", f"{client:.0f} ms", f"{server:.0f} ms")
    show(table)
    note(f"limit: {LIMIT:g} of kubectl's wall time")


async def main() -> None:
    binary, port = shutil.which("kubectl"), free_ports(1)[0]
    if binary is None:
        raise SystemExit("there is no kubectl to compare with")
    server = f"http://127.0.0.1:{port}/clusters/demo"
    with TemporaryDirectory() as folder:
        async with running_simulator(port) as (process, _):
            cluster = KubernetesAdapter("demo", partial(connect, server=server, connections=16))
            kubectl = partial(by_kubectl, binary, server, Path(folder))
            ways: dict[str, Way] = {
                "kubectl apply": kubectl,
                "kubectl apply --server-side": lambda tenant: kubectl(tenant, "--server-side"),
                "one object after the other, from YAML": partial(one_by_one, cluster),
                "the deployer": partial(
                    by_us, cluster, lambda tenant: stored_objects(to_stored(objects_of(tenant)), f"ecp-ai-{tenant}")
                ),
            }
            costs: dict[str, list[Cost]] = {name: [] for name in ways}
            for round_ in range(ROUNDS):
                for number, (name, way) in enumerate(ways.items()):
                    cost = await measured(way, f"bench-{round_}-{number}", process.pid)
                    costs[name] += [cost] if round_ else []
            await cluster.close()
    compare(costs, "kubectl apply")


if __name__ == "__main__":
    asyncio.run(main())
