"""A cluster's API server: requests for the tenants' objects. The client's exceptions don't leave this module.

Responses are read as plain JSON: parsing them into the client's models takes longer than the calls, and fails on
unknown fields.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson
from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.exceptions import ApiException

from shared.errors import DependencyUnavailable
from shared.kube.client import connect
from shared.kube.labels import TENANT
from shared.kube.objects import Obj

_PAGE = 500
_SILENCE = 150.0
"""Seconds without a byte after which a watch counts as broken: an API server sends a bookmark about every minute."""
_PROBES = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 2}
"""TCP options of a watch's connection: the kernel ends it 15 s after its peer has vanished without closing it."""
_CHANGES = ("ADDED", "MODIFIED", "DELETED")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a cluster's API is: a URL (the simulator's, by HTTPS with a token), or a kubeconfig file."""

    name: str
    server: str | None = None
    authority: Path | None = None
    token_file: Path | None = None
    kubeconfig: Path | None = None


class RequestFailed(Exception):
    """No usable answer. `status` is the HTTP status of a refusal, and None if there was no answer or no JSON."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Listing(NamedTuple):
    """The objects of a list, and the version from which a watch continues it; empty if the server named none."""

    items: Sequence[Obj]
    resource_version: str


class Change(NamedTuple):
    """One event of a watch: `ADDED`, `MODIFIED` or `DELETED`, with the object."""

    type: str
    obj: Obj


class Watch:
    """An open watch. `changes` is to be read to its end, or `close` called."""

    def __init__(self, response: Any) -> None:
        self._response = response

    async def changes(self) -> AsyncIterator[Change]:
        """The changes until the watch ends. Raises RequestFailed, also for an expired version."""
        with _translated(_SILENCE):
            async for line in self._response.content:
                event = orjson.loads(line)
                kind = event.get("type")
                if kind in _CHANGES:
                    yield Change(kind, event["object"])
                elif kind != "BOOKMARK":
                    raise RequestFailed(f"the watch ended with {line[:300]!r}")

    def close(self) -> None:
        """Close the connection."""
        self._response.close()


class ApiServer:
    """One API server. Connects at the first request, and again after a close. Every request raises RequestFailed."""

    def __init__(self, endpoint: Endpoint, *, timeout: float) -> None:
        """`timeout` in seconds bounds a request."""
        self._endpoint = endpoint
        self._timeout = timeout
        self._client: ApiClient | None = None

    async def list(self, path: str) -> Listing:
        """All objects at `path`, page by page."""
        items: list[Obj] = []
        position = ""
        while True:
            page = await self._get(path, {"limit": str(_PAGE)} | ({"continue": position} if position else {}))
            items += page.get("items") or ()
            metadata = page.get("metadata") or {}
            position = metadata.get("continue") or ""
            if not position:
                return Listing(items, metadata.get("resourceVersion") or "")

    async def check(self, path: str) -> None:
        """Raise RequestFailed unless the API server lists now: a watch of a server that hangs is only silent."""
        await self._get(path, {"limit": "1"})

    async def watch(self, path: str, resource_version: str, seconds: int) -> Watch:
        """Open a watch that the server ends after `seconds`. Waits for half of the timeout: a list comes before it."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(seconds),
        }
        limits = aiohttp.ClientTimeout(total=None, connect=self._timeout, sock_read=_SILENCE)
        opening = self._timeout / 2
        with _translated(opening):
            async with asyncio.timeout(opening):
                response = (await self._request(path, query, limits)).response
            _probe(response)
        return Watch(response)

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()  # type: ignore[no-untyped-call]

    async def _get(self, path: str, query: dict[str, str]) -> Obj:
        with _translated(self._timeout):
            answer = await self._request(path, query, self._timeout)
            content: Obj = orjson.loads(await answer.read())
            return content

    async def _request(self, path: str, query: dict[str, str], timeout: float | aiohttp.ClientTimeout) -> Any:
        """The response to a GET; RequestFailed for a status other than 200."""
        with _translated(self._timeout):
            client = self._client = self._client or await self._connect()
            request = await client.param_serialize(
                "GET",
                path,
                query_params=[("labelSelector", TENANT), *query.items()],
                header_params={"Accept": "application/json"},
                auth_settings=["BearerToken"],
            )
            answer: Any = await client.call_api(*request, _request_timeout=timeout)
            if answer.status != 200:
                body = (await answer.read()).decode(errors="replace")
                raise ApiException(status=answer.status, reason=answer.reason, body=body)
            return answer

    async def _connect(self) -> ApiClient:
        try:
            return await connect(
                server=self._endpoint.server,
                authority=self._endpoint.authority,
                token_file=self._endpoint.token_file,
                kubeconfig=self._endpoint.kubeconfig,
            )
        except DependencyUnavailable as error:
            raise RequestFailed(error.message) from error


def _probe(response: Any) -> None:
    """Set `_PROBES` where the system has them; `_SILENCE` bounds a watch in any case."""
    transport = response.connection.transport if response.connection else None
    peer = transport.get_extra_info("socket") if transport else None
    if peer is None:
        return
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBES.items():
        if (option := getattr(socket, name, None)) is not None:
            peer.setsockopt(socket.IPPROTO_TCP, option, value)


@contextmanager
def _translated(timeout: float) -> Iterator[None]:
    """Raise RequestFailed for what the client raises; `timeout` in seconds is the one that may have been exceeded."""
    try:
        yield
    except ApiException as error:
        shown = " ".join(str(error.body).split())[:300]
        raise RequestFailed(f"{error.status} {error.reason}: {shown}", error.status) from error
    except TimeoutError as error:
        raise RequestFailed(f"no answer within {timeout:g} s") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: a response that isn't JSON
        raise RequestFailed(str(error) or type(error).__name__) from error
