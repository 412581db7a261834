"""`rpc.diff` on the simulator: what a manifest would change, and that asking changes nothing."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from shared.events import DeployCompleted
from shared.kube.kinds import Kind
from shared.kube.objects import Obj
from shared.rpc import DiffReply, DiffRequest
from shared.subjects import Rpc
from tests.integration.deployer_bench import MODE, Bench, manifest, patch, post, running_bench


@pytest.fixture(scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with running_bench(tmp_path_factory.mktemp("deployer")) as bench:
        yield bench


async def ask(bench: Bench, tenant: str, text: str, **more: Any) -> dict[str, Any]:
    request = DiffRequest(tenant_id=tenant, **{"target": "simulator", "manifest": text, **more})
    answer = await bench.client.request(MODE.subject(Rpc.DIFF), request.model_dump_json().encode(), timeout=20)
    envelope: dict[str, Any] = json.loads(answer.data)
    return envelope


async def diff(bench: Bench, tenant: str, text: str, **more: Any) -> DiffReply:
    envelope = await ask(bench, tenant, text, **more)
    assert "ok" in envelope, envelope
    return DiffReply.model_validate(envelope["ok"])


async def versions(bench: Bench, tenant: str) -> set[tuple[str, str]]:
    """Name and resource version of each object of a tenant that its controllers don't change."""
    found: list[Obj] = []
    for kind in (Kind("v1", "Service"), Kind("v1", "ConfigMap"), Kind("v1", "Secret")):
        found += (await bench.cluster.list(kind, f"ecp-ai-{tenant}")).items
    return {(each["metadata"]["name"], each["metadata"]["resourceVersion"]) for each in found}


def by_name(reply: DiffReply) -> dict[tuple[str, str], Any]:
    return {(each.kind, each.name): each for each in reply.changes}


async def test_a_tenant_that_was_never_deployed_is_all_added(bench: Bench) -> None:
    async with bench.deployer():
        reply = await diff(bench, "new", manifest("new", "callbot"))
    assert {each.change for each in reply.changes} == {"added"}
    assert reply.summary.added == len(reply.changes) == 4
    assert await bench.read("Namespace", "new", "ecp-ai-new") is None


async def test_what_runs_as_deployed_has_no_changes_whatever_its_autoscaler_does(bench: Bench) -> None:
    text = manifest("same", "callbot")
    async with bench.deployer():
        await bench.until_published(await bench.deploy("same", 1, text), DeployCompleted)
        before = await versions(bench, "same")
        reply = await diff(bench, "same", text)
        assert (reply.changes, reply.summary.unchanged) == ((), 4)
        assert await versions(bench, "same") == before


async def test_changed_created_and_pruned_objects_are_named_with_fields_and_owners(bench: Bench) -> None:
    async with bench.deployer():
        first = await bench.deploy("mixed", 1, manifest("mixed", "callbot", "chatbot"))
        await bench.until_published(first, DeployCompleted)
        path = "/apis/apps/v1/namespaces/ecp-ai-mixed/deployments/callbot"
        await patch(bench, path, {"spec": {"template": {"spec": {"containers": [_HOTFIX]}}}}, "kubectl-edit")
        later = manifest("mixed", "callbot", "advisor", image="2")
        reply = await diff(bench, "mixed", later)
        found = by_name(reply)
        assert found["Deployment", "advisor"].change == "added"
        assert found["Deployment", "chatbot"].change == "removed"
        [field] = found["Deployment", "callbot"].fields
        assert field.path == '.spec.template.spec.containers[name="callbot"].image'
        assert (field.old, field.new, field.owner) == ("ecp-ai/callbot:hotfix", "ecp-ai/callbot:2", "kubectl-edit")
        assert "force_conflicts" in (found["Deployment", "callbot"].note or "")
        assert (reply.summary.added, reply.summary.removed, reply.summary.changed) == (3, 3, 1)
        forced = by_name(await diff(bench, "mixed", later, force=True, prune=False))
        assert forced["Deployment", "callbot"].note is None
        assert ("Deployment", "chatbot") not in forced


async def test_a_secret_s_values_are_hidden_and_what_can_not_be_applied_has_the_reason(bench: Bench) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "keys", "namespace": "ecp-ai-secret"},
        "type": "Opaque",
        "stringData": {"token": "first-value"},
    }
    async with bench.deployer():
        text = manifest("secret", "callbot")
        await bench.until_published(await bench.deploy("secret", 1, text), DeployCompleted)
        await post(bench, "/api/v1/namespaces/ecp-ai-secret/secrets", secret)
        changed = {**secret, "stringData": {"token": "second-value"}}
        moved = text.replace("app: callbot", "app: other")
        reply = await diff(bench, "secret", f"{moved}---\n{yaml.safe_dump(changed)}")
        [field] = by_name(reply)["Secret", "keys"].fields
        assert (field.old, field.new) == ("(hidden)", "(hidden)")
        assert "first-value" not in reply.model_dump_json()
        assert "second-value" not in reply.model_dump_json()
        assert "can't be applied" in (by_name(reply)["Deployment", "callbot"].note or "")


async def test_an_unknown_target_and_an_unreachable_cluster_are_errors_with_their_codes(bench: Bench) -> None:
    text = manifest("away", "callbot")
    async with bench.deployer():
        refused = await ask(bench, "away", text, target="moon")
        assert refused["error"]["code"] == "UNKNOWN_TARGET"
        broken = await ask(bench, "away", "- no manifest")
        assert broken["error"]["code"] == "MANIFEST_INVALID"
    async with bench.deployer(k8s_simulator_url="http://127.0.0.1:9"):
        away = await ask(bench, "away", text)
        assert away["error"]["code"] == "DEPENDENCY_UNAVAILABLE"
        assert "demo" in away["error"]["message"]


_HOTFIX = {"name": "callbot", "image": "ecp-ai/callbot:hotfix"}
