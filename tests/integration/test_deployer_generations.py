"""Generations, deletions, takeovers and outages: the highest generation wins and is reported once."""

import asyncio
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from services.deployer.app import build
from services.deployer.cluster.api import ref_of
from shared.bus.leases import Leases
from shared.events import (
    DeployCompleted,
    DeployEvent,
    DeployFailed,
    DeployStarted,
    DeploySuperseded,
    Operation,
    Phase,
    TenantDeleted,
)
from shared.subjects import Bucket, Mode
from tests.integration.deployer_bench import (
    Bench,
    free_port,
    id_of,
    label_nodes,
    manifest,
    phase_of,
    post,
    running_bench,
)
from tests.support.warm_programs import PROGRAMS


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with running_bench(tmp_path_factory.mktemp("deployer")) as bench:
        yield bench


async def test_a_newer_generation_stops_the_one_that_runs(bench: Bench) -> None:
    async with bench.deployer(failure_grace=600.0):
        first = await bench.deploy("overtaken", 1, manifest("overtaken", "callbot", fail="image-pull"))
        await bench.until(lambda: any(phase_of(event) is Phase.SCALING_SERVICES for event in bench.of(first)))
        second = await bench.deploy("overtaken", 2, manifest("overtaken", "callbot", image="2.0"))
        await bench.until_published(second, DeployCompleted)
    superseded = [event for event in bench.of(first) if isinstance(event, DeploySuperseded)]
    assert [event.superseded_by for event in superseded] == [2]
    assert bench.of(first)[-1] == superseded[0]


async def test_a_deployment_waits_for_the_lease_of_its_tenant_and_of_no_other(bench: Bench) -> None:
    bucket = partial(bench.client.jetstream().key_value, Mode.DEMO.bucket(Bucket.LEASES))
    done = asyncio.Event()

    async def work() -> None:
        await done.wait()

    another = asyncio.create_task(Leases(bucket, "another replica").while_held("deployer.simulator.leased", work))
    async with bench.deployer():
        first = await bench.deploy("leased", 1, manifest("leased", "callbot"))
        other = await bench.deploy("unleased", 1, manifest("unleased", "callbot"))
        await bench.until_published(other, DeployCompleted)
        assert bench.of(first) == []
        done.set()
        assert await another
        await bench.until_published(first, DeployCompleted)
    assert sum(isinstance(event, DeployStarted) for event in bench.of(first)) == 1


async def test_a_lower_generation_changes_nothing(bench: Bench) -> None:
    async with bench.deployer():
        newer = await bench.deploy("late", 5, manifest("late", "callbot", image="5"))
        await bench.until_published(newer, DeployCompleted)
        older = await bench.deploy("late", 4, manifest("late", "callbot", image="4"))
        events = await bench.until_published(older, DeploySuperseded)
    assert len(events) == 1
    live = await bench.read("Deployment", "late", "callbot", "apps/v1")
    assert live is not None
    assert live["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":5")


async def test_a_deletion_ends_when_the_namespace_is_gone_and_the_id_starts_clean(bench: Bench) -> None:
    async with bench.deployer():
        dep = await bench.deploy("brief", 1, manifest("brief", "callbot"))
        await bench.until_published(dep, DeployCompleted)
        deletion = await bench.operate("brief", 2, Operation.DELETE)
        events = await bench.until_published(deletion, TenantDeleted)
        assert [type(event) for event in events] == [TenantDeleted]
        assert await bench.read("Namespace", "brief", "ecp-ai-brief") is None
        late = await bench.deploy("brief", 1, manifest("brief", "callbot"), prune=False)
        again = await bench.deploy("brief", 3, manifest("brief", "callbot"))
        await bench.until_published(again, DeployCompleted)
    assert sum(isinstance(event, DeployStarted) for event in bench.of(late)) == 1


async def test_a_tenant_that_never_was_is_deleted_at_once(bench: Bench) -> None:
    async with bench.deployer():
        deletion = await bench.operate("never", 1, Operation.DELETE)
        elsewhere = await bench.operate("nowhere", 1, Operation.DELETE, target="moon base")
        await bench.until_published(deletion, TenantDeleted)
        await bench.until_published(elsewhere, TenantDeleted)


async def test_a_namespace_that_is_not_ours_is_neither_taken_nor_deleted(bench: Bench) -> None:
    labels = {"ecp.ai/tenant": "foreign"}
    theirs = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ecp-ai-foreign", "labels": labels}}
    await post(bench, "/api/v1/namespaces", theirs)
    async with bench.deployer():
        dep = await bench.deploy("foreign", 1, manifest("foreign", "callbot"))
        failed = (await bench.until_published(dep, DeployFailed))[-1]
        assert isinstance(failed, DeployFailed)
        assert failed.code == "NAMESPACE_NOT_OURS"
        deletion = await bench.operate("foreign", 2, Operation.DELETE)
        await bench.until_published(deletion, TenantDeleted)
    assert await bench.read("Namespace", "foreign", "ecp-ai-foreign") is not None


async def test_a_deletion_leaves_what_others_put_into_the_namespace_and_names_it(bench: Bench) -> None:
    notes = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "notes"}, "data": {"a": "b"}}
    async with bench.deployer():
        await bench.until_published(await bench.deploy("shared", 1, manifest("shared", "callbot")), DeployCompleted)
        await post(bench, "/api/v1/namespaces/ecp-ai-shared/configmaps", notes)
        deletion = await bench.operate("shared", 2, Operation.DELETE)
        failed = (await bench.until_published(deletion, DeployFailed))[-1]
        assert isinstance(failed, DeployFailed)
        assert "ConfigMap notes (of kubectl-create)" in failed.message
        assert await bench.read("ConfigMap", "shared", "notes") is not None
        assert await bench.read("Deployment", "shared", "callbot", "apps/v1") is None
        live = await bench.read("ConfigMap", "shared", "notes")
        assert live is not None
        await bench.cluster.remove(ref_of(live), uid=live["metadata"]["uid"])
        again = await bench.operate("shared", 3, Operation.DELETE)
        await bench.until_published(again, TenantDeleted)
    assert await bench.read("Namespace", "shared", "ecp-ai-shared") is None


async def test_a_deployer_that_is_killed_is_taken_over_and_nothing_is_published_twice(bench: Bench) -> None:
    environment = os.environ | {
        "NATS_URL": bench.nats_url,
        "K8S_SIMULATOR_URL": bench.simulator_url,
        "PORT": str(free_port()),
    }
    # No node has the label before the end, so that the kill finds the deployment in the middle.
    term = {"matchExpressions": [{"key": "for-the-killed", "operator": "In", "values": ["yes"]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    waiting = manifest("killed", "callbot", affinity=affinity)
    child = await PROGRAMS.start("services.deployer", environment=environment, output=Path(os.devnull))
    try:
        dep = await bench.deploy("killed", 1, waiting)
        await bench.until(lambda: any(phase_of(event) is Phase.SCALING_SERVICES for event in bench.of(dep)))
    finally:
        child.kill()
        await child.wait()
    async with bench.deployer():
        await label_nodes(bench, "for-the-killed")
        events = await bench.until_published(dep, DeployCompleted)
    ids = [event_id for event_id, event in bench.received if id_of(event) == dep]
    assert len(ids) == len(set(ids))
    assert sum(isinstance(event, DeployStarted) for event in events) == 1
    progress = [event.progress for event in events if isinstance(event, DeployEvent)]
    assert progress == sorted(progress)


async def test_an_outage_of_the_cluster_is_waited_for_and_named(bench: Bench) -> None:
    closed = f"http://127.0.0.1:{free_port()}"
    worker = build(bench.settings().model_copy(update={"k8s_simulator_url": closed}))
    await worker.start()
    dep = await bench.deploy("patient", 1, manifest("patient", "callbot"))
    waiting = "waiting for the Kubernetes API of cluster demo"
    await bench.until(lambda: any(waiting in getattr(event, "message", "") for event in bench.of(dep)))
    await worker.stop()
    async with bench.deployer():
        events = await bench.until_published(dep, DeployCompleted)
    assert not any(isinstance(event, DeployFailed) for event in events)


async def test_two_replicas_share_the_work_and_publish_everything_once(bench: Bench) -> None:
    async with bench.deployer(), bench.deployer():
        deps = [await bench.deploy(f"shared-{n}", 1, manifest(f"shared-{n}", "callbot")) for n in range(4)]
        for dep in deps:
            events = await bench.until_published(dep, DeployCompleted)
            assert sum(isinstance(event, DeployStarted | DeployCompleted) for event in events) == 2
