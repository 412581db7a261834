"""Responses: content negotiation, JSON or YAML encoding, and sending, at once or in chunks.

kubectl accepts Tables and, as a fallback, plain objects; the first supported entry of its Accept header is used. Lists
are sent in chunks, between which other requests are handled, so that a list of thousands of pods doesn't block them.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson
import yaml

from services.simulator.api import errors

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Shape = Literal["object", "table", "metadata"]

_SHAPES: Final[Mapping[str, Shape]] = {
    "Table": "table",
    "PartialObjectMetadata": "metadata",
    "PartialObjectMetadataList": "metadata",
}
_WARNING_CHARACTERS: Final = 4096
_SERVED_TYPES: Final = ("application/json", "application/yaml")


@dataclass(frozen=True, slots=True)
class Accepted:
    """The negotiated representation: a media type and the shape of objects."""

    media_type: str = "application/json"
    shape: Shape = "object"


def negotiate(header: str) -> Accepted:
    """The first supported entry of an Accept header. Raises ApiError 406 if there is none."""
    for entry in header.split(",") if header else ["*/*"]:
        media_type, *parameters = [part.strip() for part in entry.split(";")]
        options = dict(part.split("=", 1) for part in parameters if "=" in part)
        if options.get("g", "meta.k8s.io") != "meta.k8s.io":
            continue
        if media_type in ("*/*", "application/*"):
            media_type = "application/json"
        if media_type in _SERVED_TYPES and options.get("as", "Table") in _SHAPES:
            return Accepted(media_type, _SHAPES[options["as"]] if "as" in options else "object")
    raise errors.not_acceptable(_SERVED_TYPES)


def encode(body: Any, media_type: str) -> bytes:
    """An object encoded as JSON, or as YAML for that media type."""
    if media_type == "application/yaml":
        return yaml.dump(body, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False).encode()
    return orjson.dumps(body) + b"\n"


async def send_bytes(
    send: Send, code: int, body: bytes, media_type: str = "application/json", headers: Mapping[str, str] | None = None
) -> None:
    """Send a complete response."""
    every = {"content-type": media_type, "content-length": str(len(body)), **(headers or {})}
    await send_start(send, code, every)
    await send({"type": "http.response.body", "body": body})


async def send_object(
    send: Send, code: int, body: Any, accepted: Accepted, headers: Mapping[str, str] | None = None
) -> None:
    """Send one object as the body of a response."""
    await send_bytes(send, code, encode(body, accepted.media_type), accepted.media_type, headers)


async def send_stream(send: Send, chunks: AsyncIterable[bytes], media_type: str) -> None:
    """Send chunks as they are produced; the response ends after the last one."""
    await send_start(send, 200, {"content-type": media_type})
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def send_start(send: Send, code: int, headers: Mapping[str, str]) -> None:
    """Send the status and headers of a response."""
    raw = [(name.encode(), value.encode("utf-8")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": code, "headers": raw})


def warning_header(texts: Iterable[str]) -> str:
    """The value of a Warning header, limited to about 4,000 characters.

    kubectl silently drops a warning with an unescaped quote, and a control character would break the response.
    """
    values: list[str] = []
    for text in texts:
        printable = "".join(letter if letter.isprintable() else "?" for letter in text)
        escaped = printable.replace("\\", "\\\\").replace('"', '\\"')
        values.append(f'299 - "{escaped}"')
        if sum(map(len, values)) > _WARNING_CHARACTERS:
            return ", ".join(values[:-1])
    return ", ".join(values)
