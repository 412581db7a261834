"""Adoption on the simulator: a call centre that kubectl applied becomes a tenant, and its pods are the same ones."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import yaml

from services.deployer.state.records import AppliedState
from shared.events import DeployCompleted, DeployDrifted, DeployFailed, Operation, TenantDeleted
from shared.kube.kinds import KINDS, Kind, kind_of
from shared.kube.objects import Obj
from shared.rpc import InspectReply, InspectRequest
from shared.subjects import Bucket, Rpc, manifest_key
from tests.integration.deployer_bench import MODE, Bench, manifest, post, running_bench, set_image_as_kubectl
from tests.support.polling import eventually


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with running_bench(tmp_path_factory.mktemp("deployer")) as bench:
        yield bench


async def create(bench: Bench, *objects: Obj) -> None:
    """Create objects as `kubectl create` does."""
    for obj in objects:
        info = KINDS[obj["kind"]]
        namespace = obj["metadata"].get("namespace")
        api = f"/apis/{obj['apiVersion']}" if kind_of(obj).group else "/api/v1"
        await post(bench, f"{api}/namespaces/{namespace}/{info.plural}" if namespace else f"{api}/{info.plural}", obj)


async def pods(bench: Bench, tenant: str) -> set[str]:
    """The uids of the pods that stay."""
    found = (await bench.cluster.list(Kind("v1", "Pod"), f"ecp-ai-{tenant}")).items
    return {each["metadata"]["uid"] for each in found if not each["metadata"].get("deletionTimestamp")}


async def running(bench: Bench, tenant: str, *more: Obj) -> set[str]:
    """A call centre of `kubectl create` with two pods; their uids."""
    documents = [each for each in yaml.safe_load_all(manifest(tenant, "callbot")) if each]
    await create(bench, *documents, *more)

    async def are_ready() -> bool:
        live = await bench.read("Deployment", tenant, "callbot", "apps/v1")
        return live is not None and (live.get("status") or {}).get("readyReplicas") == 2

    await eventually(are_ready)
    return await pods(bench, tenant)


async def inspect(bench: Bench, tenant: str) -> InspectReply:
    request = InspectRequest(target="simulator", tenant_id=tenant).model_dump_json().encode()
    answer = await bench.client.request(MODE.subject(Rpc.INSPECT), request, timeout=20)
    return InspectReply.model_validate(json.loads(answer.data)["ok"])


SECRET: Obj = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "keys", "namespace": "ecp-ai-taken"},
    "stringData": {"token": "a-secret-value"},
}
JOB: Obj = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "import", "namespace": "ecp-ai-taken"},
    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "import", "image": "import:1"}]}}},
}


async def test_an_adopted_call_centre_keeps_its_pods_and_is_then_deployed_to_and_deleted(bench: Bench) -> None:
    before = await running(bench, "taken", SECRET, JOB)
    async with bench.deployer():
        found = await inspect(bench, "taken")
        assert found.exists
        assert found.adopted == (
            "Namespace ecp-ai-taken",
            "Secret keys",
            "Service callbot-service",
            "Deployment callbot",
            "HorizontalPodAutoscaler callbot",
        )
        assert [(each.object, each.reason) for each in found.left_alone] == [
            ("Job import", "the orchestrator doesn't manage this kind")
        ]
        [workload] = found.workloads
        assert (workload.image, workload.replicas, workload.max_replicas) == ("ecp-ai/callbot:1.0", 2, 4)
        assert not workload.is_labelled
        adopted = await bench.operate("taken", 1, Operation.ADOPT)
        done = (await bench.until_published(adopted, DeployCompleted))[-1]
        assert isinstance(done, DeployCompleted)
        assert done.message.endswith("left alone: Job import")
        workloads = {each.name: (each.status, each.replicas) for each in done.resources if each.replicas}
        assert workloads == {"callbot": ("Available", "2/2")}
        assert before <= await pods(bench, "taken"), "no pod restarted"
        text = await manifest_of(bench, done.digest or "")
        assert "a-secret-value" not in text
        assert "YS1zZWNyZXQtdmFsdWU" not in text
        later = await bench.deploy("taken", 2, manifest("taken", "callbot"))
        await bench.until_published(later, DeployCompleted)
        assert before <= await pods(bench, "taken"), "the same template again"
        await bench.operate("taken", 3, Operation.DELETE)
        failed = (await bench.until_published("dep-taken-3", DeployFailed))[-1]
        assert isinstance(failed, DeployFailed)
        assert "Job import" in failed.message, "what was left alone is spared by a deletion, too"
    assert await bench.read("Job", "taken", "import", "batch/v1") is not None


async def test_what_is_changed_after_an_adoption_is_drift(bench: Bench) -> None:
    await running(bench, "watched")
    async with bench.deployer():
        adopted = await bench.operate("watched", 1, Operation.ADOPT)
        await bench.until_published(adopted, DeployCompleted)
        await set_image_as_kubectl(bench, "watched")
        drifted = (await bench.until_published(adopted, DeployDrifted))[-1]
    assert isinstance(drifted, DeployDrifted)
    assert [each.field for each in drifted.drift] == ['.spec.template.spec.containers[name="callbot"].image']
    assert drifted.drift[0].manager == "kubectl-edit"


async def test_the_whole_of_an_adopted_namespace_is_deleted_with_the_tenant(bench: Bench) -> None:
    await running(bench, "whole")
    async with bench.deployer():
        await bench.until_published(await bench.operate("whole", 1, Operation.ADOPT), DeployCompleted)
        await bench.operate("whole", 2, Operation.DELETE)
        await bench.until_published("dep-whole-2", TenantDeleted)
    assert await bench.read("Namespace", "whole", "ecp-ai-whole") is None


async def test_a_namespace_that_is_another_tenant_s_or_missing_is_refused_and_unchanged(bench: Bench) -> None:
    await running(bench, "rival")
    labelled: Obj = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "ecp-ai-rival", "labels": {"ecp.ai/tenant": "other"}},
    }
    await create(bench, labelled)
    async with bench.deployer():
        assert not (await inspect(bench, "nowhere")).exists
        missing = (await bench.until_published(await bench.operate("nowhere", 1, Operation.ADOPT), DeployFailed))[-1]
        assert isinstance(missing, DeployFailed)
        assert missing.code == "ADOPTION_REFUSED"
        assert (await inspect(bench, "rival")).conflicts == ("ConfigMap c: label ecp.ai/tenant is other",)
        refused = (await bench.until_published(await bench.operate("rival", 1, Operation.ADOPT), DeployFailed))[-1]
        assert isinstance(refused, DeployFailed)
        assert "ConfigMap c: label ecp.ai/tenant is other" in refused.message
    live = await bench.read("Deployment", "rival", "callbot", "apps/v1")
    assert live is not None
    assert "ecp.ai/managed-by" not in live["metadata"].get("labels", {})
    records = await (await bench.client.jetstream().key_value(MODE.bucket(Bucket.APPLIED))).get("simulator.rival")
    assert AppliedState.model_validate_json(records.value or b"").inventory == ()


async def manifest_of(bench: Bench, digest: str) -> str:
    bucket = await bench.client.jetstream().key_value(MODE.bucket(Bucket.MANIFESTS))
    async with asyncio.timeout(60):
        return ((await bucket.get(manifest_key(digest))).value or b"").decode()
