"""Stop, start, restart, rollback and undone failures on the simulator: pods really go, and really come again."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.deployer.reconcile.scaling import RESTARTED_AT
from shared.events import DeployCompleted, DeployFailed, DeployRolledBack, Operation
from shared.kube.kinds import Kind
from shared.kube.objects import Obj
from tests.integration.deployer_bench import Bench, digest_of, manifest, running_bench


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with running_bench(tmp_path_factory.mktemp("deployer")) as bench:
        yield bench


async def pods(bench: Bench, tenant: str, *, leaving: bool = True) -> set[str]:
    """The uids of all pods, or without those that are on their way out."""
    found = (await bench.cluster.list(Kind("v1", "Pod"), f"ecp-ai-{tenant}")).items
    metadata = [each["metadata"] for each in found]
    return {each["uid"] for each in metadata if leaving or not each.get("deletionTimestamp")}


async def callbot(bench: Bench, tenant: str) -> Obj:
    live = await bench.read("Deployment", tenant, "callbot", "apps/v1")
    assert live is not None
    return live


def image_of(live: Obj) -> str:
    return str(live["spec"]["template"]["spec"]["containers"][0]["image"])


def with_redis(tenant: str) -> str:
    """Besides an autoscaled Deployment, one with replicas of its own."""
    fixed = manifest(tenant, "redis").split("---\n")[1].replace("spec:\n", "spec:\n  replicas: 3\n", 1)
    return manifest(tenant, "callbot") + "---\n" + fixed


async def test_a_stopped_tenant_has_no_pods_until_it_is_started(bench: Bench) -> None:
    text = with_redis("paused")
    async with bench.deployer():
        await bench.until_published(await bench.deploy("paused", 1, text), DeployCompleted)
        assert len(await pods(bench, "paused", leaving=False)) == 5
        stop = await bench.operate("paused", 2, Operation.STOP)
        done = (await bench.until_published(stop, DeployCompleted))[-1]
        assert isinstance(done, DeployCompleted)
        assert {(each.name, each.status, each.replicas) for each in done.resources} == {
            ("callbot", "Stopped", "0/0"),
            ("redis", "Stopped", "0/0"),
        }
        assert await pods(bench, "paused") == set()
        assert await bench.read("Service", "paused", "callbot-service") is not None
        start = await bench.operate("paused", 3, Operation.START, digest=digest_of(text), to=1)
        started = (await bench.until_published(start, DeployCompleted))[-1]
    assert isinstance(started, DeployCompleted)
    replicas = {each.name: each.replicas for each in started.resources if each.type == "Deployment"}
    assert replicas == {"callbot": "2/2", "redis": "3/3"}


async def test_a_deploy_of_another_size_starts_a_stopped_tenant_without_a_conflict(bench: Bench) -> None:
    text = with_redis("resized")
    async with bench.deployer():
        await bench.until_published(await bench.deploy("resized", 1, text), DeployCompleted)
        await bench.until_published(await bench.operate("resized", 2, Operation.STOP), DeployCompleted)
        larger = text.replace("replicas: 3", "replicas: 4")
        await bench.until_published(await bench.deploy("resized", 3, larger), DeployCompleted)
    assert len(await pods(bench, "resized", leaving=False)) == 6


async def test_a_restart_replaces_every_pod_once_however_often_it_is_delivered(bench: Bench) -> None:
    text = manifest("renewed", "callbot")
    async with bench.deployer():
        await bench.until_published(await bench.deploy("renewed", 1, text), DeployCompleted)
        before = await pods(bench, "renewed")
        restart = await bench.operate("renewed", 2, Operation.RESTART, digest=digest_of(text), to=1)
        await bench.until_published(restart, DeployCompleted)
        after = await pods(bench, "renewed", leaving=False)
        assert len(after) == 2
        assert before.isdisjoint(after)
        marked = (await callbot(bench, "renewed"))["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT]
        await bench.operate("renewed", 2, Operation.RESTART, again=True, digest=digest_of(text), to=1)
        await bench.until_published(await bench.deploy("renewed", 3, text), DeployCompleted)
    live = await callbot(bench, "renewed")
    assert live["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT] == marked
    assert await pods(bench, "renewed") >= after, "a deploy of the same manifest rolls nothing"


async def test_a_rollback_brings_the_earlier_manifest_back_and_prunes_what_came_since(bench: Bench) -> None:
    first = manifest("returning", "callbot", image="1")
    async with bench.deployer():
        await bench.until_published(await bench.deploy("returning", 1, first), DeployCompleted)
        second = await bench.deploy("returning", 2, manifest("returning", "callbot", "chatbot", image="2"))
        await bench.until_published(second, DeployCompleted)
        rollback = await bench.operate("returning", 3, Operation.ROLLBACK, digest=digest_of(first), to=1)
        done = (await bench.until_published(rollback, DeployRolledBack))[-1]
    assert isinstance(done, DeployRolledBack)
    assert (done.digest, done.operation) == (digest_of(first), Operation.ROLLBACK)
    assert image_of(await callbot(bench, "returning")).endswith(":1")
    assert await bench.read("Deployment", "returning", "chatbot", "apps/v1") is None


async def test_a_deploy_that_fails_goes_back_by_itself_where_that_is_asked_for(bench: Bench) -> None:
    good = manifest("careful", "callbot", image="1")
    async with bench.deployer():
        await bench.until_published(await bench.deploy("careful", 1, good), DeployCompleted)
        bad = manifest("careful", "callbot", "chatbot", image="2", fail="image-pull")
        failed = await bench.deploy("careful", 2, bad, on_failure="rollback")
        done = (await bench.until_published(failed, DeployRolledBack))[-1]
    assert isinstance(done, DeployRolledBack)
    assert done.digest == digest_of(good)
    assert "ImagePull" in done.message
    assert image_of(await callbot(bench, "careful")).endswith(":1")
    assert await bench.read("Deployment", "careful", "chatbot", "apps/v1") is None


async def test_a_deploy_that_fails_leaves_nothing_where_that_is_asked_for(bench: Bench) -> None:
    async with bench.deployer():
        bad = manifest("tidy", "callbot", fail="image-pull")
        failed = (await bench.until_published(await bench.deploy("tidy", 1, bad, on_failure="delete"), DeployFailed))[
            -1
        ]
        assert isinstance(failed, DeployFailed)
        assert "ImagePull" in failed.message
        again = await bench.deploy("tidy", 2, manifest("tidy", "callbot"))
        await bench.until_published(again, DeployCompleted)


async def test_operations_without_a_manifest_are_refused(bench: Bench) -> None:
    refused: list[tuple[Operation, Any]] = [
        (Operation.START, "MANIFEST_INVALID"),
        (Operation.RESTART, "MANIFEST_INVALID"),
    ]
    async with bench.deployer():
        for generation, (operation, code) in enumerate(refused, 1):
            asked = await bench.operate("odd", generation, operation)
            failed = (await bench.until_published(asked, DeployFailed))[-1]
            assert isinstance(failed, DeployFailed)
            assert (failed.code, failed.operation) == (code, operation)
