"""How an answer leaves: JSON or YAML, whole or in pieces, and which representation the client asked for.

kubectl asks for Tables and takes plain objects as a fallback, both in one Accept header; the first that is served
here wins. Lists go out in pieces and give way to other requests between them, so that a list of many thousand pods
does not hold up the rest.
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
    """What the client will take: a media type, and the shape of objects in it."""

    media_type: str = "application/json"
    shape: Shape = "object"


def negotiate(header: str) -> Accepted:
    """The first entry of an Accept header that is served. Raises ApiError 406 where there is none."""
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
    """An object as JSON, or as YAML where that was asked for."""
    if media_type == "application/yaml":
        return yaml.dump(body, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False).encode()
    return orjson.dumps(body) + b"\n"


async def send_bytes(
    send: Send, code: int, body: bytes, media_type: str = "application/json", headers: Mapping[str, str] | None = None
) -> None:
    """Send a whole answer."""
    every = {"content-type": media_type, "content-length": str(len(body)), **(headers or {})}
    await send_start(send, code, every)
    await send({"type": "http.response.body", "body": body})


async def send_object(
    send: Send, code: int, body: Any, accepted: Accepted, headers: Mapping[str, str] | None = None
) -> None:
    """Send one object as it is."""
    await send_bytes(send, code, encode(body, accepted.media_type), accepted.media_type, headers)


async def send_stream(send: Send, chunks: AsyncIterable[bytes], media_type: str) -> None:
    """Send pieces as they come; the answer ends when they do."""
    await send_start(send, 200, {"content-type": media_type})
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def send_start(send: Send, code: int, headers: Mapping[str, str]) -> None:
    """Send the head of an answer."""
    raw = [(name.encode(), value.encode("utf-8")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": code, "headers": raw})


def warning_header(texts: Iterable[str]) -> str:
    """A Warning header's value; what comes after its first four thousand characters is left out.

    An unescaped quote would make kubectl drop it silently, and a control character would break the answer.
    """
    values: list[str] = []
    for text in texts:
        printable = "".join(letter if letter.isprintable() else "?" for letter in text)
        escaped = printable.replace("\\", "\\\\").replace('"', '\\"')
        values.append(f'299 - "{escaped}"')
        if sum(map(len, values)) > _WARNING_CHARACTERS:
            return ", ".join(values[:-1])
    return ", ".join(values)
