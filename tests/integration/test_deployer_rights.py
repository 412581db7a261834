"""What the deployer asks of a cluster while a tenant is deployed, changed, stopped and deleted: only its rights.

It uses the simulator by HTTPS as the service account of deploy/kubernetes/rbac.yaml, and the simulator enforces its
roles.
"""

import asyncio
import json
import re
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.manifest.rendering import to_yaml
from shared.events import DeployCompleted, DeployFailed, Operation, TenantDeleted
from shared.kube.rights import DEPLOYER
from tests.integration.deployer_bench import Bench, running_bench
from tests.support.tenants import Tenant

_REQUEST = re.compile(
    r'simulator_api_requests_total\{cluster="demo",code="\d+",resource="([^"]+)",verb="(\w+)"\}', re.ASCII
)
CALL_CENTRE = {"callbot": 4, "chatbot": 4, "advisor": 2, "stt": 4, "tts": 4}


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with running_bench(tmp_path, has_rbac=True) as bench:
        yield bench


async def test_the_deployer_does_nothing_that_it_has_no_right_to(bench: Bench) -> None:
    before = await asked(bench)
    async with bench.deployer(**bench.by_https):
        for generation, services in ((1, CALL_CENTRE), (2, CALL_CENTRE | {"chatbot": 40})):
            text = to_yaml(Tenant("rights", services).render())
            await bench.until_published(await bench.deploy("rights", generation, text), DeployCompleted)
        await bench.until_published(await bench.operate("rights", 3, Operation.STOP), DeployCompleted)
        await bench.until_published(await bench.operate("rights", 4, Operation.DELETE), TenantDeleted)
        done = await asked(bench) - before
    allowed = {
        (f"{right.resource}.{right.group}" if right.group else right.resource, verb)
        for rights in DEPLOYER.values()
        for right in rights
        for verb in right.verbs
    }
    assert ("deployments.apps", "patch") in done
    assert ("namespaces", "delete") in done
    # Everybody may ask what they may do.
    assert done - {("selfsubjectaccessreviews.authorization.k8s.io", "create")} <= allowed


async def asked(bench: Bench) -> set[tuple[str, str]]:
    """Resources and verbs of the requests that the simulated cluster has answered."""
    with await asyncio.to_thread(urllib.request.urlopen, f"{bench.simulator_url}/metrics") as answer:
        return set(_REQUEST.findall(answer.read().decode()))


async def test_a_deployer_that_lacks_a_right_names_it_before_anything_is_applied(bench: Bench) -> None:
    body = [{"op": "replace", "path": "/rules/1/verbs", "value": ["get", "list", "watch"]}]
    request = urllib.request.Request(  # noqa: S310
        f"{bench.simulator_url}/clusters/demo/apis/rbac.authorization.k8s.io/v1/clusterroles/ecp-orchestrator-role",
        data=json.dumps(body).encode(),
        method="PATCH",
        headers={"Content-Type": "application/json-patch+json"},
    )
    await asyncio.to_thread(urllib.request.urlopen, request)
    text = to_yaml(Tenant("refused", {"chatbot": 4}).render())
    async with bench.deployer(**bench.by_https):
        events = await bench.until_published(await bench.deploy("refused", 1, text), DeployFailed)

    [failed] = [event for event in events if isinstance(event, DeployFailed)]
    assert "we may not do on cluster demo what this deployment needs" in failed.message
    assert "create, patch, delete on Deployment (apps/v1)" in failed.message
    assert await bench.read("Namespace", "refused", "ecp-ai-refused") is None


async def test_a_deployer_with_an_expired_token_waits_for_another_one(bench: Bench) -> None:
    token: Path = bench.by_https["k8s_simulator_token_file"]
    good = replaced(token, "expired")
    text = to_yaml(Tenant("waiting", {"chatbot": 4}).render())
    async with bench.deployer(**bench.by_https):
        deployment = await bench.deploy("waiting", 1, text)
        await bench.until(lambda: bool(bench.of(deployment)))
        replaced(token, good)
        await bench.until_published(deployment, DeployCompleted)


def replaced(file: Path, content: str) -> str:
    """Replace a file's content, and return what it was."""
    before = file.read_text(encoding="utf-8")
    file.write_text(content, encoding="utf-8")
    return before
