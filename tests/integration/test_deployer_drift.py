"""Drift on the simulator: noticed by watching, reported once, gone when it is mended, healed where asked for."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.deployer.cluster.api import ref_of
from shared.events import DeployCompleted, DeployDrifted, Drift, Operation
from shared.kube.objects import Obj
from tests.integration.deployer_bench import Bench, digest_of, free_port, manifest, patch, running_bench
from tests.support.warm_programs import PROGRAMS

DEPLOYMENT = "/apis/apps/v1/namespaces/ecp-ai-{}/deployments/{}"


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with running_bench(tmp_path_factory.mktemp("deployer")) as bench:
        yield bench


def labelled(tenant: str) -> str:
    """An autoscaled callbot and a redis of 2, with the label that everything rendered has."""
    objects = list(yaml.safe_load_all(manifest(tenant, "callbot")))
    redis = next(yaml.safe_load_all(manifest(tenant, "redis").split("---\n")[1]))
    redis["spec"]["replicas"] = 2
    for each in (*objects, redis):
        each["metadata"]["labels"] = {**each["metadata"].get("labels", {}), "ecp.ai/tenant": tenant}
    return yaml.safe_dump_all([*objects, redis])


def reports(bench: Bench, deployment_id: str) -> list[DeployDrifted]:
    return [event for event in bench.of(deployment_id) if isinstance(event, DeployDrifted)]


async def report(bench: Bench, deployment_id: str, count: int) -> tuple[Drift, ...]:
    """The report of that number."""
    await bench.until(lambda: len(reports(bench, deployment_id)) >= count)
    return reports(bench, deployment_id)[count - 1].drift


async def deployed(bench: Bench, tenant: str, **options: Any) -> str:
    deployment_id = await bench.deploy(tenant, 1, labelled(tenant), **options)
    await bench.until_published(deployment_id, DeployCompleted)
    return deployment_id


async def scale(bench: Bench, tenant: str, name: str, replicas: int, manager: str = "kubectl-scale") -> None:
    await patch(bench, DEPLOYMENT.format(tenant, name), {"spec": {"replicas": replicas}}, manager)


async def live(bench: Bench, tenant: str, name: str) -> Obj:
    found = await bench.read("Deployment", tenant, name, "apps/v1")
    assert found is not None
    return found


async def delete(bench: Bench, tenant: str, name: str) -> None:
    found = await live(bench, tenant, name)
    await bench.cluster.remove(ref_of(found), uid=found["metadata"]["uid"])


async def test_drift_is_reported_with_field_and_manager_and_is_gone_when_it_is_mended(bench: Bench) -> None:
    async with bench.deployer():
        dep = await deployed(bench, "watched")
        await scale(bench, "watched", "redis", 1)
        [item] = await report(bench, dep, 1)
        assert (item.name, item.field, item.manager) == ("redis", ".spec.replicas", "kubectl-scale")
        assert (item.found, item.wanted) == ("1", "2")
        await scale(bench, "watched", "redis", 2)
        assert await report(bench, dep, 2) == ()
        await delete(bench, "watched", "redis")
        assert [(each.name, each.reason) for each in await report(bench, dep, 3)] == [("redis", "gone")]
        await scale(bench, "watched", "callbot", 0)
        items = await report(bench, dep, 4)
        assert {(each.name, each.field, each.manager, each.wanted) for each in items} == {
            ("callbot", ".spec.replicas", "kubectl-scale", "2 to 4"),
            ("redis", None, None, None),
        }


async def test_a_field_that_was_taken_is_followed_there_and_back(bench: Bench) -> None:
    """Its new owner changes it without anything changing in what we own."""
    async with bench.deployer():
        dep = await deployed(bench, "followed")
        for count, (replicas, found) in enumerate([(1, ["1"]), (3, ["3"]), (2, []), (1, ["1"])], 1):
            await scale(bench, "followed", "redis", replicas)
            assert [each.found for each in await report(bench, dep, count)] == found


async def test_what_is_made_again_for_an_autoscaler_has_its_minimum_at_once(bench: Bench) -> None:
    async with bench.deployer():
        dep = await deployed(bench, "minimum", heal_drift=True)
        await delete(bench, "minimum", "callbot")
        assert await report(bench, dep, 2) == ()
        assert (await live(bench, "minimum", "callbot"))["spec"]["replicas"] == 2
    assert [[item.reason for item in event.drift] for event in reports(bench, dep)] == [["gone"], []]


async def test_what_others_add_autoscalers_and_our_own_operations_are_no_drift(bench: Bench) -> None:
    text = labelled("calm")
    async with bench.deployer():
        dep = await deployed(bench, "calm")
        sidecar = {"template": {"spec": {"containers": [{"name": "proxy", "image": "proxy:1"}]}}}
        notes = {"annotations": {"notes": "theirs"}}
        await patch(bench, DEPLOYMENT.format("calm", "callbot"), {"metadata": notes, "spec": sidecar}, "istio")
        await scale(bench, "calm", "callbot", 4, "kube-controller-manager")
        stop = await bench.operate("calm", 2, Operation.STOP)
        await bench.until_published(stop, DeployCompleted)
        start = await bench.operate("calm", 3, Operation.START, digest=digest_of(text), to=1)
        await bench.until_published(start, DeployCompleted)
        restart = await bench.operate("calm", 4, Operation.RESTART, digest=digest_of(text), to=1)
        await bench.until_published(restart, DeployCompleted)
        # What drifts after all of it is the first report: so nothing before it was one.
        await scale(bench, "calm", "redis", 3)
        assert [each.name for each in await report(bench, restart, 1)] == ["redis"]
    assert [reports(bench, each) for each in (dep, stop, start)] == [[], [], []]


async def test_drift_is_healed_where_that_was_asked_for(bench: Bench) -> None:
    async with bench.deployer():
        dep = await deployed(bench, "healed", heal_drift=True)
        container = {"name": "callbot", "image": "ecp-ai/callbot:hotfix"}
        body = {"spec": {"template": {"spec": {"containers": [container]}}}}
        await patch(bench, DEPLOYMENT.format("healed", "callbot"), body, "kubectl-set")
        [item] = await report(bench, dep, 1)
        assert item.field == '.spec.template.spec.containers[name="callbot"].image'
        assert await report(bench, dep, 2) == ()
        containers = (await live(bench, "healed", "callbot"))["spec"]["template"]["spec"]["containers"]
        assert [each["image"] for each in containers] == ["ecp-ai/callbot:1.0"]
        await delete(bench, "healed", "redis")
        assert await report(bench, dep, 4) == ()
        assert (await live(bench, "healed", "redis"))["spec"]["replicas"] == 2
        assert [event.heals for event in reports(bench, dep)] == [0, 1, 0, 1], "what drifts is something else"


async def test_a_deployer_that_is_killed_reports_and_heals_nothing_twice(bench: Bench) -> None:
    environment = os.environ | {
        "NATS_URL": bench.nats_url,
        "K8S_SIMULATOR_URL": bench.simulator_url,
        "PORT": str(free_port()),
    }
    doomed = await PROGRAMS.start("services.deployer", environment=environment, output=Path(os.devnull))
    dep = await deployed(bench, "doomed")
    await scale(bench, "doomed", "redis", 1)
    await report(bench, dep, 1)
    doomed.kill()
    await doomed.wait()
    await delete(bench, "doomed", "callbot")
    async with bench.deployer():
        items = await report(bench, dep, 2)
    assert [(each.name, each.reason) for each in items] == [("callbot", "gone"), ("redis", "changed")]
    first, second = (event.sequence for event in reports(bench, dep))
    assert second == first + 1
