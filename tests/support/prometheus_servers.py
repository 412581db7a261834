"""A real Prometheus and a real Alertmanager (Debian's packages), as child processes on free ports."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from embedded.ports import free_ports
from tests.support.http_client import local_client
from tests.support.polling import eventually

PROMETHEUS = shutil.which("prometheus")
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
_SECONDS = 60.0


@asynccontextmanager
async def running_prometheus(directory: Path, configuration: str) -> AsyncIterator[str]:
    """Its URL, as soon as it is ready."""
    [port] = free_ports(1)
    file = _written(directory, "prometheus.yml", configuration)
    command = [
        str(PROMETHEUS),
        f"--config.file={file}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    async with _running(command, directory / "log", f"http://127.0.0.1:{port}") as url:
        yield url


@asynccontextmanager
async def running_alertmanager(directory: Path, configuration: str) -> AsyncIterator[str]:
    """Its URL, as soon as it is ready. It joins no cluster."""
    [port] = free_ports(1)
    file = _written(directory, "alertmanager.yml", configuration)
    command = [
        str(ALERTMANAGER),
        f"--config.file={file}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    async with _running(command, directory / "log", f"http://127.0.0.1:{port}") as url:
        yield url


async def query(url: str, expression: str) -> list[tuple[dict[str, str], float]]:
    """The labels and values that PromQL finds now."""
    async with local_client() as http:
        found: dict[str, Any] = (await http.get(f"{url}/api/v1/query", params={"query": expression})).json()
    return [(each["metric"], float(each["value"][1])) for each in found["data"]["result"]]


def _written(directory: Path, name: str, configuration: str) -> Path:
    directory.mkdir()
    file = directory / name
    file.write_text(configuration)
    return file


@asynccontextmanager
async def _running(command: Sequence[str], log: Path, url: str) -> AsyncIterator[str]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    try:
        await eventually(lambda: _is_ready(url), _SECONDS)
        yield url
    finally:
        process.terminate()
        await process.wait()


async def _is_ready(url: str) -> bool:
    try:
        async with local_client() as http:
            return (await http.get(f"{url}/-/ready")).is_success
    except httpx.TransportError:
        return False
