"""One attempt after another at a tenant: by which rule each ends, and what the controller does with it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from embedded.child import until
from services.deployer.cluster.api import ClusterUnavailable
from services.deployer.reconcile.attempts import ActiveTenant, Attempts
from services.deployer.reconcile.controller import Controller
from services.deployer.settings import DeployerSettings
from services.deployer.state.records import DesiredState
from shared.errors import DependencyUnavailable, TemporaryError
from shared.events import DeployCompleted, DeployFailed, DeployStarted, TenantDeleted
from shared.outcomes import Outcome
from shared.subjects import Bucket
from tests.support.deployer_scenario import KEY, TENANT, HeldLeases, TenantScenario, config_map, namespace

OBJECTS = [namespace(), config_map("settings")]
SETTINGS = DeployerSettings(nats_url="nats://127.0.0.1:4222", takeover_interval=0.01)


async def attempt(
    scenario: TenantScenario,
    *,
    known: int = 1,
    settled: int = 0,
    leases: Any = None,
    tenant: ActiveTenant | None = None,
) -> int | None:
    attempts = Attempts(scenario.mode_context(leases), SETTINGS, None)
    records = await scenario.states.read(KEY)
    return await attempts.attempt(KEY, tenant or ActiveTenant(), records, known=known, settled=settled)


async def test_an_attempt_deploys_and_the_next_one_finds_the_tenant_settled() -> None:
    scenario = TenantScenario()
    deployment_id = await scenario.desire(1, OBJECTS)
    assert await attempt(scenario) is None
    assert isinstance(scenario.events_of(deployment_id)[-1], DeployCompleted)
    assert await attempt(scenario) == 1


async def test_without_a_desired_state_the_known_generation_is_settled() -> None:
    assert await attempt(TenantScenario(), known=7) == 7


async def test_a_lease_that_another_replica_holds_leaves_the_work_to_it() -> None:
    scenario = TenantScenario()
    deployment_id = await scenario.desire(1, OBJECTS)
    assert await attempt(scenario, leases=HeldLeases()) is None
    assert scenario.events_of(deployment_id) == []


async def test_a_lost_desired_state_is_restored_from_the_applied_one() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    await scenario.open()
    records = await scenario.states.read(KEY)
    await scenario.buckets[Bucket.DESIRED].delete(KEY, records.desired_revision)
    assert await attempt(scenario) is None
    restored = (await scenario.states.read(KEY)).desired
    assert restored is not None
    assert restored.generation == 1


async def test_an_older_desired_state_than_the_settled_one_is_waited_out() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    with pytest.raises(TemporaryError, match="the record of generation 2 is gone"):
        await attempt(scenario, settled=2)


async def test_a_deleted_tenant_loses_its_desired_state_and_keeps_its_generation() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    await attempt(scenario)
    deletion = await scenario.desire(2)
    await attempt(scenario, known=2)
    assert isinstance(scenario.events_of(deletion)[-1], TenantDeleted)
    assert await attempt(scenario, known=2) == 2
    records = await scenario.states.read(KEY)
    assert records.desired is None
    assert records.applied is not None
    assert (records.applied.generation, records.applied.outcome) == (2, Outcome.DELETED)


async def test_a_target_that_is_gone_fails_the_deployment() -> None:
    scenario = TenantScenario()
    wanted = DesiredState(
        tenant_id=TENANT, target="moon", deployment_id="dep-1", generation=1, action="deploy", correlation_id="c"
    )
    await scenario.states.set_desired(wanted)
    attempts = Attempts(scenario.mode_context(), SETTINGS, None)
    await attempts.attempt(wanted.key, ActiveTenant(), await scenario.states.read(wanted.key), known=1, settled=0)
    [started, failed] = scenario.events_of("dep-1")
    assert isinstance(started, DeployStarted)
    assert isinstance(failed, DeployFailed)
    assert failed.code == "UNKNOWN_TARGET"


async def test_the_clocks_of_a_generation_are_kept_between_attempts() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    tenant = ActiveTenant()

    def refuse(what: str) -> None:
        if what == "before apply ConfigMap":
            raise ClusterUnavailable("fake", "connection refused")

    scenario.step = refuse
    with pytest.raises(ClusterUnavailable):
        await attempt(scenario, tenant=tenant)
    first = tenant.deadlines
    scenario.step = lambda what: None
    await attempt(scenario, tenant=tenant)
    assert first is not None
    assert tenant.deadlines is first


@contextlib.asynccontextmanager
async def running(scenario: TenantScenario) -> AsyncIterator[Controller]:
    """A controller of the scenario, whose bucket never announces a change."""

    async def follow(seconds: float) -> AsyncIterator[DesiredState]:
        await asyncio.Event().wait()
        for desired in ():
            yield desired

    cast(Any, scenario.states).follow = follow
    controller = Controller(scenario.mode_context(), SETTINGS)
    task = asyncio.create_task(controller.run())
    await asyncio.sleep(0)  # it begins
    try:
        yield controller
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def enqueue(scenario: TenantScenario, controller: Controller) -> None:
    desired = (await scenario.states.read(KEY)).desired
    assert desired is not None
    controller.enqueue(desired)


async def ended(scenario: TenantScenario, deployment_id: str) -> bool:
    return any(isinstance(event, DeployCompleted) for event in scenario.events_of(deployment_id))


@pytest.mark.parametrize("error", [DependencyUnavailable("NATS", "gone"), RuntimeError("a fault of ours")])
async def test_after_an_error_the_tenant_is_requeued_until_it_is_settled(error: Exception) -> None:
    scenario = TenantScenario()
    deployment_id = await scenario.desire(1, OBJECTS)
    failures = [error]

    def fail_once(what: str) -> None:
        if what == "before apply ConfigMap" and failures:
            raise failures.pop()

    scenario.step = fail_once
    async with running(scenario) as controller:
        await enqueue(scenario, controller)
        await until(lambda: ended(scenario, deployment_id), 60)
    assert failures == []


async def test_the_end_of_a_finished_generation_is_published_again_under_its_id() -> None:
    scenario = TenantScenario()
    deployment_id = await scenario.desire(1, OBJECTS)
    await scenario.settle()
    before = dict(scenario.publisher.events)
    published: list[str] = []
    scenario.step = published.append
    controller = Controller(scenario.mode_context(), SETTINGS)
    records = await scenario.states.read(KEY)
    assert records.desired is not None
    await controller.repeat_end(records.desired, records)
    assert "after publish deploy.completed" in published
    assert scenario.publisher.events == before
    assert await ended(scenario, deployment_id)


async def test_nothing_is_enqueued_while_the_controller_does_not_run() -> None:
    scenario = TenantScenario()
    deployment_id = await scenario.desire(1, OBJECTS)
    await enqueue(scenario, Controller(scenario.mode_context(), SETTINGS))
    await asyncio.sleep(0)
    assert scenario.events_of(deployment_id) == []
