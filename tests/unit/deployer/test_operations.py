"""Stop, start, restart, rollback, and failures that are undone: killed at every step, repeated and overtaken."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from services.deployer.reconcile.scaling import RESTARTED_AT
from services.deployer.state.records import ObjectRef
from shared.events import (
    DeployCompleted,
    DeployEvent,
    DeployFailed,
    DeployRolledBack,
    DeployStarted,
    DeploySuperseded,
    Operation,
)
from shared.kube.objects import Obj
from shared.outcomes import Outcome
from tests.support.deployer_fakes import HEALTHY
from tests.support.deployer_scenario import (
    BROKEN,
    KEY,
    NAMESPACE,
    TenantScenario,
    autoscaler,
    config_map,
    deployment,
    namespace,
)
from tests.unit.deployer.test_reconciler import kill_and_settle, steps_of

OBJECTS = [
    namespace(),
    config_map("settings"),
    deployment("callbot", None),
    autoscaler("callbot", 1),
    deployment("redis", 1),
]
LATER = [
    namespace(),
    config_map("more"),
    deployment("callbot", None, image="2"),
    autoscaler("callbot", 1),
    deployment("redis", 2),
]
Scene = Callable[[], Awaitable[TenantScenario]]


def workload(name: str) -> ObjectRef:
    return ObjectRef(api_version="apps/v1", kind="Deployment", namespace=NAMESPACE, name=name)


async def spec_of(scenario: TenantScenario, name: str) -> Any:
    live = await scenario.cluster.read(workload(name))
    assert live is not None
    return live["spec"]


async def image_of(scenario: TenantScenario, name: str) -> str:
    containers = (await spec_of(scenario, name))["template"]["spec"]["containers"]
    return str(containers[0]["image"])


async def running() -> TenantScenario:
    """Generation 1 and then 2, which is healthy."""
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    await scenario.settle()
    await scenario.desire(2, LATER)
    await scenario.settle()
    return scenario


async def stopping() -> TenantScenario:
    scenario = await running()
    await scenario.operate(3, Operation.STOP)
    return scenario


async def starting() -> TenantScenario:
    scenario = await stopping()
    await scenario.settle()
    await scenario.operate(4, Operation.START, to=2)
    return scenario


async def restarting() -> TenantScenario:
    scenario = await running()
    await scenario.operate(3, Operation.RESTART, to=2)
    return scenario


async def rolling_back() -> TenantScenario:
    scenario = await running()
    await scenario.operate(3, Operation.ROLLBACK, to=1)
    return scenario


async def check_stopped(scenario: TenantScenario) -> None:
    for name in ("callbot", "redis"):
        assert (await spec_of(scenario, name))["replicas"] == 0
    assert ("ConfigMap", "more") in scenario.cluster.names
    assert scenario.events_of("dep-3")[-1].model_dump()["operation"] is Operation.STOP


async def check_started(scenario: TenantScenario) -> None:
    assert (await spec_of(scenario, "callbot"))["replicas"] == 1, "the autoscaler's minimum"
    assert (await spec_of(scenario, "redis"))["replicas"] == 2, "the manifest's own"


async def check_restarted(scenario: TenantScenario) -> None:
    for name in ("callbot", "redis"):
        annotations = (await spec_of(scenario, name))["template"]["metadata"]["annotations"]
        assert annotations == {RESTARTED_AT: "2026-01-01T00:00:00Z"}


async def check_rolled_back(scenario: TenantScenario) -> None:
    assert await image_of(scenario, "callbot") == "callbot:1"
    assert ("ConfigMap", "more") not in scenario.cluster.names
    assert await scenario.inventory() == {(each["kind"], each["metadata"]["name"]) for each in OBJECTS}


SCENES: list[Any] = [
    pytest.param(stopping, "dep-3", DeployCompleted, check_stopped, id="stop"),
    pytest.param(starting, "dep-4", DeployCompleted, check_started, id="start"),
    pytest.param(restarting, "dep-3", DeployCompleted, check_restarted, id="restart"),
    pytest.param(rolling_back, "dep-3", DeployRolledBack, check_rolled_back, id="rollback"),
]


@pytest.mark.parametrize(("scene", "deployment_id", "end", "check"), SCENES)
@pytest.mark.slow
async def test_killed_at_any_step_a_successor_finishes_the_operation_and_reports_it_once(
    scene: Scene, deployment_id: str, end: type[DeployEvent], check: Callable[[TenantScenario], Awaitable[None]]
) -> None:
    for at in range(await steps_of(await scene())):
        scenario = await scene()
        await kill_and_settle(scenario, at)
        await check(scenario)
        events = scenario.events_of(deployment_id)
        assert isinstance(events[0], DeployStarted)
        assert isinstance(events[-1], end), at
        assert sum(isinstance(event, DeployCompleted | DeployRolledBack | DeployFailed) for event in events) == 1
        progress = [event.progress for event in events if isinstance(event, DeployEvent)]
        assert progress == sorted(progress)


async def test_a_stop_waits_until_no_pod_is_left_and_spares_the_pods_of_others() -> None:
    scenario = await running()
    owner = (await scenario.cluster.read(workload("callbot"))) or {}
    mine = _pod("callbot-1", owner["metadata"]["uid"])
    scenario.cluster.put(mine)
    scenario.cluster.put(_pod("debugging", "uid-of-something-else"))
    await scenario.operate(3, Operation.STOP)
    seen: list[str] = []

    def end_the_pod(what: str) -> None:
        """After the replicas are gone, and progress with the remaining pod was published."""
        if what == "after patch Deployment":
            scenario.now += timedelta(seconds=10)
        if what == "after publish deploy.progressed":
            seen.extend(event.message for event in scenario.events_of("dep-3") if isinstance(event, DeployEvent))
            scenario.cluster.finish_removal(
                ObjectRef(api_version="v1", kind="Pod", namespace=NAMESPACE, name="callbot-1")
            )

    scenario.step = end_the_pod
    await scenario.settle()
    assert any("waiting for callbot-1" in message for message in seen)
    completed = scenario.events_of("dep-3")[-1]
    assert isinstance(completed, DeployCompleted)
    assert {(each.name, each.status, each.replicas) for each in completed.resources} == {
        ("callbot", "Stopped", "0/0"),
        ("redis", "Stopped", "0/0"),
    }


async def test_what_is_scaled_up_while_it_is_stopped_is_taken_down_again() -> None:
    scenario = await stopping()
    left = 1

    def scale_up(what: str) -> None:
        nonlocal left
        if what == "after patch Deployment" and left:
            left -= 1
            scenario.cluster.apply_as("kubectl", deployment("callbot", 5))

    scenario.step = scale_up
    await scenario.settle()
    await check_stopped(scenario)


async def test_a_stop_of_what_was_never_deployed_is_done_at_once() -> None:
    scenario = TenantScenario()
    await scenario.operate(1, Operation.STOP)
    await scenario.settle()
    assert [type(event) for event in scenario.events_of("dep-1")] == [DeployStarted, DeployCompleted]


async def test_a_deploy_starts_what_is_stopped() -> None:
    scenario = await stopping()
    await scenario.settle()
    await scenario.desire(4, LATER)
    await scenario.settle()
    await check_started(scenario)


async def test_a_restart_that_comes_late_does_not_restart_what_was_restarted_since() -> None:
    scenario = await running()
    later = {"metadata": {"annotations": {RESTARTED_AT: "2026-02-01T00:00:00+09:00"}}}
    await scenario.cluster.patch(workload("callbot"), {"spec": {"template": later}})
    await scenario.operate(3, Operation.RESTART, to=2)
    await scenario.settle()
    callbot, redis = await spec_of(scenario, "callbot"), await spec_of(scenario, "redis")
    assert callbot["template"]["metadata"]["annotations"] == {RESTARTED_AT: "2026-02-01T00:00:00+09:00"}
    assert redis["template"]["metadata"]["annotations"] == {RESTARTED_AT: "2026-01-01T00:00:00Z"}


async def test_a_start_supersedes_a_stop_and_names_the_replaced_operation() -> None:
    scenario = await stopping()
    await scenario.operate(4, Operation.START, to=2)
    await scenario.settle()
    [superseded] = [event for event in scenario.events_of("dep-3") if isinstance(event, DeploySuperseded)]
    assert (superseded.superseded_by, superseded.operation) == (4, Operation.STOP)
    assert (await spec_of(scenario, "redis"))["replicas"] == 2


async def test_a_rollback_reports_what_runs_now_and_its_origin() -> None:
    scenario = await rolling_back()
    await scenario.settle()
    done = scenario.events_of("dep-3")[-1]
    assert isinstance(done, DeployRolledBack)
    assert (done.digest, done.operation) == ("sha256:1", Operation.ROLLBACK)
    assert done.message.startswith("back to generation 1; ")


async def failing(on_failure: str, scenario: TenantScenario | None = None) -> TenantScenario:
    """A generation 3 with another workload, which gets stuck."""
    scenario = scenario or await running()
    scenario.cluster.status = BROKEN
    objects = [*LATER, config_map("newest"), deployment("advisor")]
    await scenario.desire(3, objects, on_failure=on_failure)
    return scenario


@pytest.mark.slow
async def test_killed_at_any_step_a_failed_deployment_goes_back_to_what_was_healthy_last() -> None:
    for at in range(await steps_of(await failing("rollback"))):
        scenario = await failing("rollback")
        await kill_and_settle(scenario, at)
        done = scenario.events_of("dep-3")[-1]
        assert isinstance(done, DeployRolledBack), at
        assert done.digest == "sha256:2"
        assert "Deployment advisor" in done.message
        assert "ProgressDeadlineExceeded" in done.message
        assert scenario.cluster.names == {(each["kind"], each["metadata"]["name"]) for each in LATER}
        assert sum(isinstance(event, DeployRolledBack | DeployFailed) for event in scenario.events_of("dep-3")) == 1


@pytest.mark.slow
async def test_killed_at_any_step_what_a_failed_deployment_made_is_deleted_and_nothing_else() -> None:
    for at in range(await steps_of(await failing("delete"))):
        scenario = await failing("delete")
        await kill_and_settle(scenario, at)
        failed = scenario.events_of("dep-3")[-1]
        assert isinstance(failed, DeployFailed), at
        assert failed.code == "DEPLOYMENT_FAILED"
        assert "ProgressDeadlineExceeded" in failed.message
        names = {(each["kind"], each["metadata"]["name"]) for each in LATER}
        assert scenario.cluster.names == names
        assert await scenario.inventory() == names


async def test_a_first_deployment_that_fails_leaves_nothing_behind_where_that_is_asked_for() -> None:
    scenario = await failing("delete", TenantScenario())
    await scenario.settle()
    assert scenario.cluster.names == set()


async def test_without_anything_that_was_healthy_a_failure_is_just_that() -> None:
    scenario = await failing("rollback", TenantScenario())
    await scenario.settle()
    failed = scenario.events_of("dep-3")[-1]
    assert isinstance(failed, DeployFailed)
    assert "healthy last" not in failed.message


async def test_a_rollback_that_fails_as_well_reports_both_failures() -> None:
    scenario = await failing("rollback")
    scenario.step = lambda what: scenario.manifests.update({"sha256:2": "- no manifest"})
    await scenario.settle()
    failed = scenario.events_of("dep-3")[-1]
    assert isinstance(failed, DeployFailed)
    assert "ProgressDeadlineExceeded" in failed.message
    assert "undoing it has failed, too: an object of the manifest lacks" in failed.message
    applied = (await scenario.states.read(KEY)).applied
    assert applied is not None
    assert (applied.outcome, applied.digest) == (Outcome.FAILED, "sha256:2")


async def test_a_deploy_that_overtakes_the_undoing_has_its_way() -> None:
    scenario = await failing("rollback")

    async def overtake() -> None:
        scenario.cluster.status = HEALTHY
        await scenario.desire(4, OBJECTS)

    with pytest.raises(Exception, match="ProgressDeadlineExceeded"):
        await scenario.attempt()
    await overtake()
    await scenario.settle()
    assert isinstance(scenario.events_of("dep-4")[-1], DeployCompleted)
    assert isinstance(scenario.events_of("dep-3")[-1], DeploySuperseded)
    assert scenario.cluster.names == {(each["kind"], each["metadata"]["name"]) for each in OBJECTS}


def _pod(name: str, owner: str) -> Obj:
    reference = {"kind": "Deployment", "uid": owner, "controller": True}
    metadata = {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "ownerReferences": [reference]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {"phase": "Running"}}
