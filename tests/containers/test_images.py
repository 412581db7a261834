"""The images as delivered: each starts, serves and stops under the restrictions of compose.yaml.

They are built through the engine's API, without BuildKit, as by docker-compose 1.29. A first build takes minutes.
"""

import io
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import docker
import httpx
import pytest
from docker.models.containers import Container
from docker.utils.build import tar
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from embedded.child import until
from shared.access import ACCESS
from shared.version import VERSION
from tests.support.container_servers import IMAGES, START_SECONDS
from tests.support.http_client import local_client
from tools.locks import IMAGES as TARGETS
from tools.locks import LOCKS, ROOT
from tools.nats_accounts import FILE as ACCOUNTS
from tools.nats_accounts import variable

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

SERVICES = {"gateway": 8001, "calculator": 8011, "manifest": 8012, "deployer": 8013, "monitor": 8014, "simulator": 8000}
STEPS = ("migrate", "bootstrap")
POLL_SECONDS = 0.2
PASSWORD = "p4ssw0rd"
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
def tags() -> dict[str, str]:
    """The tag of each target of the Dockerfile, after building it."""
    client = docker.from_env(timeout=1200)
    tags = {target: f"ecp-test/{target}:{VERSION}" for target in TARGETS}
    context = packed()
    for target, tag in tags.items():
        client.images.build(fileobj=io.BytesIO(context), custom_context=True, target=target, tag=tag, rm=True)
    client.close()
    return tags


def packed() -> bytes:
    """The files that the build sees, as an archive: made once, not for each target."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    with tar(str(ROOT), exclude=[line for line in lines if line and not line.startswith("#")]) as archive:
        return bytes(archive.read())


@dataclass
class Running:
    """One of our containers."""

    container: Container
    port: int

    def state(self) -> dict[str, object]:
        self.container.reload()
        state: dict[str, object] = self.container.attrs["State"]
        return state

    async def ended(self) -> None:
        await until(lambda: not self.state()["Running"], START_SECONDS, POLL_SECONDS)

    async def is_healthy(self) -> None:
        def healthy() -> bool:
            state = self.state()
            health = state.get("Health")
            assert state["Running"], self.container.logs().decode()
            return isinstance(health, dict) and health["Status"] == "healthy"

        await until(healthy, START_SECONDS, POLL_SECONDS)


@dataclass
class World:
    """The services and their infrastructure on a separate network."""

    tags: dict[str, str]
    network: Network
    exits: ExitStack
    environment: dict[str, str]

    def start(self, target: str, **variables: str) -> Running:
        account = {"NATS_URL": f"nats://{target}:{PASSWORD}@nats:4222"} if target in ACCESS else {}
        container = (
            DockerContainer(self.tags[target])
            .with_envs(**(self.environment | account | variables))
            .with_network(self.network)
            .with_network_aliases(target)
            .with_exposed_ports(*([SERVICES[target]] if target in SERVICES else []))
            .with_tmpfs_mount("/tmp", "size=64m")  # noqa: S108 - the container's own
            .with_kwargs(**RESTRICTED)
        )
        self.exits.enter_context(container)
        port = int(container.get_exposed_port(SERVICES[target])) if target in SERVICES else 0
        return Running(container.get_wrapped_container(), port)

    def infrastructure(self) -> None:
        """Start NATS with its accounts, and the databases; each service waits for both by itself."""
        nats = DockerContainer(IMAGES["nats"]).with_command("--config /etc/nats/nats.conf")
        for path in sorted(ACCOUNTS.parent.glob("*.conf")):
            nats = nats.with_copy_into_container(path, f"/etc/nats/{path.name}")
        self._join(nats.with_envs(**{variable(account): PASSWORD for account in ACCESS}), "nats")
        for name in ("postgres", "postgres-demo"):
            login = {"LANG": "C.UTF-8", "POSTGRES_USER": "ecp", "POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": "ecp"}
            self._join(DockerContainer(IMAGES[name]).with_envs(**login), name)

    def _join(self, container: DockerContainer, name: str) -> None:
        self.exits.enter_context(container.with_network(self.network).with_network_aliases(name))


@pytest.fixture(scope="module")
async def world(tags: dict[str, str]) -> AsyncIterator[World]:
    with ExitStack() as exits:
        environment = {
            "ENVIRONMENT": "production",
            "DATABASE_URL": f"postgresql://ecp:{PASSWORD}@postgres:5432/ecp",
            "DEMO_DATABASE_URL": f"postgresql://ecp:{PASSWORD}@postgres-demo:5432/ecp",
            "K8S_SIMULATOR_URL": "http://simulator:8000",
        }
        world = World(tags, exits.enter_context(Network()), exits, environment)
        world.infrastructure()
        yield world


@pytest.fixture(scope="module")
async def services(world: World) -> AsyncIterator[dict[str, Running]]:
    """All six services, after the steps have succeeded and the services are healthy."""
    for step in STEPS:
        running = world.start(step)
        await running.ended()
        assert running.state()["ExitCode"] == 0, running.container.logs().decode()
    started = {target: world.start(target) for target in SERVICES}
    for running in started.values():
        await running.is_healthy()
    yield started


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_has_its_own_dependencies_and_nothing_to_build_with(tags: dict[str, str], target: str) -> None:
    client = docker.from_env()
    output = client.containers.run(tags[target], entrypoint=["python", "-c", INSTALLED], remove=True, **RESTRICTED)
    names, tools = json.loads(output)
    locked = re.findall(r"(?m)^([A-Za-z0-9._-]+)==", (LOCKS / f"{target}.lock").read_text(encoding="utf-8"))

    # Two versions of one package are for two versions of Python.
    assert names == sorted(set(locked))
    assert tools == []
    client.close()


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_has_its_labels_and_runs_as_an_unprivileged_user(tags: dict[str, str], target: str) -> None:
    client = docker.from_env()
    config = client.images.get(tags[target]).attrs["Config"]

    assert config["Labels"]["org.opencontainers.image.version"] == VERSION
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert int(config["User"].split(":")[0]) >= 10_000
    assert ("Healthcheck" in config) == (target in SERVICES)
    client.close()


@pytest.mark.parametrize("target", SERVICES)
def test_a_service_serves_on_a_read_only_root_and_can_write_nowhere(services: dict[str, Running], target: str) -> None:
    running = services[target]
    status, output = running.container.exec_run(["python", "-c", "open('/app/x', 'w')"])

    assert status != 0
    assert b"Read-only file system" in output
    assert httpx.get(f"http://127.0.0.1:{running.port}/health", trust_env=False).status_code == 200


async def test_a_tenant_is_deployed_by_the_images_and_watched(services: dict[str, Running]) -> None:
    api = f"http://127.0.0.1:{services['gateway'].port}/api/v1/tenants"
    tenant = {"tenant_id": "in-containers", "name": "컨테이너", "service_requirements": {"chatbot": 5}}
    async with local_client(headers={"X-Demo-Mode": "true"}) as client:
        created = await client.post(f"{api}/", json=tenant)
        assert created.status_code == 201, created.text

        async def runs() -> bool:
            status = (await client.get(f"{api}/in-containers/deployment-status")).json()
            assert status["status"] != "failed", status
            return bool(status["status"] == "completed")

        async def measured() -> bool:
            answer = await client.get(f"{api}/in-containers/sla")
            return answer.status_code == 200 and answer.json().get("availability") is not None

        await until(runs, 120)
        await until(measured, 60)


@pytest.mark.parametrize("target", SERVICES)
def test_a_service_that_is_asked_to_stop_ends_well_by_itself(services: dict[str, Running], target: str) -> None:
    services[target].container.stop(timeout=30)

    # 137 would be a SIGKILL by the engine after these 30 s, 143 an end by the signal itself.
    assert services[target].state()["ExitCode"] == 0, services[target].container.logs().decode()


@pytest.fixture
def alone(tags: dict[str, str]) -> Iterator[World]:
    with ExitStack() as exits:
        yield World(tags, exits.enter_context(Network()), exits, {})


async def test_in_production_an_image_refuses_a_published_password(alone: World) -> None:
    running = alone.start("calculator", ENVIRONMENT="production", NATS_URL="nats://calculator:tryout@nats:4222")
    await running.ended()

    assert running.state()["ExitCode"] == 1
    assert b"the password in NATS_URL is the example's" in running.container.logs()
