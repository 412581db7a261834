"""A deployment without room: refused before it applies anything, queued, or ended soon where others were faster."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from services.deployer.reconcile.room_check import WaitingForRoom
from services.deployer.reconcile.slots import SlotExpired
from shared.events import DeployCompleted, DeployFailed, DeployProgressed, DeployRolledBack, Operation
from shared.kube.objects import Obj
from shared.rpc import RoomReply, Shortage
from tests.support.deployer_fakes import HEALTHY
from tests.support.deployer_scenario import KEY, NAMESPACE, TenantScenario, config_map, deployment, namespace

MANIFEST = (namespace(), config_map("settings", a="1"), deployment("callbot"))
SHORT = RoomReply(target="fake", short=(Shortage(resource="cpu", needed="4515", free="570", total="570"),))
ROOM = RoomReply(target="fake")


class Room:
    """Answers in turn, the last answer again and again."""

    def __init__(self, *replies: RoomReply) -> None:
        self._replies = list(replies)
        self.asked = 0

    async def find(self, namespace: str, objects: Sequence[Obj]) -> RoomReply:
        self.asked += 1
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]


def world_with(*replies: RoomReply) -> TenantScenario:
    scenario = TenantScenario()
    scenario.find_room = Room(*replies).find
    return scenario


async def test_without_room_nothing_is_applied_and_what_is_short_is_named() -> None:
    scenario = world_with(SHORT)
    deployment_id = await scenario.desire(1, MANIFEST)
    await scenario.settle()
    [*_, failed] = scenario.events_of(deployment_id)
    assert isinstance(failed, DeployFailed)
    assert failed.code == "INSUFFICIENT_RESOURCES"
    assert failed.message == "there is no room on fake: cpu: 4515 needed, 570 free of 570"
    assert scenario.cluster.names == set()


async def test_a_deployment_that_may_wait_reports_what_for_and_continues_when_there_is_room() -> None:
    scenario = world_with(SHORT, SHORT, ROOM)
    deployment_id = await scenario.desire(1, MANIFEST, wait_for_capacity=True, timeout="20m")
    for _ in range(2):
        with pytest.raises(WaitingForRoom):
            await scenario.attempt(timeout=1200.0)
        scenario.now += timedelta(hours=5)  # waiting takes no time of its own
    assert scenario.cluster.names == set()
    await scenario.settle(timeout=1200.0)
    told = scenario.events_of(deployment_id)
    waiting = next(each for each in told if isinstance(each, DeployProgressed))
    assert waiting.message == "waiting for room on fake: cpu: 4515 needed, 570 free of 570"
    assert isinstance(told[-1], DeployCompleted)


async def test_a_deployment_that_had_room_once_is_not_queued_again() -> None:
    scenario = world_with(ROOM, SHORT)
    await scenario.desire(1, MANIFEST, wait_for_capacity=True)
    scenario.check_slot = _over
    scenario.cluster.status = {}
    with pytest.raises(SlotExpired):
        await scenario.attempt()
    scenario.cluster.set_status("Deployment", NAMESPACE, "callbot", HEALTHY)
    scenario.check_slot = lambda: None
    await scenario.settle()
    applied = (await scenario.states.read(KEY)).applied
    assert applied is not None
    assert applied.outcome == "completed"


async def test_where_others_were_faster_it_fails_soon_and_not_after_minutes() -> None:
    scenario = world_with(ROOM, SHORT)
    scenario.cluster.status = {"observedGeneration": 1}
    deployment_id = await scenario.desire(1, MANIFEST)

    def look_again() -> None:
        scenario.now += timedelta(seconds=4)
        live = scenario.cluster._objects[("Deployment", NAMESPACE, "callbot")]
        for obj in _pending(live):
            scenario.cluster.put(obj)

    scenario.check_slot = look_again
    await scenario.settle()
    [*_, failed] = scenario.events_of(deployment_id)
    assert isinstance(failed, DeployFailed)
    assert failed.code == "INSUFFICIENT_RESOURCES"
    assert failed.message == "there is no room left on fake: cpu: 4515 needed, 570 free of 570"
    applied = (await scenario.states.read(KEY)).applied
    assert applied is not None
    assert scenario.now - applied.started_at < timedelta(seconds=60)


async def test_going_back_to_what_was_healthy_is_tried_whatever_room_there_is() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, MANIFEST)
    await scenario.settle()
    scenario.find_room = Room(SHORT).find
    deployment_id = await scenario.desire(2, (*MANIFEST, deployment("chatbot")), on_failure="rollback")
    await scenario.settle()
    [*_, ended] = scenario.events_of(deployment_id)
    assert isinstance(ended, DeployRolledBack)


async def test_one_that_only_waits_makes_way_for_others_and_goes_on_afterwards() -> None:
    scenario = TenantScenario()
    scenario.cluster.status = {}
    scenario.check_slot = _over
    deployment_id = await scenario.desire(1, MANIFEST)
    with pytest.raises(SlotExpired):
        await scenario.attempt()
    scenario.check_slot = lambda: None
    scenario.cluster.set_status("Deployment", NAMESPACE, "callbot", HEALTHY)
    await scenario.settle()
    assert isinstance(scenario.events_of(deployment_id)[-1], DeployCompleted)


async def test_what_is_healthy_already_is_seen_however_late_a_turn_comes_to_its_first_look() -> None:
    scenario = TenantScenario()
    scenario.check_slot = _over
    deployment_id = await scenario.desire(1, MANIFEST)
    await scenario.settle()
    assert isinstance(scenario.events_of(deployment_id)[-1], DeployCompleted)


async def test_a_stop_that_nothing_is_left_to_do_for_is_seen_in_its_first_look() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, MANIFEST)
    await scenario.settle()
    scenario.check_slot = _over
    deployment_id = await scenario.operate(2, Operation.STOP)
    await scenario.settle()
    assert isinstance(scenario.events_of(deployment_id)[-1], DeployCompleted)


def _over() -> None:
    raise SlotExpired


def _pending(live: Obj) -> list[Obj]:
    """A ReplicaSet of the Deployment, and its pod, which has no node."""
    owner: dict[str, Any] = {"controller": True, "uid": live["metadata"]["uid"]}
    replica_set = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": "callbot-1",
            "namespace": NAMESPACE,
            "uid": "rs-1",
            "ownerReferences": [owner],
        },
        "spec": live["spec"],
    }
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "Insufficient cpu"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "callbot-1-x",
            "namespace": NAMESPACE,
            "uid": "pod-1",
            "ownerReferences": [{"controller": True, "uid": "rs-1"}],
        },
        "spec": {"containers": []},
        "status": {"phase": "Pending", "conditions": [condition]},
    }
    return [replica_set, pod]
