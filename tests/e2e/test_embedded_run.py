"""`make run` end to end: it deploys the call centre, restarts killed processes, and leaves no process behind."""

import os
import signal
from collections.abc import Iterator

import httpx
import pytest

from embedded.child import until
from embedded.first_deployment import CALL_CENTRE, TENANT_ID
from embedded.ports import free_ports
from embedded.settings import EmbeddedSettings
from tests.e2e.embedded_run import RESTART_SECONDS, EmbeddedRun
from tests.support.http_client import local_client

TENANT = f"/api/v1/tenants/{TENANT_ID}"


@pytest.fixture(scope="class")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRun]:
    """A stack that has not been started."""
    directory = tmp_path_factory.mktemp("embedded")
    variables = [port.variable for port in EmbeddedSettings.read().ports()]
    ports = dict(zip(variables, map(str, free_ports(len(variables))), strict=True))
    run = EmbeddedRun(directory / "data", {**ports, "ECP_DATA_DIR": str(directory / "data"), "SCALE": ""})
    yield run
    run.end()


@pytest.mark.timeout(300)
class TestMakeRun:
    """The life of one stack: the tests run in order, and each continues from the state of the one before."""

    async def test_the_first_start_deploys_the_call_centre_until_it_runs(self, stack: EmbeddedRun) -> None:
        await stack.start()

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
        await until(lambda: second.poll() is not None, 30)

        assert second.wait() == 1
        assert f"It runs already: {stack.gateway}" in stack.output
        assert stack.process is not None
        assert stack.process.poll() is None

    async def test_sigterm_leaves_nothing_running(self, stack: EmbeddedRun) -> None:
        assert stack.process is not None

        stack.process.send_signal(signal.SIGTERM)

        assert await stack.ended() == 0
        assert stack.alive() == []

    async def test_a_later_start_finds_the_call_centre_running_and_deploys_nothing(self, stack: EmbeddedRun) -> None:
        await stack.start()

        deployments = (await stack.get(f"{TENANT}/deployments")).json()
        assert "running" in stack.output
        assert "The first start" not in stack.output
        assert len(deployments["deployments"]) == 1

    async def test_after_the_runner_was_killed_the_next_start_works_at_once(self, stack: EmbeddedRun) -> None:
        assert stack.process is not None
        os.killpg(stack.process.pid, signal.SIGKILL)
        await stack.ended()

        await stack.start()

        assert (await stack.get(TENANT)).json()["status"] == "running"

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

    async def test_ctrl_c_leaves_nothing_running(self, stack: EmbeddedRun) -> None:
        assert stack.process is not None

        os.killpg(stack.process.pid, signal.SIGINT)

        assert await stack.ended() == 0
        assert stack.alive() == []


async def test_ports_in_use_are_named_with_their_variables_before_anything_starts(stack: EmbeddedRun) -> None:
    stack.variables |= {"GATEWAY_PORT": stack.variables["NATS_PORT"]}

    stack.process = stack.launch()

    assert await stack.ended() == 1
    assert "GATEWAY_PORT" in stack.output
    assert stack.alive() == []
    assert not any(stack.directory.databases.iterdir())
