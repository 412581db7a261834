"""Which tenants the controller looks at, and how often."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, cast

from embedded.child import until
from services.deployer.reconcile.controller import Controller, World
from services.deployer.settings import DeployerSettings
from services.deployer.state.records import DesiredState
from services.deployer.state.repository import TenantRecords
from shared.subjects import Mode

NOTHING = TenantRecords(None, 0, None, 0)


def desired(generation: int) -> DesiredState:
    return DesiredState(
        tenant_id="a",
        target="fake",
        deployment_id=f"dep-{generation}",
        generation=generation,
        action="deploy",
        correlation_id="c",
    )


class SlowStates:
    """Records of a tenant that is gone; the first look at them takes until `answer` is set."""

    def __init__(self) -> None:
        self.looks = 0
        self.answer = asyncio.Event()

    async def follow(self, seconds: float) -> AsyncIterator[DesiredState]:
        await asyncio.Event().wait()
        yield desired(0)

    async def read(self, key: str) -> TenantRecords:
        self.looks += 1
        await self.answer.wait()
        return NOTHING


async def test_what_comes_during_a_look_is_looked_at_again() -> None:
    states = SlowStates()
    worlds = {Mode.DEMO: World(cast(Any, states), cast(Any, None), cast(Any, None))}
    settings = DeployerSettings(nats_url="nats://127.0.0.1:4222")
    controller = Controller(worlds, cast(Any, None), cast(Any, None), settings, lambda: datetime.now(UTC))
    running = asyncio.create_task(controller.run())
    await asyncio.sleep(0)  # it begins
    controller.notice(Mode.DEMO, desired(1))
    await until(lambda: _is(states.looks == 1), 5)
    controller.notice(Mode.DEMO, desired(2))
    states.answer.set()
    await until(lambda: _is(states.looks == 2), 5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def _is(what: bool) -> bool:
    return what
