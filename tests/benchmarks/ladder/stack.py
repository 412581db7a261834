"""The embedded stack for a benchmark: as `make run`, without its first deployment, with nodes for many tenants."""

import json
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import httpx
from rich.console import Console

from embedded.directory import DataDirectory
from embedded.ports import free_ports
from embedded.report import ConsoleReport
from embedded.settings import EmbeddedSettings
from embedded.stack import Stack
from tests.benchmarks.ladder.servers import Servers
from tests.support.http_client import local_client

PODS_OF_A_NODE = 25
_LARGE = {"cpu": "500", "memory": "1000Gi", "pods": "110"}
_PORTS = (
    *(
        "gateway",
        "simulator",
        "simulator_https",
        "nats",
        "nats_monitor",
        "database",
        "demo_database",
        "simulator_database",
    ),
    *("calculator", "manifest", "deployer", "monitor"),
)


@dataclass(frozen=True)
class RunningStack:
    """A stack that runs, and how it is reached."""

    directory: DataDirectory
    servers: Servers
    gateway: httpx.AsyncClient
    """Calls in demo mode."""
    simulator: httpx.AsyncClient


@asynccontextmanager
async def running_stack() -> AsyncIterator[RunningStack]:
    """A stack on free ports in a temporary directory, which ends with the block."""
    async with AsyncExitStack() as exits:
        root = Path(exits.enter_context(TemporaryDirectory(prefix="ecp-ladder-"))) / "data"
        ports = {f"{name}_port": port for name, port in zip(_PORTS, free_ports(len(_PORTS)), strict=True)}
        settings = EmbeddedSettings.read(data_dir=root, **ports)
        directory = DataDirectory.prepare(root)
        stack = Stack(settings, directory, ConsoleReport(Console(file=StringIO())))
        exits.push_async_callback(stack.stop)
        await stack.start()
        url = json.loads(directory.addresses.read_text(encoding="utf-8"))["DEMO_DATABASE_URL"]
        database = await asyncpg.connect(url)
        exits.push_async_callback(database.close)
        clients = [
            await exits.enter_async_context(local_client(base_url=base, timeout=60, headers=headers))
            for base, headers in (
                (f"{settings.gateway_url}/api/v1", {"X-Demo-Mode": "true"}),
                (f"{settings.simulator_url}/clusters/demo", {}),
            )
        ]
        yield RunningStack(directory, Servers(settings.nats_monitor_url, database), *clients)


async def add_nodes(simulator: httpx.AsyncClient, pods: int, *, gpu_pods: int = 0) -> None:
    """Large nodes like those that are there: for `pods` pods, and with GPUs for `gpu_pods`."""
    nodes = (await simulator.get("/api/v1/nodes")).json()["items"]
    of_kind = {"nvidia.com/gpu" in each["status"]["capacity"]: each for each in nodes}
    for has_gpus, example in of_kind.items():
        for number in range(math.ceil((gpu_pods if has_gpus else pods) / PODS_OF_A_NODE)):
            name = f"large-{'gpu' if has_gpus else 'cpu'}-{len(nodes) + number:03}"
            capacity = example["status"]["capacity"] | _LARGE | ({"nvidia.com/gpu": "110"} if has_gpus else {})
            labels = example["metadata"]["labels"] | {"kubernetes.io/hostname": name}
            node = {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": labels},
                "spec": {key: value for key, value in example["spec"].items() if key == "taints"},
                "status": {
                    "capacity": capacity,
                    "allocatable": capacity,
                    "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
                },
            }
            (await simulator.post("/api/v1/nodes", json=node)).raise_for_status()
