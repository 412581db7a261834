"""The reconciler among fakes: killed at every step, failed at every call, overtaken, and told to delete."""

from datetime import timedelta
from typing import Any

import pytest

from services.deployer.cluster.api import ClusterUnavailable, ref_of
from services.deployer.reconcile.generation_guard import GenerationGuard, Superseded
from services.deployer.state.records import ObjectRef
from services.deployer.state.repository import RevisionConflict
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
from tests.support.deployer_fakes import HEALTHY
from tests.support.deployer_world import NAMESPACE, TENANT, World, config_map, deployment, namespace

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


async def steps_of(world: World) -> int:
    """How many steps it takes to settle `world`."""
    taken: list[str] = []
    world.step = taken.append
    await world.settle()
    return len(taken)


async def kill_and_settle(world: World, at: int) -> None:
    """Kill at a step, and let a successor finish."""
    world.step = Death(at)
    with pytest.raises(Killed):
        await world.settle()
    world.step = lambda what: None
    await world.settle()


async def two_generations() -> World:
    """A first one that is done, and a second that changes, adds and removes something."""
    world = World()
    await world.want(1, OBJECTS)
    await world.settle()
    await world.want(2, [namespace(), config_map("other", key="value"), deployment("callbot"), deployment("advisor")])
    return world


def check_story(world: World, deployment_id: str) -> None:
    """What was said is a whole story, once, and forwards."""
    said = world.said(deployment_id)
    assert isinstance(said[0], DeployStarted)
    assert isinstance(said[-1], DeployCompleted)
    assert all(isinstance(event, DeployProgressed) for event in said[1:-1])
    steps = [(list(Phase).index(event.phase), event.progress) for event in said if isinstance(event, DeployEvent)]
    assert steps == sorted(steps)


async def test_killed_at_any_step_a_successor_finishes_and_nothing_is_said_twice() -> None:
    count = await steps_of(await two_generations())
    assert count > 40
    for at in range(count):
        world = await two_generations()
        await kill_and_settle(world, at)
        check_story(world, "dep-2")
        wanted = {
            ("Namespace", NAMESPACE),
            ("ConfigMap", "other"),
            ("Deployment", "callbot"),
            ("Deployment", "advisor"),
        }
        assert world.cluster.names == wanted, at
        assert await world.inventory() == wanted, at


async def test_killed_at_any_step_a_deletion_is_finished_and_said_once() -> None:
    async def deleting() -> World:
        world = World()
        await world.want(1, OBJECTS)
        await world.settle()
        await world.want(2)
        return world

    for at in range(await steps_of(await deleting())):
        world = await deleting()
        await kill_and_settle(world, at)
        assert [type(event) for event in world.said("dep-2")] == [TenantDeleted], at
        assert world.cluster.names == set()
        assert await world.inventory() == set()


async def test_a_failing_api_call_anywhere_never_ends_a_deployment() -> None:
    count = await steps_of(await two_generations())
    for at in range(count):
        world = await two_generations()
        left = at

        def fail_once(what: str) -> None:
            nonlocal left
            is_api_call = what.startswith("before") and "write" not in what and "publish" not in what
            left -= 1
            if left == -1 and is_api_call:
                raise ClusterUnavailable("fake", "connection refused")

        world.step = fail_once
        await world.settle()
        said = world.said("dep-2")
        assert isinstance(said[-1], DeployCompleted), at
        assert not any(isinstance(event, DeployFailed) for event in said)


async def test_an_outage_is_said_with_the_name_of_the_cluster_and_ends_with_the_time() -> None:
    world = World()
    await world.want(1, OBJECTS, timeout="5m")

    def refuse(what: str) -> None:
        if what.startswith("before apply"):
            raise ClusterUnavailable("demo", "connection refused")

    world.step = refuse
    await world.settle(tries=400, timeout=300.0)
    messages = [event.message for event in world.said("dep-1") if isinstance(event, DeployEvent)]
    assert "waiting for the Kubernetes API of cluster demo: connection refused" in messages
    failed = world.said("dep-1")[-1]
    assert isinstance(failed, DeployFailed)
    assert failed.message == "not done within 5m: waiting for the Kubernetes API of cluster demo: connection refused"


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, 1), (0.2, 2), (1.0, 6)])
async def test_of_many_objects_of_a_phase_only_some_are_news(seconds: float, expected: int) -> None:
    world = World()

    def step(what: str) -> None:
        if what.startswith("before apply ConfigMap"):
            world.now += timedelta(seconds=seconds)

    world.step = step
    objects = [namespace(), *(config_map(f"c{number}") for number in range(6)), deployment("callbot")]
    deployment_id = await world.want(1, objects)
    await world.settle()
    said = [event for event in world.said(deployment_id) if getattr(event, "phase", "") == "creating-configuration"]
    assert len(said) == expected
    assert isinstance(world.said(deployment_id)[-1], DeployCompleted)


async def test_a_newer_generation_stops_the_older_at_its_next_step_and_says_so() -> None:
    world = World()
    await world.want(1, OBJECTS)
    applied: list[str] = []

    def overtake(what: str) -> None:
        applied.extend([what] if what.startswith("after apply") else [])
        if what == "after apply ConfigMap":
            world.newest.see(2)

    world.step = overtake
    with pytest.raises(Superseded):
        await world.attempt()
    assert applied == ["after apply Namespace", "after apply ConfigMap"]
    await world.want(2, [namespace(), deployment("callbot")])
    await world.settle()
    [superseded] = [event for event in world.said("dep-1") if isinstance(event, DeploySuperseded)]
    assert superseded.superseded_by == 2
    assert ("ConfigMap", "settings") not in world.cluster.names


async def test_the_end_that_nobody_came_to_say_is_said_by_whoever_comes_next() -> None:
    world = World()
    first = await world.want(1, OBJECTS)

    def die(what: str) -> None:
        if what == "before publish deploy.completed":
            raise Killed(what)

    world.step = die
    with pytest.raises(Killed):
        await world.settle()
    world.step = lambda what: None
    second = await world.want(2, OBJECTS)
    await world.settle()
    assert [type(event) for event in world.said(first) if isinstance(event, DeployCompleted | DeploySuperseded)] == [
        DeployCompleted
    ]
    assert isinstance(world.said(second)[-1], DeployCompleted)


@pytest.mark.parametrize("operation", [Operation.DELETE, Operation.STOP])
async def test_who_was_frozen_undoes_nothing_of_what_has_come_since(operation: Operation) -> None:
    """Begun here, frozen, done by another copy, and asked for anew."""
    world = World()
    await world.want(1, OBJECTS)
    await world.settle()
    await (world.want(2) if operation is Operation.DELETE else world.operate(2, operation))
    frozen = await world.begin()
    await world.settle()
    await world.want(3, OBJECTS)
    await world.settle()
    before = [await world.cluster.read(ref_of(obj)) for obj in OBJECTS]
    world.newest = GenerationGuard()
    with pytest.raises(RevisionConflict):
        await world.work(frozen)
    assert [await world.cluster.read(ref_of(obj)) for obj in OBJECTS] == before
    assert all(before)


async def test_generations_that_never_began_are_superseded_too() -> None:
    world = World()
    for generation in (1, 2, 3):
        await world.want(generation, OBJECTS)
    await world.settle()
    for deployment_id in ("dep-1", "dep-2"):
        assert [type(event) for event in world.said(deployment_id)] == [DeploySuperseded]
    check_story(world, "dep-3")


async def test_pruning_spares_what_somebody_else_made_anew_under_the_same_name() -> None:
    world = World()
    await world.want(1, [*OBJECTS, config_map("shared")])
    await world.settle()
    world.cluster.finish_removal(ObjectRef(api_version="v1", kind="ConfigMap", namespace=NAMESPACE, name="shared"))
    world.cluster.apply_as("kubectl", config_map("shared", theirs="yes"))
    await world.want(2, OBJECTS)
    await world.settle()
    assert ("ConfigMap", "shared") in world.cluster.names
    assert ("ConfigMap", "shared") not in await world.inventory()


async def test_without_pruning_nothing_is_deleted_and_nothing_forgotten() -> None:
    world = World()
    await world.want(1, OBJECTS)
    await world.settle()
    await world.want(2, [namespace(), deployment("callbot")], prune=False)
    await world.settle()
    assert ("ConfigMap", "settings") in world.cluster.names
    await world.want(3, [namespace(), deployment("callbot")])
    await world.settle()
    assert world.cluster.names == {("Namespace", NAMESPACE), ("Deployment", "callbot")}


async def test_a_namespace_that_is_being_deleted_is_waited_for() -> None:
    world = World()
    world.cluster.finalizing = True
    live = await world.cluster.apply(namespace(), force=False)
    ref = ObjectRef(api_version="v1", kind="Namespace", name=NAMESPACE)
    await world.cluster.remove(ref, uid=live["metadata"]["uid"])
    await world.want(1, OBJECTS)
    with pytest.raises(TemporaryError):
        await world.attempt()
    world.cluster.finish_removal(ref)
    await world.settle()
    messages = [event.message for event in world.said("dep-1") if isinstance(event, DeployEvent)]
    assert f"waiting for namespace {NAMESPACE} to be gone" in messages
    check_story(world, "dep-1")


async def test_a_deletion_that_takes_too_long_fails_with_what_remains() -> None:
    world = World()
    world.cluster.finalizing = True
    await world.want(1, OBJECTS)
    await world.settle()
    await world.want(2, timeout="1s")
    remaining = {"type": "NamespaceContentRemaining", "status": "True", "message": "pods. has 1 resource instances"}

    def stay(what: str) -> None:
        if what == "after remove Namespace":
            world.cluster.set_status("Namespace", "", NAMESPACE, {"conditions": [remaining]})
            world.now = world.now.replace(year=2027)

    world.step = stay
    await world.settle(timeout=1.0)
    [failed] = world.said("dep-2")
    assert isinstance(failed, DeployFailed)
    assert "pods. has 1 resource instances" in failed.message


async def test_a_forced_deletion_does_not_wait_for_finalizers() -> None:
    world = World()
    world.cluster.finalizing = True
    await world.want(1, OBJECTS)
    await world.settle()
    state = await world.states.read(f"fake.{TENANT}")
    assert state.desired is not None
    forced = {"deployment_id": "dep-2", "generation": 2, "action": "delete", "digest": None, "force": True}
    await world.states.want(state.desired.model_copy(update=forced))
    world.newest.see(2)
    await world.settle()
    assert [type(event) for event in world.said("dep-2")] == [TenantDeleted]


async def test_objects_outside_of_the_namespace_are_deleted_with_the_tenant() -> None:
    role: dict[str, Any] = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "acme-reader"},
    }
    world = World()
    await world.want(1, [*OBJECTS, role])
    await world.settle()
    assert ("ClusterRole", "acme-reader") in world.cluster.names
    await world.want(2)
    await world.settle()
    assert world.cluster.names == set()


async def test_an_object_that_vanishes_while_it_is_waited_for_is_applied_again() -> None:
    world = World()
    world.cluster.status = {}
    await world.want(1, OBJECTS)

    def remove_once(what: str) -> None:
        """When the pods are watched, and the Deployment isn't healthy yet."""
        if what == "after watch Pod" and world.cluster.status == {}:
            world.cluster.status = HEALTHY
            world.cluster.finish_removal(
                ObjectRef(api_version="apps/v1", kind="Deployment", namespace=NAMESPACE, name="callbot")
            )
            world.cluster.set_status("Deployment", NAMESPACE, "chatbot", HEALTHY)

    world.step = remove_once
    await world.settle()
    assert ("Deployment", "callbot") in world.cluster.names
    check_story(world, "dep-1")


async def test_a_fault_of_ours_does_not_go_on_for_ever() -> None:
    world = World()
    await world.want(1, OBJECTS, timeout="1s")
    world.manifests.clear()
    with pytest.raises(KeyError):
        await world.attempt()
    world.now = world.now.replace(year=2027)
    await world.settle()
    failed = world.said("dep-1")[-1]
    assert isinstance(failed, DeployFailed)
    assert failed.code == "INTERNAL"
