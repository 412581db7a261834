"""When the controller reads a tenant's records, and how often."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from embedded.child import until
from services.deployer.mode_context import ModeContext
from services.deployer.reconcile.controller import Controller
from services.deployer.settings import DeployerSettings
from services.deployer.state.records import DesiredState
from services.deployer.state.repository import TenantRecords
from shared.subjects import Mode

NO_RECORDS = TenantRecords(None, 0, None, 0)


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
    """Has no records; a read returns once `answer` is set."""

    def __init__(self) -> None:
        self.reads = 0
        self.answer = asyncio.Event()

    async def follow(self, seconds: float) -> AsyncIterator[DesiredState]:
        await asyncio.Event().wait()
        yield desired(0)

    async def read(self, key: str) -> TenantRecords:
        self.reads += 1
        await self.answer.wait()
        return NO_RECORDS


def context_of(states: SlowStates) -> ModeContext:
    unused: Any = None
    return ModeContext(
        mode=Mode.DEMO,
        states=cast(Any, states),
        manifests=unused,
        clusters=unused,
        publisher=unused,
        leases=unused,
        drift_leases=unused,
    )


async def test_a_generation_that_arrives_during_a_read_causes_another_read() -> None:
    states = SlowStates()
    controller = Controller(context_of(states), DeployerSettings(nats_url="nats://127.0.0.1:4222"))
    running = asyncio.create_task(controller.run())
    await asyncio.sleep(0)  # it begins
    controller.enqueue(desired(1))
    await until(lambda: _is(states.reads == 1), 60)
    controller.enqueue(desired(2))
    states.answer.set()
    await until(lambda: _is(states.reads == 2), 60)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def _is(what: bool) -> bool:
    return what
