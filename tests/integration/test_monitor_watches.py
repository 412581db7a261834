"""Watches instead of lists: what is read after a change, and after each way in which a watch can end."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.monitor.collect.api_server import ApiServer, Endpoint
from services.monitor.collect.kubernetes import PODS, KubernetesCluster
from shared.errors import DependencyUnavailable

DEADLINE = 10.0


def pod(name: str, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ecp-ai-acme"}, "spec": {"containers": []}, "status": status}


@dataclass
class WatchedServer:
    """An API server with pods, which it lists and whose changes it sends; the other lists are empty."""

    url: str = ""
    pods: list[dict[str, Any]] = field(default_factory=list)
    lists: int = 0
    versions: list[str] = field(default_factory=list)
    """The versions from which watches were opened."""
    refuses: bool = False
    hangs: bool = False
    """If set, a watch gets no answer."""
    page_seconds: float = 0.0
    """If set, a page has one pod and takes so long."""
    changes: asyncio.Queue[dict[str, Any] | None] = field(default_factory=asyncio.Queue)
    """Lines of the watch; None ends it."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        is_watch = request.query.get("watch") == "true"
        if request.path != PODS:
            return web.json_response({"items": [], "metadata": {}})
        if not is_watch:
            return await self._page(int(request.query.get("continue", "0")))
        self.versions.append(request.query["resourceVersion"])
        if self.refuses:
            return web.json_response({"kind": "Status", "reason": "Forbidden"}, status=403)
        if self.hangs:
            await self.changes.get()
        return await self._send(request)

    async def _page(self, number: int) -> web.StreamResponse:
        self.lists += number == 0
        await asyncio.sleep(self.page_seconds)
        is_last = not self.page_seconds or number + 1 == len(self.pods)
        items = self.pods[number : number + 1] if self.page_seconds else self.pods
        following = {} if is_last else {"continue": str(number + 1)}
        return web.json_response({"items": items, "metadata": {"resourceVersion": "7", **following}})

    async def _send(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while (change := await self.changes.get()) is not None:
            await response.write(json.dumps(change).encode() + b"\n")
        await response.write_eof()
        return response


@pytest.fixture
async def api() -> AsyncIterator[WatchedServer]:
    api = WatchedServer(pods=[pod("first")])
    application = web.Application()
    application.router.add_get("/{path:.*}", api.answer)
    async with TestServer(application, host="127.0.0.1") as server:
        api.url = str(server.make_url("")).rstrip("/")
        yield api
        api.changes.put_nowait(None)


@pytest.fixture
async def cluster(api: WatchedServer) -> AsyncIterator[KubernetesCluster]:
    cluster = KubernetesCluster(Endpoint("test", server=api.url), timeout=4.0)
    yield cluster
    await cluster.close()


async def names(cluster: KubernetesCluster) -> set[str]:
    return {each["metadata"]["name"] for each in (await cluster.read()).pods}


async def until(cluster: KubernetesCluster, enough: Callable[[set[str]], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            if enough(await names(cluster)):
                return
            await asyncio.sleep(0.01)


async def test_changes_arrive_by_the_watch_and_the_list_is_read_once(
    api: WatchedServer, cluster: KubernetesCluster
) -> None:
    assert await names(cluster) == {"first"}
    api.changes.put_nowait({"type": "ADDED", "object": pod("second")})
    await until(cluster, lambda found: found == {"first", "second"})
    api.changes.put_nowait({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}})
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    api.changes.put_nowait({"type": "MODIFIED", "object": pod("second", **ready)})
    api.changes.put_nowait({"type": "DELETED", "object": pod("first")})
    await until(cluster, lambda found: found == {"second"})
    [second] = (await cluster.read()).pods
    assert second["status"] == ready
    assert (api.lists, api.versions) == (1, ["7"])


@pytest.mark.parametrize(
    "last",
    [
        None,
        {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}},
        {"type": "MODIFIED", "object": {"metadata": None}},
        {"kind": "Status"},
    ],
    ids=["closed", "version-expired", "object-without-name", "no-event"],
)
async def test_after_a_watch_has_ended_the_list_is_read_again(
    api: WatchedServer, cluster: KubernetesCluster, last: dict[str, Any] | None
) -> None:
    assert await names(cluster) == {"first"}
    api.pods = [pod("other")]
    api.changes.put_nowait(last)
    await until(cluster, lambda found: found == {"other"})
    assert (api.lists, api.versions) == (2, ["7", "7"])


async def test_where_watches_are_not_allowed_every_read_lists(api: WatchedServer, cluster: KubernetesCluster) -> None:
    api.refuses = True
    for name in ("first", "second", "third"):
        api.pods = [pod(name)]
        assert await names(cluster) == {name}
    assert api.lists == 3


async def test_a_list_that_takes_longer_than_a_read_is_not_begun_again(api: WatchedServer) -> None:
    """Each of its pages arrives in time."""
    api.pods = [pod(f"p{number}") for number in range(5)]
    api.page_seconds = 0.4
    cluster = KubernetesCluster(Endpoint("test", server=api.url), timeout=1.0)
    try:
        with pytest.raises(DependencyUnavailable, match="no answer within 1 s"):
            await cluster.read()
        async with asyncio.timeout(DEADLINE):
            while True:
                with suppress(DependencyUnavailable):
                    assert len((await cluster.read()).pods) == 5
                    break
    finally:
        await cluster.close()
    assert api.lists == 1


async def test_after_a_close_the_next_read_lists_and_watches_again(
    api: WatchedServer, cluster: KubernetesCluster
) -> None:
    assert await names(cluster) == {"first"}
    await cluster.close()
    api.pods = [pod("second")]
    assert await names(cluster) == {"second"}
    assert len(api.versions) == 2


async def test_where_the_server_never_opens_a_watch_every_read_lists(api: WatchedServer) -> None:
    api.hangs = True
    cluster = KubernetesCluster(Endpoint("test", server=api.url), timeout=2.0)
    try:
        for name in ("first", "second"):
            api.pods = [pod(name)]
            assert await names(cluster) == {name}
    finally:
        await cluster.close()
    assert api.lists == 2


async def test_a_read_that_listed_has_what_changed_during_the_list(
    api: WatchedServer, cluster: KubernetesCluster
) -> None:
    api.page_seconds = 0.2
    api.changes.put_nowait({"type": "ADDED", "object": pod("second")})
    assert await names(cluster) == {"first", "second"}


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="this system has other options")
async def test_the_connection_of_a_watch_ends_soon_after_its_peer_has_vanished(api: WatchedServer) -> None:
    server = ApiServer(Endpoint("test", server=api.url), timeout=4.0)
    try:
        watch = await server.watch(PODS, "7", 60)
        connection = watch._response.connection.transport.get_extra_info("socket")
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, pause, probes = (
            connection.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        assert idle + pause * probes <= 15
        watch.close()
    finally:
        await server.close()
