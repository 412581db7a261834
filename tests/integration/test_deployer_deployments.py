"""A deployment from event to event: what is published, and how failures are reported."""

import hashlib
from collections.abc import AsyncIterator

import pytest
import yaml

from shared.events import (
    DeployCompleted,
    DeployEvent,
    DeployFailed,
    DeployProgressed,
    DeployStarted,
    ManifestRendered,
    Phase,
)
from tests.integration.deployer_bench import Bench, label_nodes, manifest, running_bench, set_image_as_kubectl


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with running_bench(tmp_path_factory.mktemp("deployer")) as bench:
        yield bench


async def test_a_manifest_is_applied_and_watched_until_it_is_healthy(bench: Bench) -> None:
    async with bench.deployer():
        dep = await bench.deploy("first", 1, manifest("first", "callbot", "chatbot"))
        events = await bench.until_published(dep, DeployCompleted)
    assert isinstance(events[0], DeployStarted)
    assert all(isinstance(event, DeployProgressed) for event in events[1:-1])
    deploys = [event for event in events if isinstance(event, DeployEvent)]
    assert [event.progress for event in deploys] == sorted(event.progress for event in deploys)
    order = list(Phase)
    phases = [order.index(event.phase) for event in deploys]
    assert phases == sorted(phases)
    assert {event.phase for event in deploys} >= {
        Phase.CREATING_NAMESPACE,
        Phase.CREATING_SERVICES,
        Phase.SCALING_SERVICES,
        Phase.DONE,
    }
    last = deploys[-1]
    assert isinstance(last, DeployCompleted)
    assert (last.phase, last.progress) == (Phase.DONE, 100)
    assert {(each.type, each.name, each.status, each.replicas) for each in last.resources} == {
        ("Namespace", "ecp-ai-first", "Active", None),
        ("Deployment", "callbot", "Available", "2/2"),
        ("Deployment", "chatbot", "Available", "2/2"),
        ("Service", "callbot-service", "Active", None),
        ("Service", "chatbot-service", "Active", None),
        ("HorizontalPodAutoscaler", "callbot", "Active", None),
        ("HorizontalPodAutoscaler", "chatbot", "Active", None),
    }
    live = await bench.read("Deployment", "first", "callbot", "apps/v1")
    assert live is not None
    assert {each["manager"] for each in live["metadata"]["managedFields"]} >= {"ecp-orchestrator"}


async def test_the_request_s_correlation_id_goes_through(bench: Bench) -> None:
    async with bench.deployer():
        dep = await bench.deploy("correlated", 1, manifest("correlated", "callbot"))
        await bench.until_published(dep, DeployCompleted)
    message = await bench.client.jetstream().get_last_msg("DEMO_ECP", "demo.deploy.completed")
    assert (message.headers or {})["correlation-id"] == f"req-{dep}"


async def test_a_manifest_that_comes_twice_is_deployed_once(bench: Bench) -> None:
    async with bench.deployer():
        text = manifest("twice", "callbot")
        dep = await bench.deploy("twice", 1, text)
        events = await bench.until_published(dep, DeployCompleted)
        digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        again = ManifestRendered(
            tenant_id="twice", deployment=bench.context("twice", 1, "simulator"), digest=digest, summary={}
        )
        await bench.publish(again, "twice-again")
        other = await bench.deploy("twice", 2, text)
        await bench.until_published(other, DeployCompleted)
    assert bench.of(dep) == events


async def test_an_image_that_can_t_be_pulled_fails_and_names_pod_and_reason(bench: Bench) -> None:
    async with bench.deployer():
        dep = await bench.deploy("pullless", 1, manifest("pullless", "callbot", fail="image-pull"))
        events = await bench.until_published(dep, DeployFailed)
    failed = events[-1]
    assert isinstance(failed, DeployFailed)
    assert failed.code == "DEPLOYMENT_FAILED"
    assert "pod callbot-" in failed.message
    assert "ImagePull" in failed.message
    assert ("Deployment", "callbot", "0/2") in {(each.type, each.name, each.replicas) for each in failed.resources}


async def test_a_newer_manifest_repairs_what_failed_and_prunes_what_is_gone(bench: Bench) -> None:
    async with bench.deployer():
        first = await bench.deploy("repaired", 1, manifest("repaired", "callbot", "chatbot", fail="image-pull"))
        await bench.until_published(first, DeployFailed)
        second = await bench.deploy("repaired", 2, manifest("repaired", "callbot", image="1.1"))
        await bench.until_published(second, DeployCompleted)
    assert await bench.read("Deployment", "repaired", "callbot", "apps/v1") is not None
    assert await bench.read("Deployment", "repaired", "chatbot", "apps/v1") is None
    assert await bench.read("Service", "repaired", "chatbot-service") is None


async def test_what_no_node_can_hold_fails_before_anything_of_it_is_applied(bench: Bench) -> None:
    async with bench.deployer():
        text = manifest("huge", "callbot").replace("cpu: 100m", "cpu: '4000'")
        dep = await bench.deploy("huge", 1, text)
        events = await bench.until_published(dep, DeployFailed)
    failed = events[-1]
    assert isinstance(failed, DeployFailed)
    assert failed.message.startswith("there is no room on simulator: cpu: 8000 needed")
    assert "callbot: 2 of 2 pods fit on no node (Insufficient cpu" in failed.message
    assert failed.code == "INSUFFICIENT_RESOURCES"
    assert await bench.read("Namespace", "huge", "ecp-ai-huge") is None


async def test_one_that_waits_for_room_keeps_no_other_waiting_and_is_deployed_when_there_is_room(bench: Bench) -> None:
    async with bench.deployer(tenants_at_once=1):
        text = manifest("queued", "callbot", nodeSelector={"for-the-queued": "yes"})
        queued = await bench.deploy("queued", 1, text, wait_for_capacity=True)
        reason = "waiting for room on simulator: callbot: 2 of 2 pods fit on no node"
        await bench.until(lambda: any(reason in getattr(each, "message", "") for each in bench.of(queued)))
        other = await bench.deploy("unqueued", 1, manifest("unqueued", "callbot"))
        await bench.until_published(other, DeployCompleted)
        assert await bench.read("Namespace", "queued", "ecp-ai-queued") is None
        await label_nodes(bench, "for-the-queued")
        await bench.until_published(queued, DeployCompleted)


async def test_a_field_of_another_manager_is_a_failure_that_names_it_unless_it_is_to_be_taken(bench: Bench) -> None:
    async with bench.deployer():
        first = await bench.deploy("contested", 1, manifest("contested", "callbot"))
        await bench.until_published(first, DeployCompleted)
        await set_image_as_kubectl(bench, "contested")
        second = await bench.deploy("contested", 2, manifest("contested", "callbot", image="2"))
        failed = (await bench.until_published(second, DeployFailed))[-1]
        assert isinstance(failed, DeployFailed)
        assert "Deployment callbot" in failed.message
        assert "kubectl-edit" in failed.message
        third = await bench.deploy("contested", 3, manifest("contested", "callbot", image="2"), force_conflicts=True)
        await bench.until_published(third, DeployCompleted)


async def test_kinds_of_extensions_that_the_cluster_lacks_are_skipped(bench: Bench) -> None:
    monitor = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "callbot"},
        "spec": {},
    }
    async with bench.deployer():
        text = manifest("monitored", "callbot") + "---\n" + yaml.safe_dump(monitor)
        done = (await bench.until_published(await bench.deploy("monitored", 1, text), DeployCompleted))[-1]
    assert isinstance(done, DeployCompleted)
    assert ("ServiceMonitor", "Skipped") in {(each.type, each.status) for each in done.resources}


async def test_what_the_api_server_refuses_fails_in_its_words(bench: Bench) -> None:
    bad = manifest("invalid", "callbot").replace("minReplicas: 2", "minReplicas: 9")
    async with bench.deployer():
        failed = (await bench.until_published(await bench.deploy("invalid", 1, bad), DeployFailed))[-1]
    assert isinstance(failed, DeployFailed)
    assert failed.code == "KUBERNETES_ERROR"
    assert "maxReplicas" in failed.message


async def test_an_unknown_target_fails_with_what_is_possible(bench: Bench) -> None:
    async with bench.deployer():
        unknown = await bench.deploy("lost", 1, manifest("lost", "callbot"), target="moon")
        failed = (await bench.until_published(unknown, DeployFailed))[-1]
        assert isinstance(failed, DeployFailed)
        assert "simulator" in failed.message
