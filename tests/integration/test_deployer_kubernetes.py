"""The adapter against an API server with faults: which errors are temporary, and which message they have."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.deployer.cluster.api import ClusterRefused, ClusterUnavailable, NamespaceTerminating, WatchExpired
from services.deployer.cluster.informer import Informer
from services.deployer.cluster.kubernetes import KubernetesAdapter
from shared.kube.client import connect
from shared.kube.kinds import Kind
from shared.kube.objects import Obj

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
CONFIG_MAP = Kind("v1", "ConfigMap")
SETTINGS: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "ns"}}
PATH = "/api/v1/namespaces/ns/configmaps/settings"
LIST = "/api/v1/namespaces/ns/configmaps"


def status(code: int, message: str, **details: object) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"kind": "Status", "code": code, "message": message, **details}, status=code)

    return answer


def text(code: int, body: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text=body)

    return answer


def stream(*events: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        for event in events:
            await response.write(event.encode() + b"\n")
        return response

    return answer


async def discovery(request: web.Request) -> web.StreamResponse:
    answers: dict[str, object] = {
        "/version": {"major": "1", "minor": "33"},
        "/apis": {"kind": "APIGroupList", "groups": []},
        "/api/v1": {
            "kind": "APIResourceList",
            "groupVersion": "v1",
            "resources": [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True, "verbs": ["get"]}],
        },
    }
    return web.json_response(answers.get(request.path, {"items": [], "metadata": {"resourceVersion": "1"}}))


@dataclass
class ApiServer:
    """Discovery, and `answers` one after another; the last one repeats."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    tokens: list[str | None] = field(default_factory=list)
    lists: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.tokens.append(request.headers.get("authorization"))
        is_watch = request.query.get("watch") == "true"
        self.lists += request.path == LIST and not is_watch
        queue = self.answers.get(f"watch {request.path}" if is_watch else request.path, [discovery])
        return await (queue.pop(0) if len(queue) > 1 else queue[0])(request)


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    api = ApiServer()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", api.answer)
    async with TestServer(application, host="127.0.0.1") as server:
        api.url = str(server.make_url("")).rstrip("/")
        yield api


@pytest.fixture
async def cluster(api: ApiServer) -> AsyncIterator[KubernetesAdapter]:
    cluster = KubernetesAdapter("test", lambda: connect(server=api.url))
    yield cluster
    await cluster.close()


@pytest.mark.parametrize(
    "answer",
    [
        status(500, "etcdserver: request timed out"),
        status(503, "the server is currently unable to handle the request"),
        status(429, "Too many requests, please try again later."),
        status(409, "Operation cannot be fulfilled: the object has been modified"),
        status(401, "Unauthorized"),
        text(502, "<html>Bad Gateway</html>"),
        text(200, "<html>a proxy's page</html>"),
    ],
    ids=["500", "503", "429", "409", "401", "502", "not JSON"],
)
async def test_what_heals_is_an_unavailable_cluster_with_its_name(
    api: ApiServer, cluster: KubernetesAdapter, answer: Answer
) -> None:
    api.answers[PATH] = [answer]
    with pytest.raises(ClusterUnavailable) as unavailable:
        await cluster.apply(SETTINGS, force=False)
    assert unavailable.value.name == "the Kubernetes API of cluster test"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(422, 'ConfigMap "settings" is invalid: data: Too long'), "Too long"),
        (status(403, 'pods "x" is forbidden: exceeded quota: tenant'), "exceeded quota: tenant"),
        (status(400, 'strict decoding error: unknown field "dat"'), "unknown field"),
        (status(500, "failed to create typed patch object: .spec.x: field not declared in schema"), ".spec.x"),
    ],
    ids=["422", "403", "400", "500 of an unknown field"],
)
async def test_a_refusal_has_the_api_server_s_message(
    api: ApiServer, cluster: KubernetesAdapter, answer: Answer, words: str
) -> None:
    api.answers[PATH] = [answer]
    with pytest.raises(ClusterRefused, match=words) as refused:
        await cluster.apply(SETTINGS, force=False)
    assert refused.value.message.startswith("ConfigMap settings: ")


async def test_a_terminating_namespace_is_no_refusal(api: ApiServer, cluster: KubernetesAdapter) -> None:
    causes = {"causes": [{"reason": "NamespaceTerminating", "message": "namespace ns is being terminated"}]}
    api.answers[PATH] = [status(403, "unable to create new content in namespace ns", details=causes)]
    with pytest.raises(NamespaceTerminating):
        await cluster.apply(SETTINGS, force=False)


async def test_a_refused_connection_is_an_unavailable_cluster(cluster: KubernetesAdapter, unused_tcp_port: int) -> None:
    away = KubernetesAdapter("away", lambda: connect(server=f"http://127.0.0.1:{unused_tcp_port}"))
    with pytest.raises(ClusterUnavailable, match="cluster away"):
        await away.list(CONFIG_MAP, "ns")
    await away.close()


async def test_refused_credentials_are_read_again(api: ApiServer, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"

    def write(token: str) -> None:
        config = {
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": {"server": api.url}}],
            "users": [{"name": "it", "user": {"token": token}}],
        }
        kubeconfig.write_text(yaml.safe_dump(config))

    write("old")
    api.answers[PATH] = [status(401, "Unauthorized"), status(200, "fine")]
    cluster = KubernetesAdapter("test", lambda: connect(kubeconfig=kubeconfig))
    with pytest.raises(ClusterUnavailable):
        await cluster.apply(SETTINGS, force=False)
    write("new")
    await cluster.apply(SETTINGS, force=False)
    assert [token for token in api.tokens if token][-1] == "Bearer new"
    await cluster.close()


async def test_a_kubeconfig_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    cluster = KubernetesAdapter("test", lambda: connect(kubeconfig=tmp_path / "missing"))
    with pytest.raises(ClusterUnavailable, match="missing"):
        await cluster.apply(SETTINGS, force=False)


async def test_an_expired_watch_raises_watch_expired(api: ApiServer, cluster: KubernetesAdapter) -> None:
    gone = '{"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}'
    bookmark = '{"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "5"}}}'
    api.answers[f"watch {LIST}"] = [stream(bookmark, gone)]
    with pytest.raises(WatchExpired):
        async for _ in cluster.watch(CONFIG_MAP, "ns", "1"):
            raise AssertionError("a bookmark is no change")


async def test_a_view_outlives_watches_that_end_and_lists_that_fail(api: ApiServer, cluster: KubernetesAdapter) -> None:
    item = {"metadata": {"name": "late", "namespace": "ns"}}

    async def with_item(_: web.Request) -> web.StreamResponse:
        return web.json_response({"items": [item], "metadata": {"resourceVersion": "9"}})

    async def forever(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(3600)
        return response

    api.answers[LIST] = [discovery, status(503, "away"), with_item]
    api.answers[f"watch {LIST}"] = [stream("not JSON"), forever]
    troubles = set()
    async with Informer(cluster, [CONFIG_MAP], "ns") as view, asyncio.timeout(60):
        while not view.all(CONFIG_MAP):
            await view.wait(0.2)
            troubles.add(view.trouble.reason if view.trouble else None)
    assert troubles >= {None, "away"}
    assert api.lists == 3
