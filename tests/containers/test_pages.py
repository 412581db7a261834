"""Run every container command of the READMEs and docs/operations.md in order, and compare its output.

After a command its effect is checked: a deployment, replicas, killed containers that are restarted, data that is kept
after a `down`, a restore that recovers deleted data.
"""

import re
from collections.abc import Awaitable, Callable

import httpx
import pytest

from embedded.child import until
from embedded.first_deployment import CALL_CENTRE, TENANT_ID
from tests.containers.project import Project
from tests.containers.tls import speaks_tls
from tests.support.container_servers import GRAFANA, is_available
from tests.support.http_client import local_client
from tests.support.readmes import OPERATIONS, READMES, Example, Place, asides, examples_of, queries

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

HEALTHY_SECONDS, DEPLOYMENT_SECONDS = 300.0, 300.0
POLL_SECONDS = 0.5
SERVICES = ("backend", "calculator", "manifest", "deployer", "monitor", "k8s-simulator-backend", "nats")
Check = Callable[[Project], Awaitable[None]]


async def is_up(project: Project) -> None:
    """All services are healthy."""
    await until(lambda: project.healthy(*SERVICES), HEALTHY_SECONDS, POLL_SECONDS)


async def has_passwords_of_its_own(project: Project) -> None:
    """The passwords in .env are unique, and readable only by their owner."""
    await is_up(project)
    environment = project.folder / ".env"
    assert environment.stat().st_mode & 0o077 == 0
    assert not {"tryout", "ecp_password", "k8s_password"} & set(environment.read_text().replace("=", "\n").splitlines())


async def deploys(project: Project) -> None:
    """The call centre is deployed until it runs, and watched."""
    await is_up(project)
    async with local_client(headers={"X-Demo-Mode": "true"}, timeout=10) as client:
        answer = await client.post(f"{project.tenants}/", json=CALL_CENTRE)
    assert answer.status_code == 201, answer.text
    await until(project.runs, DEPLOYMENT_SECONDS, POLL_SECONDS)
    await until(project.is_measured, DEPLOYMENT_SECONDS, POLL_SECONDS)


async def has_copies(project: Project) -> None:
    assert len(project.containers("calculator")) == 4
    assert len(project.containers("manifest")) == 2


async def has_copies_of_the_same_images(project: Project) -> None:
    """The images were built from the same sources by the command before, and are not built again."""
    assert not re.search("Successfully built|naming to", project.printed)
    await has_copies(project)


async def brings_back_what_is_killed(project: Project) -> None:
    await has_copies(project)
    for each in project.containers("deployer", "calculator", "backend"):
        # From inside, because the engine doesn't restart a container that it was asked to kill.
        each.exec_run(["python", "-c", "import os; os.kill(-1, 9)"])
    for each in project.containers("nats", "postgres-demo"):
        each.restart(timeout=0)

    await until(project.healthy, HEALTHY_SECONDS, POLL_SECONDS)
    await until(project.runs, HEALTHY_SECONDS, POLL_SECONDS)


async def is_scraped(project: Project) -> None:
    """Prometheus sees every service."""
    url = f"http://127.0.0.1:{project.variables['PROMETHEUS_PORT']}/api/v1/query"

    async def sees_all() -> bool:
        async with local_client(timeout=10) as client:
            found = (await client.get(url, params={"query": "up == 1"})).json()["data"]["result"]
        jobs = {each["metric"]["job"] for each in found}
        return jobs == {"ecp-ai-services", "ecp-workers", "ecp-simulator"}

    await until(sees_all, HEALTHY_SECONDS, POLL_SECONDS)
    if is_available(GRAFANA):
        await has_a_dashboard(project)


async def has_a_dashboard(project: Project) -> None:
    """Grafana is healthy and has the provisioned dashboard."""
    url = f"http://127.0.0.1:{project.variables['GRAFANA_PORT']}/api/search"
    login = ("admin", project.password("GRAFANA_PASSWORD"))

    async def finds_it() -> bool:
        async with local_client(timeout=10, auth=login) as client:
            try:
                return any(each["type"] == "dash-db" for each in (await client.get(url)).json())
            except httpx.HTTPError:
                return False

    await until(finds_it, HEALTHY_SECONDS, POLL_SECONDS)


async def is_down(project: Project) -> None:
    assert project.containers() == []


async def calls_back(project: Project) -> None:
    """Data that was deleted after the backup is restored, in the database and in the cluster."""
    await is_up(project)
    await until(project.runs, HEALTHY_SECONDS, POLL_SECONDS)
    pods = f"http://127.0.0.1:{project.variables['SIMULATOR_PORT']}/clusters/demo/api/v1/namespaces/ecp-ai-{TENANT_ID}/pods"

    async def all_run() -> bool:
        async with local_client(timeout=10) as client:
            found = (await client.get(pods)).json()["items"]
        return {pod["status"]["phase"] for pod in found} == {"Running"}

    await until(all_run, DEPLOYMENT_SECONDS, POLL_SECONDS)


async def deletes(project: Project) -> None:
    """Delete the call centre, which the backup contains."""
    await until(project.runs, HEALTHY_SECONDS, POLL_SECONDS)
    async with local_client(headers={"X-Demo-Mode": "true"}, timeout=10) as client:
        await client.delete(f"{project.tenants}/{TENANT_ID}")
    await until(project.is_gone, DEPLOYMENT_SECONDS, POLL_SECONDS)


async def forgets(project: Project) -> None:
    """Remove the volumes, because a new .env has other passwords than the databases; they are refused in production."""
    project.variables.pop("ENVIRONMENT", None)
    if (project.folder / ".env").exists():
        project.shell("make down ARGS=--volumes")


async def has_dead_letters(project: Project) -> None:
    await project.refused(3)

    async def are_there() -> bool:
        listed = project.shell("docker compose run --rm ecp dlq list --demo")
        # By their numbers, because text is wrapped on a narrow terminal.
        return len(re.findall(r"(?m)^[│|]\s*\d+\s*[│|]", listed)) >= 3

    await until(are_there, HEALTHY_SECONDS, POLL_SECONDS)


async def is_asked(project: Project) -> None:
    """Send a request with the id that the page searches for."""
    headers = {"X-Demo-Mode": "true", "X-Request-ID": "req-1c88cb521248"}
    async with local_client(headers=headers, timeout=10) as client:
        answer = await client.post(f"{project.tenants}/{TENANT_ID}/restart")
    assert answer.is_success, answer.text


BEFORE: dict[str, Check] = {
    "cp .env.example .env": forgets,
    "docker compose logs --no-log-prefix": is_asked,
    "docker compose run --rm ecp dlq list --demo": has_dead_letters,
    "docker compose stop backend": deletes,
}
AFTER: dict[str, Check] = {
    "make up": has_passwords_of_its_own,
    'make up ARGS="--scale calculator=4 --scale manifest=2"': has_copies_of_the_same_images,
    "make up PROFILE=observability": is_scraped,
    "docker compose up -d": deploys,
    "docker compose up -d --scale": brings_back_what_is_killed,
    "docker compose --profile observability": is_scraped,
    "make down": is_down,
    "docker compose --profile observability down": is_down,
}
AFTER_OPERATIONS: dict[str, Check] = {
    "docker compose up -d": calls_back,
    "docker compose up -d --scale": has_copies,
    "make up TLS=on": speaks_tls,
}


def chosen(checks: dict[str, Check], command: str) -> Check | None:
    """The check for the longest matching prefix of `command`."""
    found = [beginning for beginning in checks if command == beginning or command.startswith(f"{beginning} ")]
    return checks[max(found, key=len)] if found else None


async def run(project: Project, example: Example, checks: dict[str, Check]) -> None:
    command = example.command
    if before := chosen(BEFORE, command):
        await before(project)
    project.prints(example, without_grafana(command))
    if after := chosen(checks, command):
        await after(project)


def without_grafana(command: str) -> str:
    """Name the profile's other services in the command, if there is no image of Grafana."""
    others = "backend prometheus alertmanager"
    if "observability" not in command or command.endswith(" down") or is_available(GRAFANA):
        return command
    return f'{command} ARGS="{others}"' if command.startswith("make") else f"{command} {others}"


@pytest.mark.parametrize("example", examples_of(READMES[0], Place.CONTAINERS), ids=lambda each: each.command)
async def test_a_command_of_the_readmes_does_what_is_shown(project: Project, example: Example) -> None:
    await run(project, example, AFTER)


async def test_after_down_and_up_the_data_is_there(project: Project) -> None:
    project.shell("docker compose up -d")

    await until(project.runs, HEALTHY_SECONDS, POLL_SECONDS)


@pytest.mark.parametrize("example", examples_of(OPERATIONS, Place.CONTAINERS), ids=lambda each: each.command[:60])
async def test_a_command_of_the_page_on_operations_does_what_is_shown(project: Project, example: Example) -> None:
    await run(project, example, AFTER_OPERATIONS)


@pytest.mark.parametrize("command", asides(OPERATIONS))
def test_the_inline_commands_of_the_page_on_operations_work(project: Project, command: str) -> None:
    assert project.shell(command)


@pytest.mark.parametrize("query", queries(OPERATIONS))
def test_the_queries_of_the_page_on_operations_work(project: Project, query: str) -> None:
    assert "rows)" in project.shell(
        f'docker compose exec -T postgres psql -U ecp_user -d ecp_orchestrator -c "{query}"'
    )


def test_the_profile_was_run_with_grafana() -> None:
    if not is_available(GRAFANA):
        pytest.skip(
            f"{GRAFANA} is not available here: the profile was run without it, with Prometheus and Alertmanager"
        )
