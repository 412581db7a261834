"""Requests: their cluster, resource, name, parameters and body.

Paths are regular and need no router: `/api/v1/...` or `/apis/<group>/<version>/...`, with `namespaces/<namespace>`
before a namespaced resource, and under `/clusters/<cluster>` for clusters other than `default`. Parameters are parsed
as in Go, so that `watch=True` and `watch=1` are both true.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote

from services.simulator.api import errors
from services.simulator.resources import BY_PATH, Resource
from shared.kube.semantics import Cause
from shared.reading import InvalidText, int64

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MAX_BODY_BYTES = 3 * 1024 * 1024
"""The limit of a real API server."""
_MOST_HELD_BYTES = 128 * 1024 * 1024
"""Limit of all unfinished bodies together; without it, a thousand connections could hold 3 GB."""
_LONGEST_MANAGER = 128
"""Bytes, as in a real API server."""


@dataclass(frozen=True, slots=True)
class Target:
    """The resource of a path, with namespace, name and subresource, each empty if the path has none."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def all_namespaces(self) -> bool:
        return self.resource.namespaced and not self.namespace


class Request:
    """One HTTP request; header names are lower case."""

    held: ClassVar[int] = 0
    """Bytes of all bodies that this process is reading."""

    def __init__(self, scope: Mapping[str, Any], receive: Receive) -> None:
        self.method: str = scope["method"]
        self.headers: dict[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        self.query: dict[str, str] = {}
        for name, value in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
            self.query.setdefault(name, value)
        self._receive = receive

    def flag(self, name: str) -> bool:
        """A boolean parameter: false if absent, `false` or `0`; otherwise true."""
        value = self.query.get(name)
        return value is not None and value.lower() not in ("false", "0")

    def number(self, name: str) -> int | None:
        """A 64-bit integer parameter; None if absent. Raises ApiError 400 with Go's wording."""
        text = self.query.get(name)
        if text is None:
            return None
        try:
            return int64(text)
        except InvalidText as error:
            raise errors.bad_request(str(error)) from error

    @property
    def dry_run(self) -> bool:
        """Whether nothing must be stored. Raises ApiError 400 for a value other than All."""
        value = self.query.get("dryRun", "")
        if value not in ("", "All"):
            raise errors.bad_request(f'invalid dryRun value: "{value}": must be All')
        return value == "All"

    @property
    def media_type(self) -> str:
        """The content type of the body without parameters; JSON if the client sends none."""
        return self.headers.get("content-type", "application/json").split(";")[0].strip().lower()

    @property
    def manager(self) -> str:
        """The field manager: the parameter, or the client's name in User-Agent. Raises ApiError 422."""
        if named := self.query.get("fieldManager"):
            _refuse_manager(named)
            return named
        agent = str(self.headers.get("user-agent", "unknown")).split("/")[0]
        return "".join(letter for letter in agent if letter.isprintable())[:_LONGEST_MANAGER]

    async def body(self) -> bytes:
        """The whole body. Raises ApiError: 413 if it is too large, 503 if unfinished bodies fill their limit."""
        chunks: list[bytes] = []
        size = 0
        try:
            while True:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionResetError("the client disconnected while sending its body")
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                Request.held += len(chunks[-1])
                if size > MAX_BODY_BYTES:
                    raise errors.too_large(MAX_BODY_BYTES)
                if Request.held > _MOST_HELD_BYTES:
                    raise errors.unavailable("too many bodies are being read")
                if not message.get("more_body"):
                    return b"".join(chunks)
        finally:
            Request.held -= size

    async def until_disconnected(self) -> None:
        """Return when the client has disconnected."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _refuse_manager(name: str) -> None:
    if len(name.encode()) > _LONGEST_MANAGER:
        message = f"Too long: may not be more than {_LONGEST_MANAGER} bytes"
        raise errors.invalid_options("PatchOptions", Cause("fieldManager", "FieldValueTooLong", message))
    for position, letter in enumerate(name):
        if not letter.isprintable():
            message = f"Invalid value: {name!a}: invalid character U+{ord(letter):04X} (at position {position})"
            raise errors.invalid_options("PatchOptions", Cause("fieldManager", "FieldValueInvalid", message))


def split_cluster(path: str) -> tuple[str, list[str]]:
    """The cluster of a path, and the rest of the path as unquoted segments."""
    parts = [unquote(part) for part in path.strip("/").split("/") if part]
    if len(parts) >= 2 and parts[0] == "clusters":
        return parts[1], parts[2:]
    return "default", parts


def parse_target(parts: list[str]) -> Target:
    """The target of `api/v1/...` or `apis/<group>/<version>/...`. Raises ApiError 404 for an unknown one."""
    group, version, rest = ("", parts[1], parts[2:]) if parts[0] == "api" else (parts[1], parts[2], parts[3:])
    namespace = ""
    if len(rest) >= 3 and rest[0] == "namespaces" and (group, version, rest[2]) in BY_PATH:
        namespace, rest = rest[1], rest[2:]
    resource = BY_PATH.get((group, version, rest[0]))
    if resource is None or len(rest) > 3 or (namespace and not resource.namespaced):
        raise errors.unknown_path()
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    if subresource and subresource not in resource.subresources:
        raise errors.unknown_path()
    if name and resource.namespaced and not namespace:
        raise errors.unknown_path()
    return Target(resource, namespace, name, subresource)
