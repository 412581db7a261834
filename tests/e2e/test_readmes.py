"""Run the commands of the READMEs and docs/operations.md that use `make run`, and compare their output."""

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from embedded.child import until
from embedded.ports import free_ports
from embedded.settings import EmbeddedSettings
from tests.e2e.embedded_run import EmbeddedRun
from tests.support.http_client import local_client
from tests.support.readmes import OPERATIONS, READMES, Example, Place, agrees, examples_of, replaced, run

# Debian machines have curl; kubectl is optional.
SHOWN = [
    example
    for page in (READMES[0], OPERATIONS)
    for example in examples_of(page, Place.EMBEDDED)
    if shutil.which("kubectl") or not example.command.startswith("kubectl")
]
STARTS = [example for example in SHOWN if re.match(r"([A-Z_]+=\S* )*make run\b", example.command)]
FIRST, *LATER = dict.fromkeys(STARTS)
BESIDE = [example for example in SHOWN if example not in STARTS]


@pytest.fixture(scope="class")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRun]:
    """A stack, and a home directory with a kubeconfig for the cluster `demo`, which production never uses otherwise."""
    directory = tmp_path_factory.mktemp("readmes")
    variables = [port.variable for port in EmbeddedSettings.read().ports()]
    ports = dict(zip(variables, map(str, free_ports(len(variables))), strict=True))
    places = {"ECP_DATA_DIR": str(directory / "data"), "HOME": str(directory), "SCALE": ""}
    run = EmbeddedRun(directory / "data", {**ports, **places})
    write_kubeconfig(directory / ".kube" / "config", f"{run.simulator}/clusters/demo")
    yield run
    run.end()


def write_kubeconfig(path: Path, server: str) -> None:
    path.parent.mkdir()
    named = {"clusters": [{"name": "it", "cluster": {"server": server}}], "users": [{"name": "me", "user": {}}]}
    context = {"contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}], "current-context": "it"}
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **named, **context}))


def here(stack: EmbeddedRun) -> dict[str, str]:
    """Map the pages' addresses to those of this run."""
    return {
        "127.0.0.1:8001": urlsplit(stack.gateway).netloc,
        "127.0.0.1:6360": urlsplit(stack.simulator).netloc,
        ".ecp/": f"{stack.data_dir}/",
    }


def documented(stack: EmbeddedRun, printed: str) -> str:
    return replaced(printed, {actual: word for word, actual in here(stack).items()})


@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl, which the READMEs use, is not installed")
class TestThePages:
    """The life of one stack: the tests run in order, and each continues from the state of the one before."""

    async def test_the_first_start_prints_what_the_readmes_show(self, stack: EmbeddedRun) -> None:
        await stack.start(FIRST.command)

        assert FIRST.output
        assert agrees(FIRST, documented(stack, stack.output)), stack.output

    async def test_commands_on_the_running_stack_print_what_the_pages_show(self, stack: EmbeddedRun) -> None:
        async def measured() -> bool:
            answer = await stack.get("/api/v1/tenants/ai-call-center/sla")
            return answer.status_code == 200 and answer.json().get("availability") is not None

        await until(measured, 60)

        printed = run([replaced(each.command, here(stack)) for each in BESIDE], stack.variables)

        for example, output in zip(BESIDE, printed, strict=True):
            assert agrees(example, documented(stack, output)), f"{example.command}\nprinted:\n{output}"

    @pytest.mark.parametrize("example", LATER, ids=lambda example: example.command)
    async def test_another_way_to_start_it_works_too(self, stack: EmbeddedRun, example: Example) -> None:
        await self.ends_by_ctrl_c(stack)

        await stack.start(example.command)

        if "SCALE" in example.command:
            programs = [record.program for record in stack.alive()]
            assert len([each for each in programs if each.startswith("calculator")]) == 3
            assert len([each for each in programs if each.startswith("manifest")]) == 2
        if "KUBERNETES_CONFIG_PATH" in example.command:
            await self.deploys_to_the_cluster(stack)

    async def test_ctrl_c_leaves_nothing_running(self, stack: EmbeddedRun) -> None:
        await self.ends_by_ctrl_c(stack)

    @staticmethod
    async def ends_by_ctrl_c(stack: EmbeddedRun) -> None:
        assert stack.process is not None
        os.killpg(stack.process.pid, signal.SIGINT)
        await stack.ended()
        assert stack.alive() == []

    @staticmethod
    async def deploys_to_the_cluster(stack: EmbeddedRun) -> None:
        """A production tenant is deployed to that cluster, and not to `default`, as without a kubeconfig."""
        tenant = {"tenant_id": "real", "name": "real", "service_requirements": {"chatbot": 5}}
        async with local_client(timeout=10) as client:
            answer = await client.post(f"{stack.gateway}/api/v1/tenants/", json=tenant)
            assert answer.status_code == 201, answer.text
            namespace = f"{stack.simulator}/clusters/demo/api/v1/namespaces/ecp-ai-real/pods"

            async def deployed() -> bool:
                status = (await client.get(f"{stack.gateway}/api/v1/tenants/real/deployment-status")).json()
                assert status["status"] != "failed", status
                return status["status"] == "completed"

            await until(deployed, 120)
            pods = (await client.get(namespace)).json()["items"]
        assert {pod["status"]["phase"] for pod in pods} == {"Running"}
