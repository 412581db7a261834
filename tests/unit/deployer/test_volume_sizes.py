"""Volumes keep the size that a cluster can't change, with a note, and the rest of a manifest is applied."""

import pytest

from services.deployer.cluster.api import ClusterRefused, ref_of
from services.deployer.reconcile.apply import has_volumes, not_smaller
from services.deployer.reconcile.manifest_apply import apply_all
from shared.kube.objects import Obj
from tests.support.deployer_fakes import FakeCluster
from tests.support.deployer_scenario import NAMESPACE, config_map, namespace


def claim(size: str, name: str = "recordings") -> Obj:
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": size}}}
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def stateful_set(**sizes: str) -> Obj:
    templates = [{"metadata": {"name": name}, "spec": claim(size)["spec"]} for name, size in sizes.items()]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "redis", "namespace": NAMESPACE},
        "spec": {"replicas": 1, "volumeClaimTemplates": templates},
    }


def size_of(obj: Obj) -> str:
    size: str = obj["spec"]["resources"]["requests"]["storage"]
    return size


@pytest.mark.parametrize(
    ("wanted", "there", "kept"),
    [("10Gi", "20Gi", "20Gi"), ("20Gi", "10Gi", "20Gi"), ("1Ti", "1024Gi", "1Ti"), ("1500M", "2Gi", "2Gi")],
)
def test_a_claim_grows_and_never_shrinks(wanted: str, there: str, kept: str) -> None:
    possible = not_smaller(claim(wanted), claim(there))
    assert size_of(possible) == kept
    assert {**possible, "spec": None} == {**claim(wanted), "spec": None}


def test_what_is_not_there_yet_is_made_as_wanted() -> None:
    assert not_smaller(claim("1Gi"), None) == claim("1Gi")
    assert not_smaller(config_map("a"), config_map("a")) == config_map("a")


def test_templates_for_claims_keep_their_sizes_one_by_one() -> None:
    possible = not_smaller(stateful_set(data="16Gi", logs="8Gi", new="1Gi"), stateful_set(logs="4Gi", data="256Gi"))
    sizes = [size_of(each) for each in possible["spec"]["volumeClaimTemplates"]]
    assert sizes == ["256Gi", "4Gi", "1Gi"], "what a StatefulSet was made with never changes, upwards neither"


class CannotExpand(FakeCluster):
    """Refuses a larger claim in Kubernetes' words, and anything about the claim `broken`."""

    async def apply(self, obj: Obj, *, force: bool) -> Obj:
        live = await self.read(ref_of(obj))
        if obj["metadata"]["name"] == "broken" or (live and has_volumes(obj) and size_of(live) != size_of(obj)):
            raise ClusterRefused(f"{ref_of(obj)}: only dynamically provisioned pvc can be resized")
        return await super().apply(obj, force=force)


async def apply(cluster: FakeCluster, *objects: Obj) -> list[str]:
    async def nothing(*_: object) -> None:
        """The progress isn't of interest."""

    return (await apply_all(cluster, objects, force=False, check=lambda: None, report=nothing)).notes


async def test_where_a_class_can_t_expand_the_size_stays_with_a_note_and_the_rest_is_applied() -> None:
    cluster = CannotExpand()
    assert await apply(cluster, namespace(), claim("10Gi")) == []
    notes = await apply(cluster, namespace(), claim("20Gi"), config_map("after", size="20Gi"))
    assert notes == [
        "PersistentVolumeClaim recordings stays at 10Gi instead of 20Gi "
        "(PersistentVolumeClaim recordings: only dynamically provisioned pvc can be resized)"
    ]
    live = await cluster.read(ref_of(claim("20Gi")))
    assert live is not None
    assert size_of(live) == "10Gi"
    assert ("ConfigMap", "after") in cluster.names


async def test_a_claim_that_is_refused_for_another_reason_is_still_refused() -> None:
    cluster = CannotExpand()
    with pytest.raises(ClusterRefused):
        await apply(cluster, namespace(), claim("10Gi", "broken"))


async def test_applying_a_smaller_manifest_leaves_the_larger_volume() -> None:
    cluster = FakeCluster()

    async def ignore(*_: object) -> None:
        """Progress is not reported."""

    for size in ("40Gi", "10Gi", "80Gi"):
        objects = [namespace(), claim(size), stateful_set(data=size)]
        await apply_all(cluster, objects, force=False, check=lambda: None, report=ignore)
    live = [await cluster.read(ref_of(each)) for each in (claim("1Gi"), stateful_set())]
    assert live[0] is not None
    assert live[1] is not None
    assert size_of(live[0]) == "80Gi"
    smaller = [namespace(), claim("10Gi")]
    await apply_all(cluster, smaller, force=False, check=lambda: None, report=ignore)
    there = await cluster.read(ref_of(claim("1Gi")))
    assert there is not None
    assert size_of(there) == "80Gi"
