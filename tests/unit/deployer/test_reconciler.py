"""The reconciler among fakes: killed at every step, failed at every call, overtaken, and told to delete."""

from datetime import timedelta
from typing import Any

import pytest

from services.deployer.cluster.api import ClusterUnavailable, ref_of
from services.deployer.reconcile.generation_guard import GenerationGuard, Superseded
from services.deployer.state.errors import RevisionConflict
from services.deployer.state.records import ObjectRef
from shared.errors import TemporaryError
from shared.events import (
    DeployCompleted,
    DeployEvent,
    DeployFailed,
    DeployProgressed,
    DeployStarted,
    DeploySuperseded,
    Operation,
    Phase,
    TenantDeleted,
)
from shared.subjects import Bucket
from tests.support.deployer_fakes import HEALTHY
from tests.support.deployer_scenario import KEY, NAMESPACE, TENANT, TenantScenario, config_map, deployment, namespace

OBJECTS = [namespace(), config_map("settings"), deployment("callbot"), deployment("chatbot")]
SECOND = {("Namespace", NAMESPACE), ("ConfigMap", "other"), ("Deployment", "callbot"), ("Deployment", "advisor")}
"""What is left of `OBJECTS` after the second generation of `two_generations`."""


class Killed(BaseException):
    """The process is gone."""


class Death:
    """Kills at the step of that number, and lets nothing happen after it."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, what: str) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed(what)


async def steps_of(scenario: TenantScenario) -> int:
    """How many steps it takes to settle `world`."""
    taken: list[str] = []
    scenario.step = taken.append
    await scenario.settle()
    return len(taken)


async def kill_and_settle(scenario: TenantScenario, at: int) -> None:
    """Kill at a step, and let a successor finish."""
    scenario.step = Death(at)
    with pytest.raises(Killed):
        await scenario.settle()
    scenario.step = lambda what: None
    await scenario.settle()


async def two_generations() -> TenantScenario:
    """A first one that is done, and a second that changes, adds and removes something."""
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    await scenario.settle()
    await scenario.desire(
        2, [namespace(), config_map("other", key="value"), deployment("callbot"), deployment("advisor")]
    )
    return scenario


def check_events(scenario: TenantScenario, deployment_id: str) -> None:
    """The published events are complete, without duplicates, and never go back."""
    events = scenario.events_of(deployment_id)
    assert isinstance(events[0], DeployStarted)
    assert isinstance(events[-1], DeployCompleted)
    assert all(isinstance(event, DeployProgressed) for event in events[1:-1])
    steps = [(list(Phase).index(event.phase), event.progress) for event in events if isinstance(event, DeployEvent)]
    assert steps == sorted(steps)


@pytest.mark.slow
async def test_killed_at_any_step_a_successor_finishes_and_nothing_is_published_twice() -> None:
    count = await steps_of(await two_generations())
    assert count > 40
    for at in range(count):
        scenario = await two_generations()
        await kill_and_settle(scenario, at)
        check_events(scenario, "dep-2")
        wanted = {
            ("Namespace", NAMESPACE),
            ("ConfigMap", "other"),
            ("Deployment", "callbot"),
            ("Deployment", "advisor"),
        }
        assert scenario.cluster.names == wanted, at
        assert await scenario.inventory() == wanted, at


@pytest.mark.slow
async def test_killed_at_any_step_a_deletion_is_finished_and_reported_once() -> None:
    async def deleting() -> TenantScenario:
        scenario = TenantScenario()
        await scenario.desire(1, OBJECTS)
        await scenario.settle()
        await scenario.desire(2)
        return scenario

    for at in range(await steps_of(await deleting())):
        scenario = await deleting()
        await kill_and_settle(scenario, at)
        assert [type(event) for event in scenario.events_of("dep-2")] == [TenantDeleted], at
        assert scenario.cluster.names == set()
        assert await scenario.inventory() == set()


@pytest.mark.slow
async def test_a_failing_api_call_anywhere_never_ends_a_deployment() -> None:
    count = await steps_of(await two_generations())
    for at in range(count):
        scenario = await two_generations()
        left = at

        def fail_once(what: str) -> None:
            nonlocal left
            is_api_call = what.startswith("before") and "write" not in what and "publish" not in what
            left -= 1
            if left == -1 and is_api_call:
                raise ClusterUnavailable("fake", "connection refused")

        scenario.step = fail_once
        await scenario.settle()
        events = scenario.events_of("dep-2")
        assert isinstance(events[-1], DeployCompleted), at
        assert not any(isinstance(event, DeployFailed) for event in events)


@pytest.mark.slow
async def test_an_outage_is_reported_with_the_name_of_the_cluster_until_the_timeout() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS, timeout="5m")

    def refuse(what: str) -> None:
        if what.startswith("before apply"):
            raise ClusterUnavailable("demo", "connection refused")

    scenario.step = refuse
    await scenario.settle(attempts=400, timeout=300.0)
    messages = [event.message for event in scenario.events_of("dep-1") if isinstance(event, DeployEvent)]
    assert "waiting for the Kubernetes API of cluster demo: connection refused" in messages
    failed = scenario.events_of("dep-1")[-1]
    assert isinstance(failed, DeployFailed)
    assert failed.message == "not done within 5m: waiting for the Kubernetes API of cluster demo: connection refused"


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, 1), (1.0, 2), (4.0, 6)])
async def test_of_many_objects_of_a_phase_only_some_are_news(seconds: float, expected: int) -> None:
    """With the objects after one another: the fake cluster answers at once."""
    scenario = TenantScenario()

    def step(what: str) -> None:
        if what.startswith("before apply ConfigMap"):
            scenario.now += timedelta(seconds=seconds)

    scenario.step = step
    objects = [namespace(), *(config_map(f"c{number}") for number in range(6)), deployment("callbot")]
    deployment_id = await scenario.desire(1, objects)
    await scenario.settle()
    events = [
        event for event in scenario.events_of(deployment_id) if getattr(event, "phase", "") == "creating-configuration"
    ]
    assert len(events) == expected
    assert isinstance(scenario.events_of(deployment_id)[-1], DeployCompleted)


async def test_a_higher_generation_stops_the_lower_at_its_next_step_and_reports_it() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    applied: list[str] = []

    def overtake(what: str) -> None:
        applied.extend([what] if what.startswith("after apply") else [])
        if what == "after apply ConfigMap":
            scenario.guard.observe(2)

    scenario.step = overtake
    with pytest.raises(Superseded):
        await scenario.attempt()
    assert applied == ["after apply Namespace", "after apply ConfigMap"]
    await scenario.desire(2, [namespace(), deployment("callbot")])
    await scenario.settle()
    [superseded] = [event for event in scenario.events_of("dep-1") if isinstance(event, DeploySuperseded)]
    assert superseded.superseded_by == 2
    assert ("ConfigMap", "settings") not in scenario.cluster.names


async def test_a_final_event_that_was_not_published_is_published_by_the_next_attempt() -> None:
    scenario = TenantScenario()
    first = await scenario.desire(1, OBJECTS)

    def die(what: str) -> None:
        if what == "before publish deploy.completed":
            raise Killed(what)

    scenario.step = die
    with pytest.raises(Killed):
        await scenario.settle()
    scenario.step = lambda what: None
    second = await scenario.desire(2, OBJECTS)
    await scenario.settle()
    assert [
        type(event) for event in scenario.events_of(first) if isinstance(event, DeployCompleted | DeploySuperseded)
    ] == [DeployCompleted]
    assert isinstance(scenario.events_of(second)[-1], DeployCompleted)


async def test_a_generation_whose_record_was_lost_is_completed_once() -> None:
    """The work is repeated, and reports less progress than before, so its last event has a lower sequence number."""
    scenario = TenantScenario()
    scenario.cluster.status = {}
    deployment_id = await scenario.desire(1, OBJECTS)

    def become_healthy(what: str) -> None:
        events = scenario.events_of(deployment_id)
        is_waiting = any(isinstance(each, DeployEvent) and "waiting for" in each.message for each in events)
        if is_waiting and scenario.cluster.status == {}:
            scenario.cluster.status = HEALTHY
            for name in ("callbot", "chatbot"):
                scenario.cluster.set_status("Deployment", NAMESPACE, name, HEALTHY)

    scenario.step = become_healthy
    await scenario.settle()
    records = scenario.buckets[Bucket.APPLIED]
    await records.delete(KEY, last=(await records.get(KEY)).revision or 0)
    await scenario.settle()
    check_events(scenario, deployment_id)
    assert [type(event) for event in scenario.events_of(deployment_id)].count(DeployCompleted) == 1


@pytest.mark.parametrize("operation", [Operation.DELETE, Operation.STOP])
async def test_a_stale_replica_undoes_nothing_that_was_done_since(operation: Operation) -> None:
    """Opened here, paused, done by another replica, and deployed again since."""
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    await scenario.settle()
    await (scenario.desire(2) if operation is Operation.DELETE else scenario.operate(2, operation))
    frozen = await scenario.open()
    await scenario.settle()
    await scenario.desire(3, OBJECTS)
    await scenario.settle()
    before = [await scenario.cluster.read(ref_of(obj)) for obj in OBJECTS]
    scenario.guard = GenerationGuard()
    with pytest.raises(RevisionConflict):
        await scenario.work(frozen)
    assert [await scenario.cluster.read(ref_of(obj)) for obj in OBJECTS] == before
    assert all(before)


async def test_generations_that_never_began_are_superseded_too() -> None:
    scenario = TenantScenario()
    for generation in (1, 2, 3):
        await scenario.desire(generation, OBJECTS)
    await scenario.settle()
    for deployment_id in ("dep-1", "dep-2"):
        assert [type(event) for event in scenario.events_of(deployment_id)] == [DeploySuperseded]
    check_events(scenario, "dep-3")


async def test_pruning_spares_an_object_that_others_created_under_the_same_name() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, [*OBJECTS, config_map("shared")])
    await scenario.settle()
    scenario.cluster.finish_removal(ObjectRef(api_version="v1", kind="ConfigMap", namespace=NAMESPACE, name="shared"))
    scenario.cluster.apply_as("kubectl", config_map("shared", theirs="yes"))
    await scenario.desire(2, OBJECTS)
    await scenario.settle()
    assert ("ConfigMap", "shared") in scenario.cluster.names
    assert ("ConfigMap", "shared") not in await scenario.inventory()


async def test_without_pruning_nothing_is_deleted_and_nothing_forgotten() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    await scenario.settle()
    await scenario.desire(2, [namespace(), deployment("callbot")], prune=False)
    await scenario.settle()
    assert ("ConfigMap", "settings") in scenario.cluster.names
    await scenario.desire(3, [namespace(), deployment("callbot")])
    await scenario.settle()
    assert scenario.cluster.names == {("Namespace", NAMESPACE), ("Deployment", "callbot")}


async def test_a_namespace_that_is_being_deleted_is_waited_for() -> None:
    scenario = TenantScenario()
    scenario.cluster.finalizing = True
    live = await scenario.cluster.apply(namespace(), force=False)
    ref = ObjectRef(api_version="v1", kind="Namespace", name=NAMESPACE)
    await scenario.cluster.remove(ref, uid=live["metadata"]["uid"])
    await scenario.desire(1, OBJECTS)
    with pytest.raises(TemporaryError):
        await scenario.attempt()
    scenario.cluster.finish_removal(ref)
    await scenario.settle()
    messages = [event.message for event in scenario.events_of("dep-1") if isinstance(event, DeployEvent)]
    assert f"waiting for namespace {NAMESPACE} to be gone" in messages
    check_events(scenario, "dep-1")


async def test_a_deletion_that_takes_too_long_fails_with_what_remains() -> None:
    scenario = TenantScenario()
    scenario.cluster.finalizing = True
    await scenario.desire(1, OBJECTS)
    await scenario.settle()
    await scenario.desire(2, timeout="1s")
    remaining = {"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 1 resource instances"}

    def stay(what: str) -> None:
        if what == "after remove Namespace":
            scenario.cluster.set_status("Namespace", "", NAMESPACE, {"conditions": [remaining]})
            scenario.now = scenario.now.replace(year=2027)

    scenario.step = stay
    await scenario.settle(timeout=1.0)
    [failed] = scenario.events_of("dep-2")
    assert isinstance(failed, DeployFailed)
    assert "pods. has 1 resource instances" in failed.message


async def test_a_forced_deletion_does_not_wait_for_finalizers() -> None:
    scenario = TenantScenario()
    scenario.cluster.finalizing = True
    await scenario.desire(1, OBJECTS)
    await scenario.settle()
    state = await scenario.states.read(f"fake.{TENANT}")
    assert state.desired is not None
    forced = {"deployment_id": "dep-2", "generation": 2, "action": "delete", "digest": None, "force": True}
    await scenario.states.set_desired(state.desired.model_copy(update=forced))
    scenario.guard.observe(2)
    await scenario.settle()
    assert [type(event) for event in scenario.events_of("dep-2")] == [TenantDeleted]


async def test_objects_outside_of_the_namespace_are_deleted_with_the_tenant() -> None:
    role: dict[str, Any] = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "acme-reader"},
    }
    scenario = TenantScenario()
    await scenario.desire(1, [*OBJECTS, role])
    await scenario.settle()
    assert ("ClusterRole", "acme-reader") in scenario.cluster.names
    await scenario.desire(2)
    await scenario.settle()
    assert scenario.cluster.names == set()


async def test_an_object_that_vanishes_while_it_is_waited_for_is_applied_again() -> None:
    scenario = TenantScenario()
    scenario.cluster.status = {}
    await scenario.desire(1, OBJECTS)

    def remove_once(what: str) -> None:
        """When the pods are watched, and the Deployment isn't healthy yet."""
        if what == "after watch Pod" and scenario.cluster.status == {}:
            scenario.cluster.status = HEALTHY
            scenario.cluster.finish_removal(
                ObjectRef(api_version="apps/v1", kind="Deployment", namespace=NAMESPACE, name="callbot")
            )
            scenario.cluster.set_status("Deployment", NAMESPACE, "chatbot", HEALTHY)

    scenario.step = remove_once
    await scenario.settle()
    assert ("Deployment", "callbot") in scenario.cluster.names
    check_events(scenario, "dep-1")


async def test_a_fault_of_ours_does_not_go_on_for_ever() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS, timeout="1s")
    scenario.manifests.clear()
    with pytest.raises(KeyError):
        await scenario.attempt()
    scenario.now = scenario.now.replace(year=2027)
    await scenario.settle()
    failed = scenario.events_of("dep-1")[-1]
    assert isinstance(failed, DeployFailed)
    assert failed.code == "INTERNAL"
