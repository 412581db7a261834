"""Contract tests of the cluster port, run on the fake of the unit tests and on the real adapter with the simulator."""

import asyncio
import urllib.request
import uuid
from collections.abc import AsyncIterator
from typing import Protocol

import orjson
import pytest

from embedded.ports import free_ports
from services.deployer.cluster.api import (
    ClusterApi,
    ClusterRefused,
    FieldConflict,
    KindUnknown,
    NamespaceTerminating,
    ObjectChange,
    ref_of,
)
from services.deployer.cluster.kubernetes import KubernetesAdapter
from services.deployer.cluster.ownership import foreign
from services.deployer.state.records import ObjectRef
from shared.kube.client import connect
from shared.kube.kinds import Kind
from shared.kube.objects import Obj
from tests.support.deployer_fakes import FakeCluster
from tests.support.simulator_process import running_simulator

CONFIG_MAP = Kind("v1", "ConfigMap")


class Outside(Protocol):
    """Changes to the cluster by other clients."""

    async def apply(self, manager: str, obj: Obj) -> None: ...

    async def hold(self, namespace: str) -> None:
        """Keep the namespace in `Terminating` once it is deleted."""


class OutsideOfTheFake:
    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster

    async def apply(self, manager: str, obj: Obj) -> None:
        self._cluster.apply_as(manager, obj)

    async def hold(self, namespace: str) -> None:
        self._cluster.finalizing = True


class OutsideOfTheSimulator:
    def __init__(self, url: str) -> None:
        self._url = url

    async def apply(self, manager: str, obj: Obj) -> None:
        metadata = obj["metadata"]
        request = urllib.request.Request(  # noqa: S310
            f"{self._url}/api/v1/namespaces/{metadata['namespace']}/configmaps/{metadata['name']}"
            f"?fieldManager={manager}&force=true",
            data=orjson.dumps(obj),
            method="PATCH",
            headers={"content-type": "application/apply-patch+yaml"},
        )
        with await asyncio.to_thread(urllib.request.urlopen, request) as answer:
            assert answer.status in (200, 201)

    async def hold(self, namespace: str) -> None:
        held = config_map(namespace, "held")
        await self.apply("test", {**held, "metadata": {**held["metadata"], "finalizers": ["ecp.ai/test"]}})


@pytest.fixture(scope="module")
async def simulator_url() -> AsyncIterator[str]:
    async with running_simulator(port := free_ports(1)[0]):
        yield f"http://127.0.0.1:{port}/clusters/demo"


@pytest.fixture(params=["fake", "simulator"])
async def ground(request: pytest.FixtureRequest, simulator_url: str) -> AsyncIterator[tuple[ClusterApi, Outside]]:
    if request.param == "fake":
        fake = FakeCluster()
        fake.unknown.add("ServiceMonitor")
        yield fake, OutsideOfTheFake(fake)
        return
    real = KubernetesAdapter("demo", lambda: connect(server=simulator_url))
    yield real, OutsideOfTheSimulator(simulator_url)
    await real.close()


@pytest.fixture
async def namespace(ground: tuple[ClusterApi, Outside]) -> str:
    name = f"contract-{uuid.uuid4().hex[:8]}"
    await ground[0].apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, force=False)
    return name


@pytest.fixture
def cluster(ground: tuple[ClusterApi, Outside]) -> ClusterApi:
    return ground[0]


@pytest.fixture
def outside(ground: tuple[ClusterApi, Outside]) -> Outside:
    return ground[1]


def config_map(namespace: str, name: str = "settings", **data: str) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    }


async def test_apply_makes_changes_and_keeps_an_object(cluster: ClusterApi, namespace: str) -> None:
    made = await cluster.apply(config_map(namespace, color="red"), force=False)
    assert made["metadata"]["uid"]
    assert made["metadata"]["managedFields"][0]["manager"] == "ecp-orchestrator"
    changed = await cluster.apply(config_map(namespace, color="blue"), force=False)
    assert changed["data"] == {"color": "blue"}
    assert changed["metadata"]["uid"] == made["metadata"]["uid"]
    assert await cluster.read(ref_of(made)) == changed


async def test_what_is_not_there_reads_as_none(cluster: ClusterApi, namespace: str) -> None:
    missing = ObjectRef(api_version="v1", kind="ConfigMap", namespace=namespace, name="missing")
    assert await cluster.read(missing) is None
    unknown = ObjectRef(api_version="monitoring.coreos.com/v1", kind="ServiceMonitor", namespace=namespace, name="x")
    assert await cluster.read(unknown) is None
    await cluster.remove(unknown, uid="none")


async def test_a_kind_that_the_cluster_lacks_raises_kind_unknown(cluster: ClusterApi, namespace: str) -> None:
    monitor = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "it", "namespace": namespace},
    }
    with pytest.raises(KindUnknown, match="ServiceMonitor"):
        await cluster.apply(monitor, force=False)


async def test_another_manager_s_field_is_a_conflict_that_names_both_unless_forced(
    cluster: ClusterApi, outside: Outside, namespace: str
) -> None:
    await outside.apply("kubectl", config_map(namespace, color="green"))
    with pytest.raises(FieldConflict) as conflict:
        await cluster.apply(config_map(namespace, color="red"), force=False)
    assert conflict.value.owners == (("kubectl", ".data.color"),)
    assert "ConfigMap settings" in conflict.value.message
    forced = await cluster.apply(config_map(namespace, color="red"), force=True)
    assert forced["data"] == {"color": "red"}


async def test_the_same_value_as_another_manager_s_is_no_conflict(
    cluster: ClusterApi, outside: Outside, namespace: str
) -> None:
    await outside.apply("kubectl", config_map(namespace, color="green"))
    await cluster.apply(config_map(namespace, color="green"), force=False)


async def test_nothing_is_made_in_a_namespace_that_is_not_there(cluster: ClusterApi) -> None:
    with pytest.raises(ClusterRefused, match='namespaces "nowhere" not found'):
        await cluster.apply(config_map("nowhere"), force=False)


async def test_nothing_is_made_in_a_namespace_that_is_being_deleted(
    cluster: ClusterApi, outside: Outside, namespace: str
) -> None:
    await outside.hold(namespace)
    found = await cluster.read(ObjectRef(api_version="v1", kind="Namespace", name=namespace))
    assert found is not None
    await cluster.remove(ref_of(found), uid=found["metadata"]["uid"])
    with pytest.raises(NamespaceTerminating):
        await cluster.apply(config_map(namespace, "another"), force=False)


async def test_only_the_object_with_the_uid_is_removed(cluster: ClusterApi, namespace: str) -> None:
    made = await cluster.apply(config_map(namespace), force=False)
    await cluster.remove(ref_of(made), uid="of-another-object")
    assert await cluster.read(ref_of(made)) is not None
    await cluster.remove(ref_of(made), uid=made["metadata"]["uid"])
    assert await cluster.read(ref_of(made)) is None
    await cluster.remove(ref_of(made), uid=made["metadata"]["uid"])


async def test_a_watch_goes_on_where_the_list_ended(cluster: ClusterApi, namespace: str) -> None:
    await cluster.apply(config_map(namespace, "first"), force=False)
    listing = await cluster.list(CONFIG_MAP, namespace)
    assert "first" in {obj["metadata"]["name"] for obj in listing.items}
    assert {(obj["apiVersion"], obj["kind"]) for obj in listing.items} == {CONFIG_MAP}
    made = await cluster.apply(config_map(namespace, "second"), force=False)
    await cluster.apply(config_map(namespace, "second", color="red"), force=False)
    await cluster.remove(ref_of(made), uid=made["metadata"]["uid"])
    changes: list[ObjectChange] = []
    async with asyncio.timeout(60):
        async for change in cluster.watch(CONFIG_MAP, namespace, listing.resource_version):
            if change.obj["metadata"]["name"] == "second":
                changes.append(change)
            if len(changes) == 3:
                break
    assert [change.type for change in changes] == ["ADDED", "MODIFIED", "DELETED"]
    assert changes[1].obj["data"] == {"color": "red"}


async def test_a_patch_changes_a_field_that_an_apply_leaves_alone_until_it_sets_it(
    cluster: ClusterApi, namespace: str
) -> None:
    made = await cluster.apply(config_map(namespace, color="red"), force=False)
    await cluster.patch(ref_of(made), {"data": {"color": "blue", "size": "large"}})
    patched = await cluster.read(ref_of(made))
    assert patched is not None
    assert patched["data"] == {"color": "blue", "size": "large"}
    applied = await cluster.apply(config_map(namespace, color="green"), force=False)
    assert applied["data"] == {"color": "green", "size": "large"}


async def test_a_patch_takes_a_field_from_anybody(cluster: ClusterApi, outside: Outside, namespace: str) -> None:
    await outside.apply("another", config_map(namespace, color="red"))
    ref = ref_of(config_map(namespace))
    await cluster.patch(ref, {"data": {"color": "blue"}})
    patched = await cluster.read(ref)
    assert patched is not None
    assert patched["data"] == {"color": "blue"}


async def test_patching_what_is_not_there_does_nothing(cluster: ClusterApi, namespace: str) -> None:
    ref = ref_of(config_map(namespace, "missing"))
    await cluster.patch(ref, {"data": {"color": "blue"}})
    assert await cluster.read(ref) is None


async def test_a_namespace_s_contents_are_listed_with_kind_and_managers(
    cluster: ClusterApi, outside: Outside, namespace: str
) -> None:
    await cluster.apply(config_map(namespace, "ours"), force=False)
    await outside.apply("kubectl", config_map(namespace, "theirs"))
    found = {obj["metadata"]["name"]: obj for obj in await cluster.contents(namespace)}
    assert found["ours"]["kind"] == "ConfigMap"
    assert [each["metadata"]["name"] for each in foreign(found.values(), [])] == ["theirs"]
