"""The images and containers of compose.yaml as delivered: their contents, their restrictions, and how they end.

On the stack that the tests of the pages leave behind; alone, these tests start one.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator

import docker
import docker.errors
import pytest
from docker.models.containers import Container

from embedded.child import until
from shared.version import VERSION
from tests.containers.project import Project
from tools.locks import IMAGES as TARGETS
from tools.locks import LOCKS

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

SERVICES = {
    "gateway": "backend",
    "calculator": "calculator",
    "manifest": "manifest",
    "deployer": "deployer",
    "monitor": "monitor",
    "simulator": "k8s-simulator-backend",
}
"""The targets that serve, and their names in compose.yaml."""
HEALTHY_SECONDS, POLL_SECONDS = 300.0, 0.5
STOP_SECONDS = 30
RESTRICTED = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "mem_limit": "512m",
    "pids_limit": 256,
}
INSTALLED = """
import importlib.metadata, json, shutil
found = importlib.metadata.distributions(path=[PATH])
names = {each.name.lower().replace("_", "-").replace(".", "-") for each in found}
tools = [tool for tool in ("gcc", "cc", "pip", "pip3") if shutil.which(tool, path="/opt/ecp/bin:/usr/local/bin")]
print(json.dumps([sorted(names), tools]))
""".replace("PATH", "'/opt/ecp/lib/python3.11/site-packages'")


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    client = docker.from_env(timeout=HEALTHY_SECONDS)
    yield client
    client.close()


@pytest.fixture(scope="module")
async def stack(project: Project) -> AsyncIterator[Project]:
    """All containers run and are healthy."""
    if not project.healthy():
        project.shell("make up")
        await until(project.healthy, HEALTHY_SECONDS, POLL_SECONDS)
    yield project


@pytest.fixture(scope="module")
def tags(stack: Project, client: docker.DockerClient) -> dict[str, str]:
    """The tag of each target of the Dockerfile; Compose builds that of the command line at its first use."""
    tags = {target: f"ecp/{target}:{stack.variables['ECP_VERSION']}" for target in TARGETS}
    try:
        client.images.get(tags["cli"])
    except docker.errors.ImageNotFound:
        stack.shell("docker compose run --rm ecp --version")
    return tags


def container_of(stack: Project, target: str) -> Container:
    """One container of this target."""
    return stack.containers(SERVICES[target])[0]


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_has_its_own_dependencies_and_nothing_to_build_with(
    tags: dict[str, str], client: docker.DockerClient, target: str
) -> None:
    output = client.containers.run(tags[target], entrypoint=["python", "-c", INSTALLED], remove=True, **RESTRICTED)
    names, tools = json.loads(output)
    locked = re.findall(r"(?m)^([A-Za-z0-9._-]+)==", (LOCKS / f"{target}.lock").read_text(encoding="utf-8"))

    # Two versions of one package are for two versions of Python.
    assert names == sorted(set(locked))
    assert tools == []


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_has_its_labels_and_runs_as_an_unprivileged_user(
    tags: dict[str, str], client: docker.DockerClient, target: str
) -> None:
    config = client.images.get(tags[target]).attrs["Config"]

    assert config["Labels"]["org.opencontainers.image.version"] == VERSION
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert int(config["User"].split(":")[0]) >= 10_000
    assert ("Healthcheck" in config) == (target in SERVICES)


@pytest.mark.parametrize("target", SERVICES)
def test_a_service_serves_on_a_read_only_root_and_can_write_nowhere(stack: Project, target: str) -> None:
    container = container_of(stack, target)
    status, output = container.exec_run(["python", "-c", "open('/app/x', 'w')"])

    assert status != 0
    assert b"Read-only file system" in output
    status, output = container.exec_run(["python", "-m", "shared.probe"])
    assert status == 0, output.decode()


def test_in_production_an_image_refuses_a_published_password(tags: dict[str, str], client: docker.DockerClient) -> None:
    container = client.containers.run(
        tags["calculator"],
        detach=True,
        environment={"ENVIRONMENT": "production", "NATS_URL": "nats://calculator:tryout@nats:4222"},
        **RESTRICTED,
    )
    try:
        assert container.wait(timeout=HEALTHY_SECONDS)["StatusCode"] == 1
        assert b"the password in NATS_URL is the example's" in container.logs()
    finally:
        container.remove(force=True)


@pytest.mark.parametrize("target", SERVICES)
def test_a_service_that_is_asked_to_stop_ends_well_by_itself(stack: Project, target: str) -> None:
    container = container_of(stack, target)
    container.stop(timeout=STOP_SECONDS)
    container.reload()

    # 137 would be a SIGKILL by the engine after these seconds, 143 an end by the signal itself.
    assert container.attrs["State"]["ExitCode"] == 0, container.logs(tail=50).decode()
