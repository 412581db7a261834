"""Drift from the first change to the end of healing, in a cluster in memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import pytest

from embedded.child import until
from services.deployer.cluster.api import ClusterRefused, ClusterUnavailable, ref_of
from services.deployer.drift.healing import is_watched
from services.deployer.drift.observations import ObservedObjects
from services.deployer.drift.watcher import DriftWatcher
from services.deployer.state.records import AppliedState
from shared.events import DeployDrifted, Phase
from shared.kube.kinds import KINDS
from shared.kube.objects import Obj
from shared.subjects import Bucket
from tests.support.deployer_fakes import FakeCluster
from tests.support.deployer_scenario import (
    KEY,
    TENANT,
    HeldLeases,
    TenantScenario,
    config_map,
    deployment,
    namespace,
)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.deployer.drift.watcher._GATHER", 0.05)
    monkeypatch.setattr("services.deployer.drift.watcher._GATHER_DRIFTED", 0.1)
    monkeypatch.setattr("services.deployer.drift.observations._FIRST_PAUSE", 0.02)


def labelled(obj: Obj) -> Obj:
    return {**obj, "metadata": {**obj["metadata"], "labels": {"ecp.ai/tenant": TENANT}}}


SETTINGS_MAP = labelled(config_map("settings", level="1"))
OBJECTS = [namespace(), SETTINGS_MAP, labelled(deployment("callbot"))]


async def deployed(*objects: Obj, **options: Any) -> TenantScenario:
    scenario = TenantScenario()
    await scenario.desire(1, objects or OBJECTS, **options)
    await scenario.settle()
    return scenario


@contextlib.asynccontextmanager
async def watched(scenario: TenantScenario, leases: Any = None) -> AsyncIterator[None]:
    """The scenario with a drift watcher, which is told of each record that is written."""

    async def follow_applied(target: str, seconds: float) -> AsyncIterator[tuple[str, AppliedState, int]]:
        seen = 0
        while True:
            records = await scenario.states.read(KEY)
            if records.applied is not None and records.applied_revision > seen:
                seen = records.applied_revision
                yield KEY, records.applied, seen
            await asyncio.sleep(0.01)

    cast(Any, scenario.states).follow_applied = follow_applied
    task = asyncio.create_task(DriftWatcher(scenario.mode_context(leases), "fake").run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def reports(scenario: TenantScenario, deployment_id: str = "dep-1") -> list[DeployDrifted]:
    return [event for event in scenario.events_of(deployment_id) if isinstance(event, DeployDrifted)]


async def reported(scenario: TenantScenario, count: int, deployment_id: str = "dep-1") -> bool:
    return len(reports(scenario, deployment_id)) >= count


async def test_a_changed_field_is_reported_once_and_its_end_too() -> None:
    scenario = await deployed()
    async with watched(scenario):
        scenario.cluster.apply_as("kubectl", labelled(config_map("settings", level="2")))
        await until(lambda: reported(scenario, 1), 60)
        scenario.cluster.apply_as("kubectl", SETTINGS_MAP)
        await until(lambda: reported(scenario, 2), 60)
    first, second = reports(scenario)
    assert [(each.type, each.name, each.field) for each in first.drift] == [("ConfigMap", "settings", ".data.level")]
    assert second.drift == ()
    assert second.message == "what runs is what was deployed again"


async def test_a_deleted_object_is_created_again_where_drift_is_healed() -> None:
    scenario = await deployed(heal_drift=True)
    async with watched(scenario):
        scenario.cluster.finish_removal(ref_of(SETTINGS_MAP))
        await until(lambda: reported(scenario, 2), 60)
    assert reports(scenario)[0].drift[0].reason == "gone"
    assert reports(scenario)[-1].drift == ()
    live = await scenario.cluster.read(ref_of(SETTINGS_MAP))
    assert live is not None
    assert live["data"] == {"level": "1"}
    records = await scenario.states.read(KEY)
    assert records.applied is not None
    assert records.applied.drift is not None
    assert records.applied.drift.heals == 1


@pytest.mark.parametrize("heal_drift", [False, True])
async def test_after_a_cancel_what_runs_is_compared_with_what_was_healthy_last_and_nothing_is_healed(
    heal_drift: bool,
) -> None:
    scenario = await deployed(heal_drift=heal_drift)
    changed = labelled(config_map("settings", level="2"))
    await scenario.desire(2, [namespace(), changed, labelled(deployment("callbot", image="2"))], heal_drift=heal_drift)
    await scenario.settle_cancelled("after apply ConfigMap", 2)
    async with watched(scenario):
        await until(lambda: reported(scenario, 1, "dep-2"), 60)
        scenario.cluster.apply_as("kubectl", labelled(deployment("callbot", replicas=3)))
        await until(lambda: reported(scenario, 2, "dep-2"), 60)
    first, second = reports(scenario, "dep-2")
    assert [(each.name, each.field) for each in first.drift] == [("settings", ".data.level")]
    assert (first.outcome, first.phase, first.next_heal) == ("cancelled", Phase.CREATING_CONFIGURATION, None)
    assert {each.name for each in second.drift} == {"settings", "callbot"}
    live = await scenario.cluster.read(ref_of(changed))
    assert live is not None
    assert live["data"] == {"level": "2"}


async def test_a_tenant_whose_first_deployment_or_whose_start_was_cancelled_is_not_watched() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    await scenario.settle_cancelled("after apply ConfigMap", 1)
    applied = (await scenario.states.read(KEY)).applied
    assert applied is not None
    assert not is_watched(applied)
    assert is_watched(applied.model_copy(update={"digest": "sha256:1"}))
    assert not is_watched(applied.model_copy(update={"digest": "sha256:1", "stopped": True}))


async def test_a_heal_waits_for_its_pause_after_the_one_before() -> None:
    scenario = await deployed(heal_drift=True)
    async with watched(scenario):
        scenario.cluster.apply_as("kubectl", labelled(config_map("settings", level="2")))
        await until(lambda: reported(scenario, 2), 60)
        scenario.cluster.apply_as("kubectl", labelled(config_map("settings", level="3")))
        await until(lambda: reported(scenario, 3), 60)
        live = await scenario.cluster.read(ref_of(SETTINGS_MAP))
        assert live is not None
        assert live["data"] == {"level": "3"}
    assert reports(scenario)[-1].next_heal == scenario.now + timedelta(seconds=5)


async def test_a_stopped_or_running_tenant_is_not_watched() -> None:
    scenario = TenantScenario()
    await scenario.desire(1, OBJECTS)
    await scenario.open()
    async with watched(scenario):
        scenario.cluster.apply_as("kubectl", namespace())
        await asyncio.sleep(0.25)
    assert reports(scenario) == []


async def test_without_the_lease_nothing_is_watched() -> None:
    scenario = await deployed()
    scenario.cluster.finish_removal(ref_of(SETTINGS_MAP))
    async with watched(scenario, HeldLeases()):
        await asyncio.sleep(0.25)
    assert reports(scenario) == []


async def test_a_higher_generation_drops_the_drift_of_the_one_before() -> None:
    scenario = await deployed()
    taken: list[str] = []

    def overtake(what: str) -> None:
        if what == "before preview ConfigMap" and not taken:
            taken.append(what)
            scenario.step = lambda _: None
            bucket = scenario.buckets[Bucket.APPLIED]
            bucket.touch(KEY)

    scenario.step = overtake
    scenario.cluster.apply_as("kubectl", labelled(config_map("settings", level="2")))
    async with watched(scenario):
        await until(lambda: reported(scenario, 1), 60)
    assert taken
    assert len(reports(scenario)) == 1


class RefusingCluster(FakeCluster):
    """Refuses to list pods, and is unavailable once for other kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.unavailable = True

    async def list(self, kind: Any, namespace: str, label: str = "") -> Any:
        if kind.kind == "Pod":
            raise ClusterRefused("pods is forbidden")
        if self.unavailable:
            self.unavailable = False
            raise ClusterUnavailable("fake", "connection refused")
        return await super().list(kind, namespace, label)


async def test_kinds_that_may_not_be_watched_are_known_as_such() -> None:
    cluster = RefusingCluster()
    cluster.unknown = {"ServiceMonitor"}
    observed = ObservedObjects(cast(Any, cluster), lambda tenant: None)
    kinds = [KINDS[name].kind for name in ("Pod", "ConfigMap", "ServiceMonitor")]
    observed.follow(kinds)

    async def known() -> bool:
        return observed.knows(kinds)

    await until(known, 60)
    assert [observed.is_unobservable(kind) for kind in kinds] == [True, False, False]
    await observed.close()
    assert not observed.knows(kinds[1:])
