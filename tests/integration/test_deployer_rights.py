"""What the deployer asks of a cluster while a tenant is deployed, changed, stopped and deleted: only its rights."""

import asyncio
import re
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.manifest.rendering import to_yaml
from shared.events import DeployCompleted, Operation, TenantDeleted
from shared.kube.rights import DEPLOYER
from tests.integration.deployer_bench import Bench, running_bench
from tests.support.tenants import Tenant

_REQUEST = re.compile(
    r'simulator_api_requests_total\{cluster="demo",code="\d+",resource="([^"]+)",verb="(\w+)"\}', re.ASCII
)
CALL_CENTRE = {"callbot": 4, "chatbot": 4, "advisor": 2, "stt": 4, "tts": 4}


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with running_bench(tmp_path) as bench:
        yield bench


async def test_the_deployer_does_nothing_that_it_has_no_right_to(bench: Bench) -> None:
    before = await asked(bench)
    async with bench.deployer():
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
