"""What healing does to a cluster in memory."""

from typing import cast

import pytest

from services.deployer.cluster.api import ClusterApi, ref_of
from services.deployer.drift.healing import heal, rouse
from services.deployer.reconcile.apply import NamespaceNotOurs
from tests.support.deployer_world import KEY, NAMESPACE, World, autoscaler, config_map, deployment, namespace

OBJECTS = (namespace(), config_map("settings", level="1"), deployment("callbot", 2))
SCALED = (*OBJECTS[:2], deployment("callbot", None), autoscaler("callbot", 3))


async def deployed() -> World:
    world = World()
    await world.want(1, OBJECTS)
    await world.settle()
    return world


async def test_a_namespace_that_others_have_made_since_is_not_adopted() -> None:
    world = await deployed()
    applied = (await world.states.read(KEY)).applied
    assert applied is not None
    ours = await world.cluster.read(ref_of(namespace()))
    assert ours is not None
    await world.cluster.remove(ref_of(namespace()), uid=ours["metadata"]["uid"])
    world.cluster.apply_as("kubectl", {**namespace(), "metadata": {"name": NAMESPACE, "labels": {"team": "others"}}})
    with pytest.raises(NamespaceNotOurs):
        await heal(cast(ClusterApi, world.cluster), world.states, KEY, applied, OBJECTS)
    found = await world.cluster.read(ref_of(namespace()))
    assert found is not None
    assert found["metadata"]["labels"] == {"team": "others"}
    assert await world.cluster.contents(NAMESPACE) == []


async def test_below_its_autoscaler_s_minimum_a_workload_is_raised_and_above_left_alone() -> None:
    world = await deployed()
    cluster, callbot = cast(ClusterApi, world.cluster), ref_of(deployment("callbot"))
    for replicas, expected in ((0, 3), (1, 3), (4, 4)):
        await world.cluster.patch(callbot, {"spec": {"replicas": replicas}})
        await rouse(cluster, world.states, KEY, 1, SCALED)
        found = await world.cluster.read(callbot)
        assert found is not None
        assert found["spec"]["replicas"] == expected
