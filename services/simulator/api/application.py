"""The ASGI application of the Kubernetes API: dispatches requests to verbs, and turns failures into Status bodies.

A stream (watch, followed log) ends when its client disconnects: sending and waiting for the disconnect run
concurrently, and the first to end cancels the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any, Final

import orjson
import structlog

from services.simulator.api import errors
from services.simulator.api.access.rbac import Rbac
from services.simulator.api.access.request_access import Access
from services.simulator.api.access.users import User
from services.simulator.api.cluster_backend import ClusterBackend
from services.simulator.api.errors import ApiError
from services.simulator.api.product.telemetry import Telemetry
from services.simulator.api.routing import discovery, openapi
from services.simulator.api.routing.attributes import of_path
from services.simulator.api.routing.calls import Answer, Call
from services.simulator.api.routing.requests import Receive, Request, parse_target, split_cluster
from services.simulator.api.routing.responses import (
    Accepted,
    Send,
    encode,
    negotiate,
    send_bytes,
    send_object,
    send_stream,
    warning_header,
)
from services.simulator.api.routing.secure_port import USER
from services.simulator.api.verbs import (
    access_reviews,
    deletion,
    finalizing,
    logs,
    reads,
    scaling,
    token_requests,
    writes,
)
from services.simulator.api.verbs.authorization import impersonated, require_rights
from services.simulator.api.verbs.watching import WatchStream
from shared.kube.objects import Obj

Handler = Callable[[Call], Awaitable[Answer]]

_log = structlog.get_logger()
_VERBS: Final = {"PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_WRITERS: Final[Mapping[tuple[str, str], Handler]] = {
    ("create", ""): writes.create,
    ("create", token_requests.SUBRESOURCE): token_requests.create,
    ("update", ""): writes.update,
    ("update", "status"): writes.update,
    ("update", "scale"): scaling.update,
    ("update", "finalize"): finalizing.finalize,
    ("patch", ""): writes.patch,
    ("patch", "status"): writes.patch,
    ("patch", "scale"): scaling.patch,
    ("delete", ""): deletion.delete,
    ("deletecollection", ""): deletion.delete_collection,
}


class KubernetesAPI:
    """The API of several clusters: `default` at the root, and each one under `/clusters/<name>`."""

    def __init__(
        self,
        clusters: Mapping[str, ClusterBackend],
        telemetry: Telemetry,
        names: Collection[str],
        *,
        has_rbac: bool = False,
    ) -> None:
        """`clusters` may be filled later; until then requests to the clusters in `names` are answered 503.

        `has_rbac` is whether users need the rights of roles; requests without a user (see `secure_port`) never do.
        """
        self._clusters = clusters
        self._has_rbac = has_rbac
        self._telemetry = telemetry
        self._names = names
        self._kept_lists = reads.KeptLists()
        self._stopping = asyncio.Event()

    def end_streams(self) -> None:
        """End open watches and followed logs in an orderly way; clients reconnect."""
        self._stopping.set()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
            return
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            await self._answer(request, scope, send)
        except ApiError as error:
            headers = {"retry-after": str(error.retry_after)} if error.retry_after else None
            await send_object(send, error.code, error.status, Accepted(), headers)
        except ConnectionResetError:
            return
        except Exception:
            _log.exception("Request failed", action="api.failed", method=request.method, path=scope["path"])
            await send_object(send, 500, errors.internal("see the simulator's log").status, Accepted())

    def access(self, user: User | None, cluster: str) -> Access:
        """What a user may do in a cluster; without one, everything."""
        backend = self._clusters.get(cluster)
        return Access(user, Rbac(backend.store) if self._has_rbac and backend is not None else None)

    async def _answer(self, request: Request, scope: Mapping[str, Any], send: Send) -> None:
        path: str = scope["path"]
        name, parts = split_cluster(path)
        cluster = self._clusters.get(name)
        if cluster is None:
            raise errors.unavailable("the cluster is being loaded") if name in self._names else errors.unknown_path()
        access = impersonated(self.access(scope.get("state", {}).get(USER), name), request)
        if (len(parts) >= 3 and parts[0] == "api") or (len(parts) >= 4 and parts[0] == "apis"):
            call = Call(cluster, request, parse_target(parts), access)
            await self._counted(call, _verb(call), send)
            return
        access.require(of_path(request, f"/{'/'.join(parts)}"))
        if not await _described(request, parts, f"/clusters/{name}" if path.startswith("/clusters/") else "", send):
            await send_bytes(send, 404, b"404 page not found\n", "text/plain")

    async def _counted(self, call: Call, verb: str, send: Send) -> None:
        """Answer a call of a resource and count it by its status code."""
        began, code = time.perf_counter(), "500"

        async def counting(message: MutableMapping[str, Any]) -> None:
            nonlocal code
            code = str(message.get("status", code))
            await send(message)

        try:
            await self._resource(call, verb, counting)
        except ApiError as error:
            code = str(error.code)
            raise
        finally:
            self._telemetry.requests.labels(call.cluster.name, verb, call.resource.key, code).inc()
            if verb != "watch" and call.target.subresource != "log":
                self._telemetry.seconds.labels(verb).observe(time.perf_counter() - began)

    async def _resource(self, call: Call, verb: str, send: Send) -> None:
        target = call.target
        require_rights(call, verb)
        if target.subresource == "log" and verb == "get":
            await self._stream(call.request, send, await logs.stream(call), "text/plain")
            return
        if not target.subresource and verb not in call.resource.verbs:
            raise errors.method_not_allowed(call.resource, verb)
        accepted = negotiate(call.request.headers.get("accept", ""))
        if verb == "watch":
            await self._stream(call.request, send, WatchStream(call, accepted).events(), "application/json")
        elif verb == "list":
            await self._list(call, accepted, send)
        else:
            answer = await (_get(call) if verb == "get" else _writer(call, verb)(call))
            warnings = warning_header(answer.warnings)
            headers = {"warning": warnings} if warnings else None
            await send_object(send, answer.code, reads.shaped(call, answer.body, accepted), accepted, headers)

    async def _stream(self, request: Request, send: Send, chunks: AsyncIterator[bytes], media_type: str) -> None:
        """Send a stream until it ends, its client disconnects, or the simulator stops."""
        answer = asyncio.ensure_future(send_stream(send, chunks, media_type))
        ends = {
            answer,
            asyncio.ensure_future(request.until_disconnected()),
            asyncio.ensure_future(self._stopping.wait()),
        }
        with self._telemetry.streams.track_inprogress():
            try:
                done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in ends:
                    task.cancel()
                await asyncio.gather(*ends, return_exceptions=True)
        if answer in done:
            answer.result()
        elif self._stopping.is_set():
            await send({"type": "http.response.body", "body": b""})

    async def _list(self, call: Call, accepted: Accepted, send: Send) -> None:
        if call.resource.computed:
            # kubectl has its own table for them.
            accepted = Accepted(accepted.media_type)
            found = reads.computed_page(call)
        else:
            found = reads.page(call, self._kept_lists)
        chunks = reads.encoded_list(call, found, accepted)
        if accepted.media_type == "application/json":
            await send_stream(send, chunks, accepted.media_type)
        else:
            whole = b"".join([chunk async for chunk in chunks])
            await send_bytes(send, 200, encode(orjson.loads(whole), accepted.media_type), accepted.media_type)


def _verb(call: Call) -> str:
    """The verb of the request, from method, path and the parameter `watch`."""
    method, target = call.request.method, call.target
    if method in ("GET", "HEAD"):
        # As in Kubernetes, a part of an object is never watched: its stream would have the whole object.
        if call.request.flag("watch") and not target.subresource:
            return "watch"
        return "get" if target.name else "list"
    if method == "POST":
        return "create" if not target.name or target.subresource == token_requests.SUBRESOURCE else "unknown"
    if method == "DELETE" and not target.name:
        return "deletecollection"
    return _VERBS.get(method, "unknown") if target.name else "unknown"


def _writer(call: Call, verb: str) -> Handler:
    if call.resource.kind in access_reviews.REVIEWS:
        return access_reviews.REVIEWS[call.resource.kind]
    handler = _WRITERS.get((verb, call.target.subresource))
    if handler is None or (call.target.all_namespaces and verb == "create"):
        raise errors.method_not_allowed(call.resource, verb)
    return handler


async def _get(call: Call) -> Answer:
    if call.target.subresource == "scale":
        return await scaling.get(call)
    if call.resource.computed:
        found = reads.computed_page(call).records
        if not found:
            raise errors.not_found(call.resource, call.target.name)
        return Answer(200, found[0].obj)
    return Answer(200, writes.require(call))


async def _described(request: Request, parts: list[str], prefix: str, send: Send) -> bool:
    """Answer a path that describes the API itself; False for other paths."""
    aggregated = discovery.wants_aggregated(request.headers.get("accept", ""))
    match parts:
        case ["livez" | "readyz" | "healthz", *_]:
            await send_bytes(send, 200, b"ok", "text/plain")
        case ["openapi", "v3", *path] if path:
            await send_bytes(send, 200, openapi.document("/".join(path)))
        case ["api" | "apis" as root] if aggregated:
            body = encode(discovery.aggregated(core=root == "api"), "application/json")
            await send_bytes(send, 200, body, discovery.AGGREGATED)
        case _:
            found = _description(request, parts, prefix)
            if found is None:
                return False
            await send_object(send, 200, found, Accepted())
    return True


def _description(request: Request, parts: list[str], prefix: str) -> Obj | None:
    """The body for a path that describes the API; None for other paths."""
    found: Obj | None = None
    match parts:
        case ["version"]:
            found = discovery.version()
        case ["openapi", "v3"]:
            found = openapi.index(prefix)
        case ["api"]:
            found = discovery.core_versions(request.headers.get("host", ""))
        case ["api", version]:
            found = discovery.resource_list("", version)
        case ["apis"]:
            found = discovery.group_list()
        case ["apis", group]:
            found = discovery.group(group)
        case ["apis", group, version]:
            found = discovery.resource_list(group, version)
    return found
