"""An in-process client of the API: it uses ASGI directly, so that tests see every byte and need no socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from services.simulator.api.access.users import User
from services.simulator.api.application import KubernetesAPI
from services.simulator.api.cluster_backend import ClusterBackend
from services.simulator.api.product.telemetry import Telemetry
from services.simulator.api.routing.secure_port import USER
from services.simulator.storage.store import Store

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class Reply:
    """A complete response."""

    code: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return orjson.loads(self.raw)


@dataclass
class Watched:
    """An open watch; `next` is the next event."""

    events: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    head: dict[str, str] = field(default_factory=dict)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.events.get(), 60)


class Api:
    """One cluster with `default` and `kube-system`, without controllers: a test does their work on `store`."""

    def __init__(
        self, store: Store | None = None, now: Callable[[], datetime] = lambda: NOW, *, has_rbac: bool = False
    ) -> None:
        self.store = store or Store(lambda: NOW)
        for name in ("default", "kube-system"):
            if self.store.get("namespaces", "", name) is None:
                self.store.create("namespaces", namespace(name))
        clusters = {"default": ClusterBackend("default", self.store, now)}
        self.app = KubernetesAPI(clusters, Telemetry(clusters, lambda: 0), clusters, has_rbac=has_rbac)

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        media_type: str = "application/json",
        accept: str = "",
        user: User | None = None,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Reply:
        """One request, of a user if there is one; further keyword arguments are its parameters."""
        encoded = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        sent: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = _scope(method, path, media_type, accept, query)
        scope["headers"] += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        scope["state"] = {} if user is None else {USER: user}
        await self.app(scope, _once(encoded), send)
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Reply(sent[0]["status"], answered, b"".join(m.get("body", b"") for m in sent[1:]))

    async def get(self, path: str, **query: Any) -> Reply:
        return await self.request("GET", path, **query)

    async def post(self, path: str, body: Any, **query: Any) -> Reply:
        return await self.request("POST", path, body, **query)

    async def patch(self, path: str, body: Any, media_type: str, **query: Any) -> Reply:
        return await self.request("PATCH", path, body, media_type=media_type, **query)

    async def apply(self, path: str, body: Any, manager: str = "tester", **query: Any) -> Reply:
        """Server-side apply."""
        return await self.patch(path, body, APPLY, fieldManager=manager, **query)

    async def delete(self, path: str, body: Any = None, **query: Any) -> Reply:
        return await self.request("DELETE", path, body, **query)

    @contextlib.asynccontextmanager
    async def watch(self, path: str, *, accept: str = "", **query: Any) -> AsyncIterator[Watched]:
        """Watch until the block ends; its end is the client's disconnect."""
        watched, gone = Watched(), asyncio.Event()

        async def receive() -> MutableMapping[str, Any]:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                watched.head.update({"status": str(message["status"])})
            for line in message.get("body", b"").splitlines():
                watched.events.put_nowait(orjson.loads(line))

        scope = _scope("GET", path, "application/json", accept, {"watch": "true", **query})
        task = asyncio.create_task(self.app(scope, receive, send))
        task.add_done_callback(lambda _: watched.ended.set())
        try:
            yield watched
        finally:
            gone.set()
            await asyncio.wait_for(task, 60)


def _scope(method: str, path: str, media_type: str, accept: str, query: dict[str, Any]) -> dict[str, Any]:
    headers = [(b"content-type", media_type.encode()), (b"user-agent", b"tester/1.0")]
    if accept:
        headers.append((b"accept", accept.encode()))
    encoded = urlencode({name: str(value) for name, value in query.items()}).encode()
    return {"type": "http", "method": method, "path": path, "query_string": encoded, "headers": headers}


def _once(body: bytes) -> Any:
    sent = asyncio.Event()

    async def receive() -> MutableMapping[str, Any]:
        if sent.is_set():
            await asyncio.Event().wait()  # the client stays connected until it has the response
        sent.set()
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def namespace(name: str) -> dict[str, Any]:
    """A namespace as the cluster creates it."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def config_map(name: str, labels: dict[str, str] | None = None, **data: Any) -> dict[str, Any]:
    """A config map."""
    metadata = {"name": name, **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **({"data": data} if data else {})}


def deployment(name: str = "web", **spec: Any) -> dict[str, Any]:
    """A Deployment with one container."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "app", "image": "web:1", "ports": [{"containerPort": 80}]}]},
            },
            **spec,
        },
    }


def pod(name: str = "one", node: str = "", phase: str = "Pending") -> dict[str, Any]:
    """A pod as the controllers store it."""
    spec: dict[str, Any] = {"containers": [{"name": "app", "image": "web:1"}], "terminationGracePeriodSeconds": 30}
    if node:
        spec["nodeName"] = node
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": phase}}
