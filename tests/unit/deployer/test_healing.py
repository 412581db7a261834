"""What healing does to a cluster in memory."""

from typing import cast

import pytest

from services.deployer.cluster.api import ClusterApi, ref_of
from services.deployer.drift.healing import heal, scale_to_minimums
from services.deployer.reconcile.prune import NamespaceNotOurs
from tests.support.deployer_scenario import (
    KEY,
    NAMESPACE,
    TenantScenario,
    autoscaler,
    config_map,
    deployment,
    namespace,
)

OBJECTS = (namespace(), config_map("settings", level="1"), deployment("callbot", 2))
SCALED = (*OBJECTS[:2], deployment("callbot", None), autoscaler("callbot", 3))


async def deployed() -> TenantScenario:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    await scenario.settle()
    return scenario


async def test_a_namespace_that_others_have_made_since_is_not_adopted() -> None:
    scenario = await deployed()
    applied = (await scenario.states.read(KEY)).applied
    assert applied is not None
    ours = await scenario.cluster.read(ref_of(namespace()))
    assert ours is not None
    await scenario.cluster.remove(ref_of(namespace()), uid=ours["metadata"]["uid"])
    scenario.cluster.apply_as("kubectl", {**namespace(), "metadata": {"name": NAMESPACE, "labels": {"team": "others"}}})
    with pytest.raises(NamespaceNotOurs):
        await heal(cast(ClusterApi, scenario.cluster), scenario.states, KEY, applied, OBJECTS)
    found = await scenario.cluster.read(ref_of(namespace()))
    assert found is not None
    assert found["metadata"]["labels"] == {"team": "others"}
    assert await scenario.cluster.contents(NAMESPACE) == []


async def test_below_its_autoscaler_s_minimum_a_workload_is_raised_and_above_left_alone() -> None:
    scenario = await deployed()
    cluster, callbot = cast(ClusterApi, scenario.cluster), ref_of(deployment("callbot"))
    for replicas, expected in ((0, 3), (1, 3), (4, 4)):
        await scenario.cluster.patch(callbot, {"spec": {"replicas": replicas}})
        await scale_to_minimums(cluster, scenario.states, KEY, 1, SCALED)
        found = await scenario.cluster.read(callbot)
        assert found is not None
        assert found["spec"]["replicas"] == expected
