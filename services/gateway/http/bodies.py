"""Request bodies: read completely, up to a size limit and a deadline, and accepted only as JSON.

A request whose body is never completed is not executed, because it isn't known what it asks for.
"""

import asyncio
import codecs
from collections import Counter
from collections.abc import Mapping

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.http import request_context
from services.gateway.http.errors import invalid
from services.gateway.http.holders import address_of, identity_of
from services.gateway.http.problems import broken_json
from services.gateway.http.responses import error_response
from shared.errors import EcpError, Overloaded, Refused
from shared.messages import Sentence, sentence
from shared.reading import InvalidText, refuse_unusable

BODYLESS = ("GET", "HEAD", "OPTIONS")
"""Methods whose body has no meaning (RFC 9110): it is neither limited nor read."""
_BODIES_AT_ONCE = 64
"""The bodies that are held at once have this many times the limit: 64 MiB of the 512 MiB of a container."""
_SHARES = 4
"""One caller, or one address without one, may hold this part of them."""
_DISCARDED_BODIES = 16
"""Up to this many times the limit is read and discarded, for clients that send everything before they read."""


class _BodyIncomplete(Exception):
    """The client disconnected before its body was complete."""


class BodyLimit:
    """Reads the whole body, chunked or not, and refuses one that is too large or too slow."""

    def __init__(
        self,
        app: ASGIApp,
        limit: int,
        refusals: Mapping[str, EcpError] | None = None,
        *,
        seconds: float | None = None,
    ) -> None:
        """Wrap `app`.

        Args:
            app: the next ASGI application.
            limit: bytes of the largest body.
            refusals: errors for a body that is too large, by the end of the path; other paths get BODY_TOO_LARGE.
            seconds: until the body must be complete; None for no deadline.
        """
        self._app = app
        self._limit = limit
        self._refusals = refusals or {}
        self._seconds = seconds
        self._held = 0
        self._held_by = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in BODYLESS:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        expects_refusal = headers.get("expect", "").lower() == "100-continue"
        if expects_refusal and _declared_length(headers) > self._limit:
            await _refuse(self._too_large(scope), scope, receive, send)
            return
        holder = identity_of(request_context.current().caller) or address_of(scope)
        if self._is_full(holder):
            await _refuse(Overloaded("the gateway", "too many request bodies are being read"), scope, receive, send)
            return
        # Reserve what the body may grow to.
        reserved = self._limit if "transfer-encoding" in headers else min(_declared_length(headers), self._limit)
        self._reserve(holder, reserved)
        try:
            await self._serve(scope, receive, send)
        finally:
            self._reserve(holder, -reserved)

    def _is_full(self, holder: str | None) -> bool:
        """Whether all bodies together, or those of this holder, have the bytes that they may have."""
        most = self._limit * _BODIES_AT_ONCE
        return self._held >= most or (holder is not None and self._held_by[holder] >= most // _SHARES)

    def _reserve(self, holder: str | None, amount: int) -> None:
        self._held += amount
        if holder is not None:
            self._held_by[holder] += amount
            if not self._held_by[holder]:
                del self._held_by[holder]

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._read(receive)
        except _BodyIncomplete:
            return
        except TimeoutError:
            await _refuse(self._too_slow(), scope, receive, send)
            return
        if body is None:
            await _refuse(self._too_large(scope), scope, receive, send)
        else:
            await self._app(scope, _replaying(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The body, or None if it is larger than the limit. Raises _BodyIncomplete."""
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _BodyIncomplete
            chunk = message.get("body", b"")
            size += len(chunk)
            if size <= self._limit:
                chunks.append(chunk)
            if not message.get("more_body") or size > self._limit * _DISCARDED_BODIES:
                return b"".join(chunks) if size <= self._limit else None

    def _too_large(self, scope: Scope) -> EcpError:
        own = (error for end, error in self._refusals.items() if scope["path"].endswith(end))
        return next(own, None) or Refused(
            f"the body is larger than {self._limit} bytes; send less",
            code="BODY_TOO_LARGE",
            details={"limit_bytes": self._limit},
        )

    def _too_slow(self) -> EcpError:
        message = f"the body wasn't complete after {self._seconds:g} s; send it again, faster or in parts"
        return Refused(message, code="REQUEST_TIMEOUT", details={"seconds": self._seconds})


class JsonBody:
    """Refuses a body that isn't declared as JSON, which protects from forms of foreign web pages, or isn't valid JSON.

    Validity is that of RFC 8259. FastAPI's parser accepts more (NaN, lone surrogates, any depth), and the database or
    the bus would refuse it later.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in BODYLESS:
            await self._app(scope, receive, send)
            return
        message = await receive()
        body = message.get("body", b"").removeprefix(codecs.BOM_UTF8)
        types = Headers(scope=scope).getlist("content-type")
        if body and not (len(types) == 1 and is_json(types[0])):
            await error_response(_wrong_type(", ".join(types)))(scope, receive, send)
        elif body and (problem := _json_problem(body)):
            await error_response(invalid("body", problem))(scope, receive, send)
        else:
            await self._app(scope, _replaying(body, receive), send)


def is_json(content_type: str) -> bool:
    """`application/json`, `application/merge-patch+json` and the like, with or without a charset."""
    kind, _, subtype = content_type.partition(";")[0].strip().lower().partition("/")
    return kind == "application" and (subtype == "json" or subtype.endswith("+json"))


def _json_problem(body: bytes) -> Sentence | None:
    """What is wrong with a body, or None. U+0000 is left to the single fields: a manifest to validate may have it."""
    try:
        refuse_unusable(orjson.loads(body), look_for_nul=False)
    except orjson.JSONDecodeError as error:
        return broken_json(error.lineno, error.colno, error.msg)
    except InvalidText as error:
        return sentence("json-unusable", "the JSON can't be used: {reason}", reason=error)
    return None


def _wrong_type(sent: str) -> Refused:
    how = f"is sent as {sent[:100]!r}" if sent else "is sent without a Content-Type"
    message = f"the body {how}; send JSON with Content-Type: application/json"
    return Refused(message, code="UNSUPPORTED_MEDIA_TYPE")


async def _refuse(error: EcpError, scope: Scope, receive: Receive, send: Send) -> None:
    await error_response(error, {"Connection": "close"})(scope, receive, send)


def _declared_length(headers: Headers) -> int:
    declared = headers.get("content-length", "")
    return int(declared) if declared.isascii() and declared.isdigit() else 0


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Gives the body as one message, then the messages of `receive` (a disconnect)."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
