"""`make run` end to end, with the commands of the READMEs and docs/operations.md, whose output is compared.

It deploys the call centre, restarts killed processes, and leaves no process behind.
"""

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from embedded.child import until
from embedded.first_deployment import CALL_CENTRE, TENANT_ID
from embedded.ports import free_ports
from embedded.settings import EmbeddedSettings
from tests.e2e.embedded_run import RESTART_SECONDS, EmbeddedRun
from tests.support.http_client import local_client
from tests.support.readmes import OPERATIONS, READMES, Example, Place, agrees, examples_of, replaced, run

TENANT = f"/api/v1/tenants/{TENANT_ID}"

# Debian machines have curl; kubectl is optional.
SHOWN = [
    example
    for page in (READMES[0], OPERATIONS)
    for example in examples_of(page, Place.EMBEDDED)
    if shutil.which("kubectl") or not example.command.startswith("kubectl")
]
STARTS = [example for example in SHOWN if re.match(r"([A-Z_]+=\S* )*make run\b", example.command)]
FIRST, SCALED, ON_A_CLUSTER = dict.fromkeys(STARTS)
BESIDE = [example for example in SHOWN if example not in STARTS]


@pytest.fixture(scope="class")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRun]:
    """A stack that has not been started.

    Its home directory has a kubeconfig for the cluster `demo`, which production never uses otherwise.
    """
    directory = tmp_path_factory.mktemp("embedded")
    variables = [port.variable for port in EmbeddedSettings.read().ports()]
    ports = dict(zip(variables, map(str, free_ports(len(variables))), strict=True))
    places = {"ECP_DATA_DIR": str(directory / "data"), "HOME": str(directory), "SCALE": ""}
    embedded = EmbeddedRun(directory / "data", {**ports, **places})
    write_kubeconfig(directory / ".kube" / "config", f"{embedded.simulator}/clusters/demo")
    yield embedded
    embedded.end()


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


def check_output(stack: EmbeddedRun, example: Example, printed: str) -> None:
    """Check that `printed` is what the page shows, except for addresses and what varies."""
    as_documented = replaced(printed, {actual: word for word, actual in here(stack).items()})
    assert agrees(example, as_documented), f"{example.command}\nprinted:\n{printed}"


@pytest.mark.timeout(300)
class TestMakeRun:
    """The life of one stack: the tests run in order, and each continues from the state of the one before."""

    async def test_the_first_start_prints_what_the_readmes_show(self, stack: EmbeddedRun) -> None:
        await stack.start(FIRST.command)

        assert FIRST.output
        check_output(stack, FIRST, stack.output)

    async def test_the_first_start_deploys_the_call_centre_until_it_runs(self, stack: EmbeddedRun) -> None:
        tenant = (await stack.get(TENANT)).json()
        assert tenant["status"] == "running", stack.output
        assert tenant["service_requirements"] == CALL_CENTRE["service_requirements"]
        for expected in ("AI 콜센터", "100 %", "SLA so far", stack.gateway, f"{stack.gateway}/docs"):
            assert expected in stack.output

    async def test_its_pods_run_in_the_simulators_demo_cluster(self, stack: EmbeddedRun) -> None:
        namespace = f"ecp-ai-{TENANT_ID}"
        async with local_client() as client:
            answer = await client.get(f"{stack.simulator}/clusters/demo/api/v1/namespaces/{namespace}/pods")

        phases = {pod["status"]["phase"] for pod in answer.json()["items"]}
        assert phases == {"Running"}

    async def test_the_sla_is_measured(self, stack: EmbeddedRun) -> None:
        async def measured() -> bool:
            answer = await stack.get(f"{TENANT}/sla")
            return answer.status_code == 200 and answer.json().get("availability") is not None

        await until(measured, 60)

    @pytest.mark.skipif(shutil.which("curl") is None, reason="curl, which the READMEs use, is not installed")
    async def test_commands_on_the_running_stack_print_what_the_pages_show(self, stack: EmbeddedRun) -> None:
        printed = run([replaced(each.command, here(stack)) for each in BESIDE], stack.variables)

        for example, output in zip(BESIDE, printed, strict=True):
            check_output(stack, example, output)

    @pytest.mark.timeout(2 * RESTART_SECONDS + 60)
    @pytest.mark.parametrize("program", ["deployer", "gateway", "nats", "postgres-demo", "supervisord"])
    async def test_what_is_killed_comes_back(self, stack: EmbeddedRun, program: str) -> None:
        killed = stack.record(program)

        os.kill(killed.pid, signal.SIGKILL)

        await until(lambda: stack.record(program).pid != killed.pid and stack.record(program).alive, RESTART_SECONDS)

        async def answers() -> bool:
            try:
                return (await stack.get(TENANT)).status_code == 200
            except httpx.HTTPError:
                return False

        await until(answers, RESTART_SECONDS)

    async def test_a_second_start_reports_that_it_runs_already_and_where(self, stack: EmbeddedRun) -> None:
        second = stack.launch()
        await until(lambda: second.poll() is not None, 60)

        assert second.wait() == 1
        assert f"It runs already: {stack.gateway}" in stack.output
        assert stack.process is not None
        assert stack.process.poll() is None

    async def test_ctrl_c_leaves_nothing_running(self, stack: EmbeddedRun) -> None:
        assert stack.process is not None

        os.killpg(stack.process.pid, signal.SIGINT)

        await stack.ended()
        # make itself ends by the signal; the runner reports the end of an orderly stop.
        assert re.search(r"^ *stopped ", stack.outputs[0].read_text(encoding="utf-8"), re.MULTILINE)
        assert stack.alive() == []

    async def test_a_later_start_finds_the_call_centre_running_and_deploys_nothing(self, stack: EmbeddedRun) -> None:
        await stack.start(SCALED.command)

        deployments = (await stack.get(f"{TENANT}/deployments")).json()
        assert "running" in stack.output
        assert "The first start" not in stack.output
        assert len(deployments["deployments"]) == 1

    async def test_it_runs_as_many_workers_as_the_start_asked_for(self, stack: EmbeddedRun) -> None:
        programs = [record.program for record in stack.alive()]

        assert len([each for each in programs if each.startswith("calculator")]) == 3
        assert len([each for each in programs if each.startswith("manifest")]) == 2

    async def test_after_the_runner_was_killed_the_next_start_works_at_once(self, stack: EmbeddedRun) -> None:
        assert stack.process is not None
        os.killpg(stack.process.pid, signal.SIGKILL)
        await stack.ended()

        await stack.start(ON_A_CLUSTER.command)

        assert (await stack.get(TENANT)).json()["status"] == "running"

    async def test_with_a_kubeconfig_a_production_tenant_is_deployed_to_its_cluster(self, stack: EmbeddedRun) -> None:
        tenant = {"tenant_id": "real", "name": "real", "service_requirements": {"chatbot": 5}}
        async with local_client(timeout=60) as client:
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

    @pytest.mark.long
    async def test_after_everything_was_killed_at_once_the_next_start_works_too(self, stack: EmbeddedRun) -> None:
        if not stack.alive():
            await stack.start()
        assert stack.process is not None
        for record in stack.alive():
            os.kill(record.pid, signal.SIGKILL)
        stack.process.kill()
        await stack.ended()

        await stack.start()

        assert (await stack.get(TENANT)).json()["status"] == "running"

    async def test_sigterm_leaves_nothing_running(self, stack: EmbeddedRun) -> None:
        stack.runner().terminate()

        assert await stack.ended() == 0
        assert stack.alive() == []


async def test_ports_in_use_are_named_with_their_variables_before_anything_starts(stack: EmbeddedRun) -> None:
    stack.variables |= {"GATEWAY_PORT": stack.variables["NATS_PORT"]}

    stack.process = stack.launch()

    assert await stack.ended() == 1
    assert "GATEWAY_PORT" in stack.output
    assert stack.alive() == []
    assert not any(stack.directory.databases.iterdir())
