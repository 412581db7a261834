"""The adapter to a cluster, against a server that answers as an API server does when all is not well."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.monitor.collect.api_server import Endpoint
from services.monitor.collect.kubernetes import POD_METRICS, PODS, KubernetesCluster
from shared.errors import DependencyUnavailable

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def empty(_: web.Request) -> web.StreamResponse:
    return web.json_response({"items": [], "metadata": {}})


def status(code: int, reason: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "reason": reason, "message": f"{reason}!"}, status=code)

    return answer


@dataclass
class ApiServer:
    """Empty lists everywhere, except for the paths in `answers`."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[web.Request] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at the end of the test, so that what hangs lets go."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self.answers.get(request.path, empty)(request)


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    api = ApiServer()
    application = web.Application()
    application.router.add_get("/{path:.*}", api.answer)
    async with TestServer(application, host="127.0.0.1") as server:
        api.url = str(server.make_url("")).rstrip("/")
        yield api
        api.over.set()


@asynccontextmanager
async def opened(endpoint: Endpoint) -> AsyncIterator[KubernetesCluster]:
    """An adapter that is closed even if its test fails; otherwise a later test would fail by its connection."""
    cluster = KubernetesCluster(endpoint, timeout=4.0)
    try:
        yield cluster
    finally:
        await cluster.close()


@pytest.fixture
async def cluster(api: ApiServer) -> AsyncIterator[KubernetesCluster]:
    async with opened(Endpoint("test", server=api.url)) as cluster:
        yield cluster


def pod(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ecp-ai-acme"}}


async def test_only_objects_of_tenants_are_asked_for(api: ApiServer, cluster: KubernetesCluster) -> None:
    state = await cluster.read()
    assert (state.pods, state.deployments, state.autoscalers, state.usage) == ([], [], [], [])
    assert {request.query["labelSelector"] for request in api.requests} == {"ecp.ai/tenant"}


async def test_a_list_in_pages_is_read_to_its_end(api: ApiServer, cluster: KubernetesCluster) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        number = int(request.query.get("continue", "0"))
        following = {"continue": str(number + 1)} if number < 2 else {}
        return web.json_response({"items": [pod(f"p{number}")], "metadata": following})

    api.answers[PODS] = page
    assert [each["metadata"]["name"] for each in (await cluster.read()).pods] == ["p0", "p1", "p2"]


@pytest.mark.parametrize("answer", [status(404, "NotFound"), status(503, "ServiceUnavailable")])
async def test_without_a_metrics_api_only_the_usage_is_missing(
    api: ApiServer, cluster: KubernetesCluster, answer: Answer
) -> None:
    api.answers[POD_METRICS] = answer
    state = await cluster.read()
    assert (state.pods, state.usage) == ([], None)


@pytest.mark.parametrize("path", [PODS, POD_METRICS])
async def test_a_hanging_api_is_given_up_in_time(api: ApiServer, cluster: KubernetesCluster, path: str) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await api.over.wait()
        return await empty(request)

    api.answers[path] = hang
    if path == POD_METRICS:
        assert (await cluster.read()).usage is None
        return
    with pytest.raises(DependencyUnavailable, match="cluster test is not available: no answer within 4 s"):
        await cluster.read()


async def test_the_error_has_the_api_server_s_message(api: ApiServer, cluster: KubernetesCluster) -> None:
    api.answers[PODS] = status(403, "Forbidden")
    with pytest.raises(DependencyUnavailable, match=r"403 Forbidden: .*Forbidden!"):
        await cluster.read()


async def test_an_answer_that_is_no_json_is_an_outage(api: ApiServer, cluster: KubernetesCluster) -> None:
    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>a proxy's page</html>", content_type="text/html")

    api.answers[PODS] = page
    with pytest.raises(DependencyUnavailable):
        await cluster.read()


async def test_a_cluster_that_is_not_there_is_an_outage(unused_tcp_port: int) -> None:
    async with opened(Endpoint("test", server=f"http://127.0.0.1:{unused_tcp_port}")) as cluster:
        with pytest.raises(DependencyUnavailable):
            await cluster.read()


async def test_expired_credentials_of_a_kubeconfig_are_loaded_again(api: ApiServer, tmp_path: Path) -> None:
    async def guarded(request: web.Request) -> web.StreamResponse:
        known = request.headers.get("authorization") == "Bearer second"
        return await (empty if known else status(401, "Unauthorized"))(request)

    api.answers[PODS] = guarded
    path = tmp_path / "kubeconfig"
    path.write_text(kubeconfig(api.url, "first"))
    async with opened(Endpoint("production", kubeconfig=path)) as cluster:
        with pytest.raises(DependencyUnavailable, match="401 Unauthorized"):
            await cluster.read()
        path.write_text(kubeconfig(api.url, "second"))
        assert (await cluster.read()).pods == []


async def test_a_kubeconfig_that_is_not_there_is_an_outage_until_it_is(api: ApiServer, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    async with opened(Endpoint("production", kubeconfig=path)) as cluster:
        with pytest.raises(DependencyUnavailable):
            await cluster.read()
        path.write_text(kubeconfig(api.url, "token"))
        assert (await cluster.read()).pods == []


def kubeconfig(server: str, token: str) -> str:
    """A kubeconfig with a token; JSON is YAML."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "main",
            "contexts": [{"name": "main", "context": {"cluster": "main", "user": "main"}}],
            "clusters": [{"name": "main", "cluster": {"server": server}}],
            "users": [{"name": "main", "user": {"token": token}}],
        }
    )
