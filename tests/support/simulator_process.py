"""The complete simulator as a process, for tests that need a real server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

import httpx

from tests.support.http_client import local_client
from tests.support.polling import eventually
from tests.support.warm_programs import PROGRAMS, WarmProcess


@contextlib.asynccontextmanager
async def running_simulator(
    port: int,
    *,
    database_url: str = "",
    speed: float = 1.0,
    write_timeout: float = 5.0,
    more: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[WarmProcess, httpx.AsyncClient]]:
    """A simulator that is ready, and a client for it; killed at the end if it still runs. `more` are variables."""
    environment = {
        "SIMULATOR_DATABASE_URL": database_url,
        "SIMULATOR_PORT": str(port),
        "SIMULATOR_SPEED": str(speed),
        "SIMULATOR_WRITE_TIMEOUT": str(write_timeout),
        **(more or {}),
    }
    process = await PROGRAMS.start("services.simulator", environment=environment)
    client = local_client(base_url=f"http://127.0.0.1:{port}", timeout=60)
    try:
        await _wait_until_ready(process, client)
        yield process, client
    finally:
        await client.aclose()
        process.kill()
        await process.wait()


async def _wait_until_ready(process: WarmProcess, client: httpx.AsyncClient) -> None:
    async def answers() -> bool:
        assert process.returncode is None, "the simulator has ended"
        with contextlib.suppress(httpx.TransportError):
            return (await client.get("/ready")).status_code == 200
        return False

    await eventually(answers)
