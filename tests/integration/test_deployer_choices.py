"""What a tenant chose, rendered and on the real simulator: its API server takes it, its pods run where they may."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.manifest.rendering import to_yaml
from shared.events import DeployCompleted
from shared.kube.differences import comparable, differences, written
from shared.kube.kinds import Kind
from shared.kube.objects import Obj
from tests.integration.deployer_bench import Bench, running_bench
from tests.support.tenants import TENANTS

GPU_POOL = {"ecp.ai/pool": "gpu"}
CHOSEN = replace(
    TENANTS["everything-chosen"],
    cluster={
        **TENANTS["everything-chosen"].cluster,
        "image_pull_secrets": ["login"],
        # The nodes with GPUs: only the toleration lets pods without one onto them.
        "node_selector": GPU_POOL,
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    },
)


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with running_bench(tmp_path_factory.mktemp("choices")) as bench:
        yield bench


async def pods_of(bench: Bench, namespace: str) -> list[Obj]:
    pods = (await bench.cluster.list(Kind("v1", "Pod"), namespace)).items
    return [each for each in pods if each.get("status", {}).get("phase") == "Running"]


async def test_pods_run_with_what_was_chosen_on_the_chosen_nodes(bench: Bench) -> None:
    text = to_yaml(CHOSEN.render())
    async with bench.deployer():
        deployment = await bench.deploy(CHOSEN.tenant_id, 1, text)
        await bench.until_published(deployment, DeployCompleted)
    pods = await pods_of(bench, f"ecp-ai-{CHOSEN.tenant_id}")
    nodes = {each["metadata"]["name"]: each for each in (await bench.cluster.list(Kind("v1", "Node"), "")).items}
    assert pods
    for pod in pods:
        labels = nodes[pod["spec"]["nodeName"]]["metadata"]["labels"]
        assert GPU_POOL.items() <= labels.items(), pod["metadata"]["name"]
        assert pod["spec"]["imagePullSecrets"] == [{"name": "login"}]
        assert pod["metadata"]["labels"]["example.com/team"] == "voice"
        has_gpu = pod["metadata"]["labels"]["app"] in {"tts", "nlp", "aicm"}
        assert pod["spec"]["runtimeClassName"] == ("nvidia" if has_gpu else "kata")
    callbots = [each["spec"]["containers"][0] for each in pods if each["metadata"]["labels"]["app"] == "callbot"]
    assert len(callbots) >= 3
    for container in callbots:
        assert container["image"] == "registry.example.com/bots/callbot:2.0"
        assert {"name": "LOG_LEVEL", "value": "debug"} in container["env"]
        assert container["resources"]["requests"]["cpu"] == "2"


async def test_the_api_server_takes_each_object_in_a_dry_run_as_it_is(bench: Bench) -> None:
    objects = replace(CHOSEN, tenant_id="dry-run").render()
    await bench.cluster.apply(objects[0], force=False)
    for each in objects:
        kept = await bench.cluster.preview(each)
        lost = [
            written(path) for path, found, wanted in differences(comparable(kept), comparable(each)) if found is None
        ]
        assert lost == [], each["metadata"]["name"]
