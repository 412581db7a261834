"""The unmodified kubectl against the whole simulator. Skipped where there is no kubectl."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from embedded.ports import free_ports
from tests.support.simulator_process import running_simulator

KUBECTL = shutil.which("kubectl") or ""
OLDEST = 27


def minor_version() -> int:
    """The minor version of the client; 0 without kubectl. A development version may be `28+`."""
    if not KUBECTL:
        return 0
    output = subprocess.run([KUBECTL, "version", "--client", "-o", "json"], capture_output=True, check=True).stdout
    return int(json.loads(output)["clientVersion"]["minor"].rstrip("+"))


pytestmark = pytest.mark.skipif(
    minor_version() < OLDEST, reason=f"there is no kubectl from 1.{OLDEST} on; the simulator is tested without it"
)

_MANIFEST = """
apiVersion: v1
kind: Namespace
metadata: {name: team, labels: {ecp.ai/tenant: team}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: team}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: registry.example/web:1.0
        ports: [{containerPort: 80}]
        resources: {requests: {cpu: 100m, memory: 128Mi}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: team}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


@dataclass
class Kubectl:
    """kubectl with a server and a home of its own."""

    server: str
    home: Path

    async def __call__(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        """Run it; the answer is what it printed, both streams together."""
        process = await asyncio.create_subprocess_exec(
            KUBECTL,
            "--server",
            self.server,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"HOME": str(self.home), "PATH": "/usr/bin:/bin"},
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        text = output.decode()
        assert process.returncode == code, f"kubectl {' '.join(arguments)}: {text}"
        return text


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A free port for the simulator of this module."""
    yield free_ports(1)[0]


@pytest.fixture(scope="module")
async def kubectl(port: int, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kubectl]:
    """A kubectl for cluster `demo` of a simulator that runs five times as fast as real."""
    async with running_simulator(port, speed=5):
        home = tmp_path_factory.mktemp("home")
        yield Kubectl(f"http://127.0.0.1:{port}/clusters/demo", home)


async def test_a_namespace_lives_from_apply_to_delete(kubectl: Kubectl) -> None:
    applied = await kubectl("apply", "--server-side", "-f", "-", stdin=_MANIFEST)
    assert "deployment.apps/web serverside-applied" in applied
    assert "successfully rolled out" in await kubectl(
        "-n", "team", "rollout", "status", "deployment/web", "--timeout=40s"
    )
    pods = await kubectl("-n", "team", "get", "pods", "-o", "wide")
    assert pods.count("1/1") == 2
    assert "condition met" in await kubectl(
        "-n", "team", "wait", "--for=condition=Available", "deployment/web", "--timeout=40s"
    )
    described = await kubectl("-n", "team", "describe", "pods")
    assert "Successfully assigned team/web-" in described
    assert "starting app" in await kubectl("-n", "team", "logs", "deployment/web")
    assert "demo-cpu-01" in await kubectl("top", "nodes")
    assert "web-" in await kubectl("-n", "team", "top", "pods")
    assert 'namespace "team" deleted' in await kubectl("delete", "namespace", "team", "--timeout=40s")
    assert "NotFound" in await kubectl("get", "namespace", "team", code=1)


async def test_client_side_apply_diff_scale_and_rollout_work_on_a_deployment(kubectl: Kubectl) -> None:
    manifest = _MANIFEST.replace("team", "other")
    await kubectl("apply", "-f", "-", stdin=manifest)
    assert "unchanged" in await kubectl("apply", "-f", "-", stdin=manifest)
    assert await kubectl("diff", "-f", "-", stdin=manifest) == ""
    changed = manifest.replace("web:1.0", "web:2.0")
    shown = await kubectl("diff", "-f", "-", stdin=changed, code=1)
    assert "+      - image: registry.example/web:2.0" in shown
    assert "configured" in await kubectl("apply", "-f", "-", stdin=changed)
    await kubectl("-n", "other", "rollout", "status", "deployment/web", "--timeout=40s")
    assert "scaled" in await kubectl("-n", "other", "scale", "deployment/web", "--replicas=3")
    assert "restarted" in await kubectl("-n", "other", "rollout", "restart", "deployment/web")
    assert "rolled back" in await kubectl("-n", "other", "rollout", "undo", "deployment/web")
    assert "REVISION" in await kubectl("-n", "other", "rollout", "history", "deployment/web")
    assert "labeled" in await kubectl("-n", "other", "label", "deployment/web", "tier=front")
    assert "image updated" in await kubectl("-n", "other", "set", "image", "deployment/web", "app=web:3")
    await kubectl("delete", "namespace", "other", "--timeout=40s")


async def test_a_conflict_is_shown_with_its_fields(kubectl: Kubectl) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared, namespace: default}\ndata: {a: '1'}\n"
    await kubectl("apply", "--server-side", "--field-manager=first", "-f", "-", stdin=text)
    other = text.replace("'1'", "'2'")
    shown = await kubectl("apply", "--server-side", "--field-manager=second", "-f", "-", stdin=other, code=1)
    assert 'conflict with "first": .data.a' in shown
    await kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=second", "-f", "-", stdin=other)


async def test_a_misspelt_field_is_refused_by_name(kubectl: Kubectl) -> None:
    wrong = _MANIFEST.replace("replicas: 2", "replica: 2").replace("namespace: team", "namespace: default")
    shown = await kubectl("apply", "-f", "-", stdin=wrong.split("---")[1], code=1)
    assert 'strict decoding error: unknown field "spec.replica"' in shown


async def test_explain_and_api_resources_describe_what_is_served(kubectl: Kubectl) -> None:
    assert "rollingUpdate" in await kubectl("explain", "deployment.spec.strategy")
    resources = await kubectl("api-resources")
    for name in ("deployments", "horizontalpodautoscalers", "leases", "storageclasses"):
        assert name in resources
