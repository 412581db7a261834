"""Limits by address, before authentication: of all calls, and of credentials that proved nothing.

The second bound is small, so that guesses cost little. While it is used up, calls from this address with credentials
are refused unheard, except for credentials that were proven a short while ago: behind a company's one address a program
with an expired key would else lock out all others. Of these only digests are kept.
"""

import hashlib
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.http import request_context
from services.gateway.limits.rates import Rate
from services.gateway.limits.refusals import refuse
from shared.http.client_address import limited_part
from shared.identity.caller import CallerKind

UNLIMITED = frozenset({"/health", "/ready", "/metrics"})
_PROVEN = (CallerKind.PERSON, CallerKind.KEY)
_UNAUTHORIZED = (401, 4401)
_PROVEN_SECONDS = 600.0
_MOST_PROVEN = 5000


class AddressLimit:
    """Counts calls and failed credentials by address."""

    def __init__(
        self,
        app: ASGIApp,
        calls: Rate,
        failures: Rate,
        credential: Callable[[Scope], str],
        count_refusal: Callable[[str], None],
    ) -> None:
        """`credential` is what a request carries, empty without one; `count_refusal` gets the policy's name."""
        self._app = app
        self._calls = calls
        self._failures = failures
        self._credential = credential
        self._count_refusal = count_refusal
        self._proven = ProvenCredentials()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in UNLIMITED:
            await self._app(scope, receive, send)
            return
        address = limited_part((scope.get("client") or ("", 0))[0])
        digest = _digest(self._credential(scope))
        exceeded = await self._exceeded(address, digest)
        if exceeded is None:
            await self._watch(address, digest, scope, receive, send)
            return
        self._count_refusal(exceeded.name)
        await refuse(exceeded, address, scope, receive, send)

    async def _exceeded(self, address: str, digest: bytes | None) -> Rate | None:
        """Count the call; the rate that it is beyond, if any."""
        if not await self._calls.hit(address):
            return self._calls
        if digest is None or self._proven.has(digest) or await self._failures.has_left(address):
            return None
        return self._failures

    async def _watch(self, address: str, digest: bytes | None, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, and learn from its answer whether its credential proved something."""
        status = 0

        async def watching(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.close"):
                status = message.get("status") or message.get("code", 0)
            await send(message)

        try:
            await self._app(scope, receive, watching)
        finally:
            if digest is not None:
                await self._learn(address, digest, is_refused=status in _UNAUTHORIZED)

    async def _learn(self, address: str, digest: bytes, *, is_refused: bool) -> None:
        is_proven = request_context.current().caller.kind in _PROVEN
        if is_refused:
            self._proven.forget(digest)
        elif is_proven:
            self._proven.add(digest)
        # A socket whose key was revoked while it was open is no guess.
        if is_refused and not is_proven:
            await self._failures.hit(address)


class ProvenCredentials:
    """Digests of credentials that proved a caller within the last minutes, a bounded number of them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = _MOST_PROVEN) -> None:
        self._clock = clock
        self._most = most
        self._until: dict[bytes, float] = {}

    def add(self, digest: bytes) -> None:
        """It has just proved a caller."""
        self._until.pop(digest, None)
        self._until[digest] = self._clock() + _PROVEN_SECONDS
        if len(self._until) > self._most:
            del self._until[next(iter(self._until))]

    def forget(self, digest: bytes) -> None:
        """It proves nothing any more."""
        self._until.pop(digest, None)

    def has(self, digest: bytes) -> bool:
        """Whether it has proved a caller a short while ago. It is still verified."""
        return self._until.get(digest, 0.0) > self._clock()


def _digest(credential: str) -> bytes | None:
    return hashlib.sha256(credential.encode("utf-8", "surrogateescape")).digest() if credential else None
