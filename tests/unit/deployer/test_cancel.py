"""A cancel: at every step, before and after the work, repeated, late, and while a failure is undone."""

import asyncio
from typing import Any

import pytest

from services.deployer.reconcile.generation_guard import Cancelled, GenerationGuard, Superseded
from services.deployer.reconcile.progress import report_cancelled
from services.deployer.state.generations import decide, is_settled, unfinished_of
from services.deployer.state.progress_report import ProgressReport
from services.deployer.state.records import AppliedState, DesiredState
from shared.events import (
    DeployCancelled,
    DeployCompleted,
    DeployEvent,
    DeployFailed,
    DeployRolledBack,
    DeployStarted,
    DeploySuperseded,
    Phase,
    ResourceState,
)
from shared.outcomes import Outcome
from tests.support.deployer_scenario import KEY, TENANT, TenantScenario, config_map, deployment, namespace
from tests.unit.deployer.test_operations import LATER, OBJECTS, failing, running, starting, stopping
from tests.unit.deployer.test_reconciler import kill_and_settle, steps_of

_ENDS = (DeployCancelled, DeployCompleted, DeployRolledBack, DeployFailed, DeploySuperseded)


async def applied_of(scenario: TenantScenario) -> AppliedState:
    applied = (await scenario.states.read(KEY)).applied
    assert applied is not None
    return applied


def ends_of(scenario: TenantScenario, deployment_id: str) -> list[Any]:
    return [event for event in scenario.events_of(deployment_id) if isinstance(event, _ENDS)]


async def test_what_was_applied_stays_and_is_listed() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, [namespace(), config_map("a"), deployment("callbot"), deployment("redis")])
    await scenario.settle_cancelled("after apply Deployment", 1)
    [end] = ends_of(scenario, "dep-1")
    assert isinstance(end, DeployCancelled)
    assert end.changed
    assert end.message == (
        "cancelled; 3 of 4 objects are applied and stay: Namespace ecp-ai-acme, ConfigMap a, Deployment callbot"
    )
    assert scenario.cluster.names == {
        ("Namespace", "ecp-ai-acme"),
        ("ConfigMap", "a"),
        ("Deployment", "callbot"),
    }
    states = {each.name: each.status for each in end.resources}
    assert states == {"ecp-ai-acme": "Active", "a": "Active", "callbot": "Progressing", "redis": "Pending"}
    assert (await applied_of(scenario)).outcome is Outcome.CANCELLED


async def test_a_later_deployment_goes_on_as_usual_and_removes_what_it_does_not_want() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, [namespace(), config_map("a"), deployment("callbot")])
    await scenario.settle_cancelled("after apply ConfigMap", 1)
    await scenario.desire(2, [namespace(), deployment("callbot")])
    await scenario.settle()
    assert isinstance(ends_of(scenario, "dep-2")[0], DeployCompleted)
    assert scenario.cluster.names == {("Namespace", "ecp-ai-acme"), ("Deployment", "callbot")}


async def test_a_deployment_that_the_deployer_does_not_know_yet_ends_at_once_and_its_manifest_is_ignored() -> None:
    scenario = TenantScenario()
    await scenario.cancel(1)
    await scenario.settle()
    await scenario.desire(1, OBJECTS)
    await scenario.settle()
    [end] = ends_of(scenario, "dep-1")
    assert isinstance(end, DeployCancelled)
    assert (end.changed, end.message) == (False, "cancelled before anything changed")
    assert scenario.cluster.names == set()


async def test_a_cancel_before_any_work_keeps_what_runs() -> None:
    scenario = await running()
    await scenario.desire(3, [namespace(), deployment("advisor")])
    await scenario.cancel(3)
    before = scenario.cluster.names
    await scenario.settle()
    [end] = ends_of(scenario, "dep-3")
    assert isinstance(end, DeployCancelled)
    assert not end.changed
    assert scenario.cluster.names == before
    applied = await applied_of(scenario)
    assert applied.digest == "sha256:2", "what was healthy last"
    assert unfinished_of(applied) == (), "nothing of it has begun"


async def test_a_cancel_that_comes_after_the_end_changes_nothing() -> None:
    scenario = await running()
    before = await scenario.states.read(KEY)
    await scenario.cancel(2)
    assert await scenario.states.read(KEY) == before
    assert [type(event) for event in ends_of(scenario, "dep-2")] == [DeployCompleted]
    await scenario.cancel(1)
    assert await scenario.states.read(KEY) == before


async def test_a_cancel_twice_ends_once() -> None:
    scenario = await running()
    await scenario.desire(3, OBJECTS)
    await scenario.cancel(3)
    await scenario.cancel(3)
    await scenario.settle()
    await scenario.cancel(3)
    await scenario.settle()
    assert len(ends_of(scenario, "dep-3")) == 1


async def test_neither_rollback_nor_deletion_follows_a_cancel() -> None:
    for on_failure in ("rollback", "delete"):
        scenario = await running()
        await scenario.desire(3, [*LATER, config_map("newest")], on_failure=on_failure)
        await scenario.settle_cancelled("after apply Deployment", 3)
        [end] = ends_of(scenario, "dep-3")
        assert isinstance(end, DeployCancelled), on_failure
        assert ("ConfigMap", "newest") in scenario.cluster.names


async def test_the_undoing_of_a_failure_can_be_cancelled() -> None:
    scenario = await failing("rollback")
    with pytest.raises(Exception, match="ProgressDeadlineExceeded"):
        await scenario.attempt()
    await scenario.cancel(3)
    await scenario.settle()
    [end] = ends_of(scenario, "dep-3")
    assert isinstance(end, DeployCancelled)
    assert ("Deployment", "advisor") in scenario.cluster.names


async def test_a_deletion_is_not_cancelled() -> None:
    scenario = await running()
    await scenario.desire(3)
    await scenario.cancel(3)
    await scenario.settle()
    assert scenario.cluster.names == set()
    assert (await applied_of(scenario)).outcome is Outcome.DELETED


async def test_a_cancelled_stop_should_run_and_a_cancelled_start_is_stopped_unless_something_was_started() -> None:
    scenario = await stopping()
    await scenario.settle_cancelled("after patch Deployment", 3)
    assert not (await applied_of(scenario)).stopped
    scenario = await starting()
    await scenario.cancel(4)
    await scenario.settle()
    assert (await applied_of(scenario)).stopped
    scenario = await starting()
    await scenario.settle_cancelled("after patch Deployment", 4)
    assert not (await applied_of(scenario)).stopped


@pytest.mark.slow
async def test_killed_at_any_step_a_cancelled_deployment_ends_once_and_as_cancelled() -> None:
    async def cancelled() -> TenantScenario:
        scenario = await running()
        await scenario.desire(3, OBJECTS)
        with_first = scenario.step
        await scenario.open()
        await scenario.cancel(3)
        scenario.step = with_first
        return scenario

    for at in range(await steps_of(await cancelled())):
        scenario = await cancelled()
        await kill_and_settle(scenario, at)
        events = scenario.events_of("dep-3")
        assert isinstance(events[0], DeployStarted), at
        assert [type(event) for event in ends_of(scenario, "dep-3")] == [DeployCancelled], at
        progress = [event.progress for event in events if isinstance(event, DeployEvent)]
        assert progress == sorted(progress)


@pytest.mark.slow
async def test_noted_at_any_step_a_deployment_ends_once_completed_or_cancelled() -> None:
    async def deploying() -> TenantScenario:
        scenario = await running()
        await scenario.desire(3, OBJECTS)
        return scenario

    seen = set()
    for at in range(await steps_of(await deploying())):
        scenario, count = await deploying(), 0

        def note(_: str, at: int = at, scenario: TenantScenario = scenario) -> None:
            nonlocal count
            if count == at:
                scenario.guard.observe(3, cancelled=True)
            count += 1

        scenario.step = note
        await scenario.settle()
        [end] = ends_of(scenario, "dep-3")
        seen.add(type(end))
        applied = await applied_of(scenario)
        assert (applied.outcome is Outcome.CANCELLED) == isinstance(end, DeployCancelled)
    assert seen == {DeployCancelled, DeployCompleted}


def test_a_lost_record_is_cancelled_by_the_copy_that_the_work_has() -> None:
    wanted = _desired(3)
    applied = _applied(wanted)
    found = decide(_desired(3, cancelled=True), None, applied)
    assert isinstance(found, DesiredState)
    assert (found.digest, found.cancelled) == ("sha256:3", True)
    ended = applied.model_copy(update={"outcome": Outcome.CANCELLED, "announced": True})
    assert decide(_desired(3, cancelled=True), wanted, ended) is None
    assert is_settled(wanted, ended)


def test_a_guard_wakes_for_a_cancel_of_its_own_generation_only() -> None:
    guard, woken = GenerationGuard(), []
    guard.observe(2)
    with guard.waking(lambda: woken.append(1)):
        guard.observe(2)
        assert woken == []
        guard.observe(2, cancelled=True)
        guard.observe(2, cancelled=True)
    assert woken == [1]
    with pytest.raises(Cancelled):
        guard.check(2)
    guard.observe(3)
    guard.check(3)
    with pytest.raises(Superseded):
        guard.check(2)


async def test_a_pause_ends_with_the_news_of_a_cancel() -> None:
    guard = GenerationGuard()
    guard.observe(1)
    waiting = asyncio.create_task(guard.pause(60))
    await asyncio.sleep(0)
    guard.observe(1, cancelled=True)
    await asyncio.wait_for(waiting, 60)


@pytest.mark.parametrize(
    ("action", "phase", "resources", "message"),
    [
        ("deploy", Phase.CREATING_NAMESPACE, (), "cancelled; what was applied stays"),
        (
            "deploy",
            Phase.SCALING_SERVICES,
            (ResourceState(type="Deployment", name="tts", status="Pending"),),
            "cancelled; 1 of 1 objects are applied and stay: Deployment tts",
        ),
        (
            "stop",
            Phase.SCALING_SERVICES,
            (
                ResourceState(type="Deployment", name="tts", status="Stopped"),
                ResourceState(type="Deployment", name="stt", status="Terminating"),
            ),
            "cancelled; 1 of 2 workloads are stopped, and a start brings them back",
        ),
    ],
)
def test_the_message_has_what_is_left(action: str, phase: Phase, resources: Any, message: str) -> None:
    last = ProgressReport(phase, 40, "before", resources)
    assert report_cancelled(last, action, changed=True).message == message
    assert report_cancelled(last, action, changed=False).message == "cancelled before anything changed"


def _desired(generation: int, *, cancelled: bool = False) -> DesiredState:
    return DesiredState(
        tenant_id=TENANT,
        target="fake",
        deployment_id=f"dep-{generation}",
        generation=generation,
        action="deploy",
        digest=None if cancelled else f"sha256:{generation}",
        correlation_id="req",
        cancelled=cancelled,
    )


def _applied(wanted: DesiredState) -> AppliedState:
    return AppliedState.model_validate(
        {
            "deployment_id": wanted.deployment_id,
            "generation": wanted.generation,
            "wanted": wanted,
            "outcome": Outcome.RUNNING,
            "started_at": "2026-01-01T00:00:00Z",
            "last_event": {
                "subject": "deploy.started",
                "sequence": 0,
                "phase": "creating-namespace",
                "progress": 10,
                "message": "",
            },
        }
    )
