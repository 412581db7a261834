"""The stack of compose.yaml, used like a person would: in a folder, with a shell and a terminal."""

import json
import os
import pty
import re
import shutil
import subprocess
import termios
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import httpx
import nats
from docker.models.containers import Container

from embedded.first_deployment import TENANT_ID
from tests.support.http_client import local_client
from tests.support.readmes import Example, agrees, environment, replaced

SHOWN_PORTS = {"GATEWAY_PORT": 8001, "SIMULATOR_PORT": 6360, "PROMETHEUS_PORT": 9090}
COMMAND_SECONDS = 1500
SERVICE = "com.docker.compose.service"


def compose() -> str | None:
    """The Compose command: the plugin or docker-compose 1.29; None if neither is installed."""
    plugin = shutil.which("docker") and subprocess.run(
        ["docker", "compose", "version"], capture_output=True, check=False
    )
    if plugin and plugin.returncode == 0:
        return "docker compose"
    return shutil.which("docker-compose") and "docker-compose"


@dataclass
class Project:
    """A copy of the project in a separate folder, on separate ports."""

    folder: Path
    variables: dict[str, str]
    compose: str
    printed: str = ""
    """What the last command of a page printed."""

    def shell(self, command: str) -> str:
        """Run a page's command at a terminal and return its output; fails if the command fails."""
        terminal, inside = pty.openpty()
        # Without a size psql would page its output.
        termios.tcsetwinsize(inside, (50, 200))
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command.replace("docker compose", self.compose)],
            cwd=self.folder,
            env=environment(self.variables),
            stdin=inside,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        os.close(inside)
        os.close(terminal)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return re.sub(r"\x1b\[[\d;]*m|\r", "", done.stdout)

    def prints(self, example: Example, command: str | None = None) -> None:
        """Run a page's command (or `command` instead), and check that its output matches the page."""
        printed = self.printed = self.shell(command or example.command)
        assert agrees(example, replaced(printed, self.shown)), f"{example.command}\nprinted:\n{printed}"

    @property
    def shown(self) -> dict[str, str]:
        """Map this run's addresses to those on the pages."""
        return {f"127.0.0.1:{self.variables[name]}": f"127.0.0.1:{port}" for name, port in SHOWN_PORTS.items()}

    @property
    def tenants(self) -> str:
        return f"http://127.0.0.1:{self.variables['GATEWAY_PORT']}/api/v1/tenants"

    def containers(self, *services: str) -> list[Container]:
        client = docker.from_env()
        label = f"com.docker.compose.project={self.variables['COMPOSE_PROJECT_NAME']}"
        found = client.containers.list(all=True, filters={"label": label})
        client.close()
        return [each for each in found if not services or each.labels[SERVICE] in services]

    def healthy(self, *services: str) -> bool:
        """Whether all running containers are healthy, and the steps have succeeded."""
        found = [each for each in self._listed() if not services or each["Labels"][SERVICE] in services]
        # `Up 5 seconds`, `Up 5 seconds (health: starting)`, `Exited (0) 5 seconds ago`
        states = [" ".join((each["State"], *re.findall(r"\(.*?\)", each["Status"]))) for each in found]
        return bool(states) and set(states) <= {"running", "running (healthy)", "exited (0)"}

    def _listed(self) -> list[dict[str, Any]]:
        """The project's containers in one request: to inspect each takes 0.1 s of the processors that they need."""
        client = docker.from_env()
        try:
            label = f"com.docker.compose.project={self.variables['COMPOSE_PROJECT_NAME']}"
            found: list[dict[str, Any]] = client.api.containers(all=True, filters={"label": label})
        finally:
            client.close()
        return found

    async def status(self) -> str:
        """The status of the call centre; empty while the gateway doesn't answer."""
        async with local_client(headers={"X-Demo-Mode": "true"}, timeout=10) as client:
            try:
                answer = await client.get(f"{self.tenants}/{TENANT_ID}")
            except httpx.HTTPError:
                return ""
        return str(answer.json().get("status", ""))

    async def runs(self) -> bool:
        return await self.status() == "running"

    async def is_measured(self) -> bool:
        """Whether the monitor has measured the availability of the call centre."""
        async with local_client(headers={"X-Demo-Mode": "true"}, timeout=10) as client:
            answer = await client.get(f"{self.tenants}/{TENANT_ID}/sla")
        return answer.status_code == 200 and answer.json().get("availability") is not None

    async def is_gone(self) -> bool:
        async with local_client(headers={"X-Demo-Mode": "true"}, timeout=10) as client:
            return (await client.get(f"{self.tenants}/{TENANT_ID}")).status_code == 404

    def password(self, variable: str) -> str:
        lines = (self.folder / ".env").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)[variable]

    async def refused(self, count: int) -> None:
        """Publish invalid events of another system; each becomes a dead letter."""
        login = f"outside:{self.password('NATS_OUTSIDE_PASSWORD')}"
        client = await nats.connect(
            f"nats://{login}@127.0.0.1:{self.variables['NATS_PORT']}", inbox_prefix="_INBOX.outside"
        )
        for number in range(count):
            tenant = {"tenant_id": f"refused-{number}", "name": "x", "service_requirements": {"nothing": 1}}
            await client.jetstream().publish("demo.tenant.created", json.dumps(tenant).encode())
        await client.close()
