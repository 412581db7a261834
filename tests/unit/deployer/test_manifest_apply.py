"""A manifest is applied kind after kind, with a bound on what is in flight, and ends with nothing in flight."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from services.deployer.cluster.api import ClusterRefused, ClusterUnavailable, FieldConflict, KindUnknown, ref_of
from services.deployer.reconcile.generation_guard import Superseded
from services.deployer.reconcile.manifest_apply import ApplyResult, SeveralRefused, apply_all
from shared.kube.objects import Obj
from tests.support.deployer_fakes import FakeCluster
from tests.support.deployer_scenario import config_map, deployment, namespace

MAPS = [config_map(f"c{number:02}") for number in range(20)]
MANY = [namespace(), *MAPS]


class SlowCluster(FakeCluster):
    """Takes longer for objects with a lower number, so that they end in another order; fails for those it is told."""

    def __init__(self, **failures: Exception) -> None:
        super().__init__()
        self.failures = failures
        self.in_flight: list[str] = []
        self.most = 0
        self.kinds_in_flight: set[tuple[str, ...]] = set()
        self.applied: list[str] = []
        self.begun = asyncio.Event()

    async def apply(self, obj: Obj, *, force: bool) -> Obj:
        name = obj["metadata"]["name"]
        self.in_flight.append(obj["kind"])
        self.begun.set()
        self.most = max(self.most, len(self.in_flight))
        self.kinds_in_flight.add(tuple(sorted(set(self.in_flight))))
        try:
            for _ in range(30 - int(name[1:] if name[1:].isdigit() else 0)):
                await asyncio.sleep(0)
            if name in self.failures:
                raise self.failures[name]
            self.applied.append(name)
            return await super().apply(obj, force=force)
        finally:
            self.in_flight.remove(obj["kind"])


async def apply(cluster: FakeCluster, objects: Sequence[Obj], **changes: Any) -> ApplyResult:
    async def nothing(*_: object) -> None:
        """The progress isn't of interest."""

    others: dict[str, Any] = {"check": lambda: None, "report": nothing} | changes
    return await apply_all(cluster, objects, force=False, **others)


def refused(name: str) -> ClusterRefused:
    return ClusterRefused(f"ConfigMap {name}: no")


async def test_objects_of_one_kind_are_applied_concurrently_within_a_bound_and_kinds_after_one_another() -> None:
    cluster = SlowCluster()
    result = await apply(cluster, [*MANY, deployment("tts"), deployment("stt")])
    assert cluster.most == 8
    assert cluster.kinds_in_flight == {("Namespace",), ("ConfigMap",), ("Deployment",)}
    assert [ref.name for ref in result.refs][1:-2] == [obj["metadata"]["name"] for obj in MAPS]
    assert cluster.applied[1:-2] != sorted(cluster.applied[1:-2]), "they ended in another order"


async def test_all_refused_objects_of_a_kind_are_reported_in_the_order_of_the_manifest() -> None:
    cluster = SlowCluster(**{name: refused(name) for name in ("c07", "c02", "c19")})
    with pytest.raises(SeveralRefused) as refusal:
        await apply(cluster, [*MANY, deployment("tts")])
    assert refusal.value.message == "ConfigMap c02: no; ConfigMap c07: no; ConfigMap c19: no"
    assert refusal.value.code == "KUBERNETES_ERROR"
    assert len(cluster.applied) == 18, "the others of the kind were applied, and no other kind"


async def test_of_many_refusals_some_are_named_and_the_rest_are_counted() -> None:
    cluster = SlowCluster(**{obj["metadata"]["name"]: refused(obj["metadata"]["name"]) for obj in MAPS})
    with pytest.raises(SeveralRefused, match=r"ConfigMap c04: no; and 15 more$"):
        await apply(cluster, MANY)


async def test_one_conflict_stays_a_conflict() -> None:
    conflict = FieldConflict(ref_of(MAPS[3]), (("kubectl", ".data"),))
    with pytest.raises(FieldConflict) as raised:
        await apply(SlowCluster(c03=conflict), MANY)
    assert raised.value is conflict


async def test_an_outage_ends_the_work_and_a_refusal_counts_more() -> None:
    outage = ClusterUnavailable("demo", "connection refused")
    cluster = SlowCluster(c19=outage)
    with pytest.raises(ClusterUnavailable):
        await apply(cluster, [namespace(), *MAPS[12:]])
    cluster = SlowCluster(c00=outage, c01=refused("c01"))
    with pytest.raises(ClusterRefused):
        await apply(cluster, MANY)
    assert len(cluster.applied) < len(MAPS), "no further object was begun"
    assert not cluster.in_flight


async def test_a_higher_generation_lets_what_is_in_flight_end_and_begins_nothing() -> None:
    cluster = SlowCluster()

    def check() -> None:
        if len(cluster.applied) > 1:
            raise Superseded

    with pytest.raises(Superseded):
        await apply(cluster, MANY, check=check)
    assert not cluster.in_flight
    assert len(cluster.applied) == 1 + 8


async def test_a_cancelled_task_leaves_nothing_in_flight() -> None:
    cluster = SlowCluster()
    task = asyncio.create_task(apply(cluster, MANY))
    await cluster.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not cluster.in_flight
    assert not cluster.applied


async def test_a_fault_of_ours_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        await apply(SlowCluster(c01=ZeroDivisionError(), c00=refused("c00")), MANY)


async def test_an_unknown_kind_of_an_extension_is_skipped_and_a_built_in_one_is_not() -> None:
    monitor = {**config_map("watch"), "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor"}
    cluster = FakeCluster()
    cluster.unknown = {"ServiceMonitor", "ConfigMap"}
    positions: list[tuple[int, bool]] = []

    async def note(position: int, is_skipped: bool) -> None:
        positions.append((position, is_skipped))

    result = await apply(cluster, [namespace(), monitor], report=note)
    assert positions == [(0, False), (1, True)]
    assert [kind.kind for kind in result.skipped] == ["ServiceMonitor"]
    with pytest.raises(KindUnknown):
        await apply(cluster, [namespace(), config_map("a")])
