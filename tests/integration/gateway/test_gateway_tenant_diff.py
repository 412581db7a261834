"""What a deployment would change, over HTTP: the request to the deployer, its answer, and its errors."""

from collections.abc import AsyncIterator

import pytest

from services.deployer.cluster.api import ClusterRefused, ClusterUnavailable
from shared.changes import ChangeSummary, FieldChange, ObjectChange
from shared.rpc import DiffReply, DiffRequest
from shared.subjects import Rpc
from tests.support.deployer_part import Answers, answering
from tests.support.gateway import DEMO, Gateway, error_of

IMAGE = FieldChange(path='.spec.template.spec.containers[name="callbot"].image', old="a:1", new="a:2", owner="kubectl")
SCALED = FieldChange(path=".spec.replicas", old=1, new=2)
CHANGES = DiffReply(
    target="simulator",
    changes=(
        ObjectChange(kind="Deployment", namespace="ecp-ai-x", name="callbot", change="changed", fields=(IMAGE,)),
        ObjectChange(kind="Deployment", namespace="ecp-ai-x", name="nlp", change="changed", fields=(SCALED,)),
        ObjectChange(kind="PriorityClass", name="x", change="added"),
    ),
    summary=ChangeSummary(added=1, removed=0, changed=2, unchanged=9),
    skipped=("ServiceMonitor callbot",),
)


Deployer = Answers[DiffRequest, DiffReply]


@pytest.fixture
async def deployer(nats_url: str) -> AsyncIterator[Deployer]:
    deployer = Answers(DiffRequest, CHANGES)
    async with answering(nats_url, {Rpc.DIFF: deployer}):
        yield deployer


async def test_a_diff_has_changes_restarts_and_skipped_objects_of_the_current_revision(
    gateway: Gateway, deployer: Deployer
) -> None:
    created = await gateway.create(options={"prune": False, "force_conflicts": True})
    path = f"/tenants/{created['tenant_id']}/diff"
    found = await gateway.get(path)
    assert found["changes"][0]["fields"] == [IMAGE.model_dump()]
    assert found["summary"] == {"added": 1, "removed": 0, "changed": 2, "unchanged": 9}
    assert (found["restarts"], found["skipped"]) == (["Deployment callbot"], ["ServiceMonitor callbot"])
    assert (found["tenant_id"], found["revision"], found["target"]) == (created["tenant_id"], 1, "simulator")
    [request] = deployer.asked
    assert (request.tenant_id, request.prune, request.force) == (created["tenant_id"], False, True)
    assert f"ecp-ai-{created['tenant_id']}" in request.manifest


async def test_an_unreachable_or_refusing_cluster_and_an_unknown_tenant_are_errors(
    gateway: Gateway, deployer: Deployer
) -> None:
    created = await gateway.create()
    path = f"/tenants/{created['tenant_id']}/diff"
    deployer.reply = ClusterUnavailable("demo", "connection refused")
    error = error_of(await gateway.http.get(path, headers=DEMO), 503, "DEPENDENCY_UNAVAILABLE")
    assert "the Kubernetes API of cluster demo" in error["message"]
    deployer.reply = ClusterRefused("Namespace x: forbidden")
    error_of(await gateway.http.get(path, headers=DEMO), 502, "KUBERNETES_ERROR")
    error_of(await gateway.http.get("/tenants/unknown/diff", headers=DEMO), 404, "TENANT_NOT_FOUND")


async def test_without_a_deployer_it_is_named(gateway: Gateway) -> None:
    created = await gateway.create()
    answer = await gateway.http.get(f"/tenants/{created['tenant_id']}/diff", headers=DEMO)
    assert error_of(answer, 503, "WORKER_UNAVAILABLE")["details"] == {"dependency": "deployer"}
