"""`make up` and what one does then: deploy, scale, kill, take it down, and find everything there afterwards."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import httpx
import pytest

from embedded.child import until
from embedded.first_deployment import CALL_CENTRE, TENANT_ID
from embedded.ports import free_ports
from embedded.settings import Settings
from tools.locks import ROOT

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

UP = ("sh", "deploy/compose/up.sh")
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".env", ".ecp", "__pycache__", ".*_cache", ".hypothesis")
HEALTHY_SECONDS, DEPLOYMENT_SECONDS = 120.0, 180.0


def has_compose() -> bool:
    plugin = (
        subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        if shutil.which("docker")
        else None
    )
    return shutil.which("docker-compose") is not None or (plugin is not None and plugin.returncode == 0)


@dataclass
class Project:
    """The stack of compose.yaml in a folder of its own, on ports of its own."""

    folder: Path
    variables: dict[str, str]

    def run(self, *command: str) -> str:
        """What a command prints; it has to end well."""
        environment = {**os.environ, **self.variables}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    @property
    def tenants(self) -> str:
        return f"http://127.0.0.1:{self.variables['GATEWAY_PORT']}/api/v1/tenants"

    def containers(self, *services: str) -> list[docker.models.containers.Container]:
        client = docker.from_env()
        label = f"com.docker.compose.project={self.variables['COMPOSE_PROJECT_NAME']}"
        found = client.containers.list(all=True, filters={"label": label})
        client.close()
        return [each for each in found if not services or each.labels["com.docker.compose.service"] in services]

    def healthy(self, *services: str) -> bool:
        states = [each.attrs["State"] for each in self.containers(*services)]
        return bool(states) and all(state.get("Health", {}).get("Status", "healthy") == "healthy" for state in states)

    async def status(self) -> str:
        """How the call centre is; nothing while the gateway doesn't answer."""
        async with httpx.AsyncClient(headers={"X-Demo-Mode": "true"}, trust_env=False) as client:
            try:
                answer = await client.get(f"{self.tenants}/{TENANT_ID}")
            except httpx.HTTPError:
                return ""
        return str(answer.json().get("status", ""))

    async def runs(self) -> bool:
        return await self.status() == "running"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    if not has_compose():
        pytest.skip("neither `docker compose` nor docker-compose is installed")
    folder = tmp_path_factory.mktemp("compose") / "ecp"
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    names = [port.variable for port in Settings.read().ports()]
    ports = dict(zip(names, map(str, free_ports(len(names))), strict=True))
    project = Project(folder, {**ports, "COMPOSE_PROJECT_NAME": f"ecp-test-{os.getpid()}", "ECP_VERSION": "test"})
    yield project
    project.run(*UP, "down", "--volumes")


class TestOneLife:
    """Told in order: each test goes on from where the one before has left the stack."""

    async def test_up_makes_passwords_and_returns_when_everything_is_healthy(self, project: Project) -> None:
        said = project.run(*UP, "up")

        assert f"API          http://127.0.0.1:{project.variables['GATEWAY_PORT']}/api/v1" in said
        assert project.healthy(
            "backend", "calculator", "manifest", "deployer", "monitor", "k8s-simulator-backend", "nats"
        )
        environment = project.folder / ".env"
        assert environment.stat().st_mode & 0o077 == 0
        assert not {"tryout", "ecp_password", "k8s_password"} & set(
            environment.read_text().replace("=", "\n").splitlines()
        )

    async def test_the_call_centre_is_deployed_until_it_runs(self, project: Project) -> None:
        async with httpx.AsyncClient(headers={"X-Demo-Mode": "true"}, trust_env=False) as client:
            answer = await client.post(f"{project.tenants}/", json=CALL_CENTRE)
        assert answer.status_code == 201, answer.text

        await until(project.runs, DEPLOYMENT_SECONDS)

    async def test_workers_get_copies_while_the_rest_goes_on(self, project: Project) -> None:
        gateway = [each.id for each in project.containers("backend")]

        project.run(*UP, "up", "--scale", "calculator=3", "--scale", "manifest=2")

        assert len(project.containers("calculator")) == 3
        assert len(project.containers("manifest")) == 2
        assert [each.id for each in project.containers("backend")] == gateway

    async def test_what_is_killed_comes_back(self, project: Project) -> None:
        for each in project.containers("deployer", "calculator", "backend"):
            # From inside, since the engine takes a kill of its own for a wish that it stays dead.
            each.exec_run(["python", "-c", "import os; os.kill(-1, 9)"])
        for each in project.containers("nats", "postgres-demo"):
            each.restart(timeout=0)

        await until(project.healthy, HEALTHY_SECONDS)
        await until(project.runs, HEALTHY_SECONDS)

    async def test_after_down_and_up_the_data_is_there(self, project: Project) -> None:
        project.run(*UP, "down")
        assert project.containers() == []

        project.run(*UP, "up")

        await until(project.runs, HEALTHY_SECONDS)
