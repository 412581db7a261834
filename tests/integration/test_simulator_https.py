"""The simulator by HTTPS as a process: its kubeconfig with the official client and kubectl, tokens, RBAC, a restart."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from kubernetes.aio import client as kubernetes  # its classes are imported when they are used, which takes a second
from kubernetes.aio.client.exceptions import ApiException

from embedded.ports import free_ports
from shared.kube.client import connect
from tests.support.simulator_process import running_simulator
from tools.locks import ROOT


@dataclass
class Secure:
    """A simulator with HTTPS, its folder, and what `ecp kubeconfig` prints for it."""

    port: int
    plain: httpx.AsyncClient
    folder: Path
    kubeconfig: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def client(self, token: str | None) -> AsyncIterator[httpx.AsyncClient]:
        """A client that checks the certificate."""
        context = ssl.create_default_context(cafile=self.folder / "ca.crt")
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        transport = httpx.AsyncHTTPTransport(verify=context)
        async with httpx.AsyncClient(transport=transport, base_url=self.url, headers=headers, timeout=30) as client:
            yield client

    async def token_of(self, namespace: str, account: str) -> str:
        """A token of a service account, by the administrator."""
        async with await connect(kubeconfig=self.kubeconfig) as api:
            spec = kubernetes.V1TokenRequestSpec(audiences=[], expiration_seconds=600)
            request = kubernetes.AuthenticationV1TokenRequest(spec=spec)
            made = await kubernetes.CoreV1Api(api).create_namespaced_service_account_token(account, namespace, request)
            return str(made.status.token)

    async def create(self, *objects: dict[str, Any]) -> None:
        """Store objects by the port without TLS."""
        for each in objects:
            namespace = each["metadata"].get("namespace")
            place = f"/namespaces/{namespace}" if namespace else ""
            root = "/api/v1" if "/" not in each["apiVersion"] else f"/apis/{each['apiVersion']}"
            answer = await self.plain.post(f"{root}{place}/{each['kind'].lower()}s", json=each)
            assert answer.status_code == 201, answer.text


@contextlib.asynccontextmanager
async def running(folder: Path, **variables: str) -> AsyncIterator[Secure]:
    port, secure = free_ports(2)
    more = {"SIMULATOR_HTTPS_PORT": str(secure), "SIMULATOR_STATE_DIRECTORY": str(folder), **variables}
    async with running_simulator(port, more=more) as (_, plain):
        command = [sys.executable, "-m", "cli", "kubeconfig", "--directory", str(folder)]
        command += ["--server", f"https://127.0.0.1:{secure}"]
        printed = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, check=True)
        kubeconfig = folder.with_suffix(".kubeconfig")
        kubeconfig.write_bytes(printed.stdout)
        yield Secure(secure, plain, folder, kubeconfig)


@pytest.fixture(scope="module")
async def secure(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secure]:
    async with running(tmp_path_factory.mktemp("simulator") / "state", SIMULATOR_RBAC="on") as found:
        yield found


GROUP = "rbac.authorization.k8s.io"
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": "team"}}
BINDING = {
    "apiVersion": f"{GROUP}/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "robot-views", "namespace": "team"},
    "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "view"},
    "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": "team"}],
}


async def test_the_official_client_works_with_the_printed_kubeconfig(secure: Secure) -> None:
    async with await connect(kubeconfig=secure.kubeconfig) as api:
        names = {each.metadata.name for each in (await kubernetes.CoreV1Api(api).list_namespace()).items}

    assert {"default", "kube-system"} <= names
    assert yaml.safe_load(secure.kubeconfig.read_text())["current-context"] == "ecp"


async def test_without_a_token_or_with_another_authority_there_is_no_way_in(secure: Secure) -> None:
    async with secure.client(None) as client:
        refused = await client.get("/api/v1/namespaces")
        assert (refused.status_code, refused.json()["reason"]) == (401, "Unauthorized")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert (await client.get("/livez")).status_code == 200
    async with secure.client("guessed") as client:
        assert (await client.get("/clusters/demo/api/v1/namespaces")).status_code == 401
        assert (await client.get("/metrics")).status_code == 401
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.get(f"{secure.url}/livez")


async def test_a_service_account_has_the_rights_of_its_role_and_no_others(secure: Secure) -> None:
    await secure.create(NAMESPACE, ACCOUNT, BINDING)
    token = await secure.token_of("team", "robot")
    async with secure.client(token) as client:
        assert (await client.get("/api/v1/namespaces/team/pods")).status_code == 200
        for path in ("/api/v1/namespaces/team/secrets", "/api/v1/namespaces/default/pods", "/api/v1/nodes", "/metrics"):
            refused = await client.get(path)
            assert (refused.status_code, refused.json()["reason"]) == (403, "Forbidden"), path
        assert (await client.get("/clusters/demo/api/v1/namespaces")).status_code == 401
        deleted = await client.delete("/api/v1/namespaces/team/serviceaccounts/robot")
        assert deleted.status_code == 403
    assert (await secure.plain.delete("/api/v1/namespaces/team/serviceaccounts/robot")).status_code == 200
    async with secure.client(token) as client:
        assert (await client.get("/api/v1/namespaces/team/pods")).status_code == 401


async def test_a_client_reads_its_token_file_again(secure: Secure, tmp_path: Path) -> None:
    """As a mounted token is replaced; the first one isn't valid, and the client goes on with the second."""
    file = tmp_path / "token"
    file.write_text("not yet")
    api: kubernetes.ApiClient = await connect(
        server=f"{secure.url}/clusters/default", authority=secure.folder / "ca.crt", token_file=file
    )
    async with api:
        with pytest.raises(ApiException) as refused:
            await kubernetes.CoreV1Api(api).list_namespace()
        assert refused.value.status == 401
        file.write_text((secure.folder / "admin.token").read_text())

        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(ApiException):
                    await kubernetes.CoreV1Api(api).list_namespace()
                    return
                await asyncio.sleep(0.5)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="there is no kubectl")
async def test_kubectl_works_with_the_printed_kubeconfig(secure: Secure, tmp_path: Path) -> None:
    async def kubectl(*arguments: str, code: int = 0) -> str:
        process = await asyncio.create_subprocess_exec(
            str(shutil.which("kubectl")),
            *("--kubeconfig", str(secure.kubeconfig), *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == code, output.decode()
        return output.decode()

    listed = json.loads(await kubectl("get", "namespaces", "-o", "json"))
    assert {"default", "kube-system"} <= {each["metadata"]["name"] for each in listed["items"]}
    assert "default" in await kubectl("--context", "ecp-demo", "get", "namespaces")
    assert "cluster-admin" in await kubectl("get", "clusterroles")
    refused = await kubectl("--as", "ann", "get", "nodes", code=1)
    assert 'User "ann" cannot list resource "nodes" in API group "" at the cluster scope' in refused


async def test_authority_and_tokens_outlive_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    async with running(folder) as first:
        token = (folder / "admin.token").read_text()
        printed = first.kubeconfig.read_text().replace(str(first.port), "PORT")
    async with running(folder) as second:
        assert second.kubeconfig.read_text().replace(str(second.port), "PORT") == printed
        async with second.client(token) as client:
            assert (await client.get("/api/v1/namespaces")).status_code == 200
            # Without SIMULATOR_RBAC a token is enough, and has no roles.
            assert (await client.get(f"/apis/{GROUP}/v1/clusterroles")).json()["items"] == []
