"""A deployment without room: refused before it applies anything, queued, or ended soon where others were faster."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from services.deployer.cluster.api import Obj
from services.deployer.reconcile.room_check import WaitingForRoom
from services.deployer.reconcile.slots import SlotExpired
from shared.events import DeployCompleted, DeployFailed, DeployProgressed, DeployRolledBack
from shared.rpc import RoomReply, Shortage
from tests.support.deployer_fakes import HEALTHY
from tests.support.deployer_world import KEY, NAMESPACE, World, config_map, deployment, namespace

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


def world_with(*replies: RoomReply) -> World:
    world = World()
    world.find_room = Room(*replies).find
    return world


async def test_without_room_nothing_is_applied_and_what_is_short_is_named() -> None:
    world = world_with(SHORT)
    deployment_id = await world.want(1, MANIFEST)
    await world.settle()
    [*_, failed] = world.said(deployment_id)
    assert isinstance(failed, DeployFailed)
    assert failed.code == "INSUFFICIENT_RESOURCES"
    assert failed.message == "there is no room on fake: cpu: 4515 needed, 570 free of 570"
    assert world.cluster.names == set()


async def test_one_that_may_wait_says_what_for_and_goes_on_when_there_is_room() -> None:
    world = world_with(SHORT, SHORT, ROOM)
    deployment_id = await world.want(1, MANIFEST, wait_for_capacity=True, timeout="20m")
    for _ in range(2):
        with pytest.raises(WaitingForRoom):
            await world.attempt(timeout=1200.0)
        world.now += timedelta(hours=5)  # waiting takes no time of its own
    assert world.cluster.names == set()
    await world.settle(timeout=1200.0)
    told = world.said(deployment_id)
    waiting = next(each for each in told if isinstance(each, DeployProgressed))
    assert waiting.message == "waiting for room on fake: cpu: 4515 needed, 570 free of 570"
    assert isinstance(told[-1], DeployCompleted)


async def test_a_deployment_that_had_room_once_is_not_queued_again() -> None:
    world = world_with(ROOM, SHORT)
    await world.want(1, MANIFEST, wait_for_capacity=True)
    world.make_way = _over
    world.cluster.status = {}
    with pytest.raises(SlotExpired):
        await world.attempt()
    world.cluster.set_status("Deployment", NAMESPACE, "callbot", HEALTHY)
    world.make_way = lambda: None
    await world.settle()
    applied = (await world.states.read(KEY)).applied
    assert applied is not None
    assert applied.outcome == "completed"


async def test_where_others_were_faster_it_fails_soon_and_not_after_minutes() -> None:
    world = world_with(ROOM, SHORT)
    world.cluster.status = {"observedGeneration": 1}
    deployment_id = await world.want(1, MANIFEST)

    def look_again() -> None:
        world.now += timedelta(seconds=4)
        live = world.cluster._objects[("Deployment", NAMESPACE, "callbot")]
        for obj in _pending(live):
            world.cluster.put(obj)

    world.make_way = look_again
    await world.settle()
    [*_, failed] = world.said(deployment_id)
    assert isinstance(failed, DeployFailed)
    assert failed.code == "INSUFFICIENT_RESOURCES"
    assert failed.message == "there is no room left on fake: cpu: 4515 needed, 570 free of 570"
    applied = (await world.states.read(KEY)).applied
    assert applied is not None
    assert world.now - applied.started_at < timedelta(seconds=60)


async def test_going_back_to_what_was_healthy_is_tried_whatever_room_there_is() -> None:
    world = World()
    await world.want(1, MANIFEST)
    await world.settle()
    world.find_room = Room(SHORT).find
    deployment_id = await world.want(2, (*MANIFEST, deployment("chatbot")), on_failure="rollback")
    await world.settle()
    [*_, ended] = world.said(deployment_id)
    assert isinstance(ended, DeployRolledBack)


async def test_one_that_only_waits_makes_way_for_others_and_goes_on_afterwards() -> None:
    world = World()
    world.cluster.status = {}
    world.make_way = _over
    deployment_id = await world.want(1, MANIFEST)
    with pytest.raises(SlotExpired):
        await world.attempt()
    world.make_way = lambda: None
    world.cluster.set_status("Deployment", NAMESPACE, "callbot", HEALTHY)
    await world.settle()
    assert isinstance(world.said(deployment_id)[-1], DeployCompleted)


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
