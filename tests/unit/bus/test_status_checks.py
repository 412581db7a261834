"""How often a worker is checked, however many ask."""

import asyncio
from typing import Any, cast

import pytest

from shared.bus.status import StatusChecks
from shared.bus.worker import Worker
from shared.dependencies import Dependencies


class CheckedWorker:
    """A worker that has started. Its checks end when they are released, and are counted."""

    service = "gateway"
    started = True

    def __init__(self) -> None:
        self.broker = self
        self.dependencies = Dependencies()
        self.dependencies.add("PostgreSQL", self.check)
        self.released = asyncio.Event()
        self.checked = 0

    async def ping(self, **_: float) -> bool:
        await self.check()
        return True

    async def check(self) -> None:
        self.checked += 1
        await self.released.wait()


@pytest.mark.parametrize("path", ["health", "readiness"])
async def test_all_who_ask_at_the_same_time_share_one_check_and_later_ones_get_another(path: str) -> None:
    worker = CheckedWorker()
    checks = StatusChecks(cast("Worker", worker))
    ask: Any = getattr(checks, path)
    asking = [asyncio.create_task(ask()) for _ in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)
    asking[0].cancel()
    worker.released.set()
    answers = await asyncio.gather(*asking[1:])
    assert worker.checked == 1
    assert {each.status for each in answers} <= {"healthy", "ready"}
    await ask()
    assert worker.checked == 2
