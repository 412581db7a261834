"""The cache of a tenant's objects: current by watching, and honest about its age when the API server is away."""

from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from embedded.child import until
from services.deployer.cluster.api import ClusterRefused, ClusterUnavailable, Listing, ObjectChange, ref_of
from services.deployer.cluster.informer import Informer
from shared.kube.kinds import Kind
from shared.kube.objects import Obj
from tests.support.deployer_fakes import FakeCluster
from tests.support.deployer_scenario import NAMESPACE, config_map, namespace

CONFIG_MAP = Kind("v1", "ConfigMap")
SETTINGS = config_map("settings", level="1")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.deployer.cluster.informer._FIRST_PAUSE", 0.01)
    monkeypatch.setattr("services.deployer.cluster.informer._GATHER_SECONDS", 0.01)


class Cluster(FakeCluster):
    """Its lists fail with `error` while there is one; its watches end when the test ends them."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None
        self.broken: Exception | None = None
        """Ends the next watches at once."""
        self.lists = 0
        self.apply_as("test", namespace())
        self.apply_as("test", SETTINGS)

    async def list(self, kind: Kind, namespace: str, label: str = "") -> Listing:
        self.lists += 1
        if self.error is not None:
            raise self.error
        return await super().list(kind, namespace, label)

    async def watch(
        self, kind: Kind, namespace: str, resource_version: str, label: str = ""
    ) -> AsyncIterator[ObjectChange]:
        if self.broken is not None:
            raise self.broken
        async for change in super().watch(kind, namespace, resource_version, label):
            yield change


def informer(cluster: Cluster) -> Informer:
    return Informer(cast(Any, cluster), [CONFIG_MAP], NAMESPACE)


async def reached(found: Informer, holds: Callable[[], bool]) -> None:
    """Wait for changes until `holds`, as the reconciler does."""

    async def changed() -> bool:
        await found.wait(0.05)
        return holds()

    await until(changed, 60)


def level(found: Informer) -> str | None:
    live: Obj | None = found.find(SETTINGS)
    return live["data"]["level"] if live is not None else None


async def test_changes_and_deletions_are_seen_without_another_list() -> None:
    cluster = Cluster()
    async with informer(cluster) as found:
        await reached(found, lambda: found.is_complete)
        assert [each["metadata"]["name"] for each in found.all(CONFIG_MAP)] == ["settings"]
        cluster.apply_as("kubectl", config_map("settings", level="2"))
        await reached(found, lambda: level(found) == "2")
        cluster.finish_removal(ref_of(SETTINGS))
        await reached(found, lambda: level(found) is None)
    assert cluster.lists == 1


async def test_an_unavailable_api_server_is_a_trouble_until_a_list_succeeds() -> None:
    cluster = Cluster()
    cluster.error = ClusterUnavailable("fake", "connection refused")
    async with informer(cluster) as found:
        await reached(found, lambda: found.trouble is not None)
        assert found.trouble is cluster.error
        assert not found.is_complete
        cluster.error = None
        await reached(found, lambda: found.trouble is None and found.is_complete)


async def test_what_changed_while_a_watch_was_broken_is_listed() -> None:
    cluster = Cluster()
    cluster.broken = ClusterUnavailable("fake", "connection reset")
    async with informer(cluster) as found:
        await reached(found, lambda: level(found) == "1")
        cluster.apply_as("kubectl", config_map("settings", level="2"))
        await reached(found, lambda: level(found) == "2")
    assert cluster.lists > 1


async def test_a_refusal_reaches_the_one_who_waits() -> None:
    cluster = Cluster()
    cluster.error = ClusterRefused("configmaps is forbidden")
    async with informer(cluster) as found:
        with pytest.raises(ClusterRefused):
            await reached(found, lambda: found.is_complete)
