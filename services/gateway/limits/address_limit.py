"""Limits by address, before authentication: of all calls, and of credentials that proved nothing.

The second bound is small, so that guesses cost little. While it is used up, calls from this address with credentials
are refused unheard, except for credentials that were proven a short while ago. One that has ended counts once a minute:
behind a company's one address a program that repeats an expired key would else lock out every token that is renewed
there, and every ticket. Of credentials only digests are kept.
"""

import hashlib
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.http import request_context
from services.gateway.http.reads import reads
from services.gateway.limits.rates import Rate
from services.gateway.limits.refusals import refuse
from shared.http.addresses import limited_part
from shared.identity.caller import CallerKind

UNLIMITED = frozenset({"/health", "/ready", "/metrics"})
_PROVEN = (CallerKind.PERSON, CallerKind.KEY)
_UNAUTHORIZED = (401, 4401)
_PROVEN_SECONDS = 600.0
_ENDED_SECONDS = 60.0
"""As long as the window of the rate."""
_ENDED = frozenset({"key-expired", "key-invalid", "token-expired"})
"""Refusals of what once was right. A repeated one costs little; that of a ticket writes to the database, that of an
unknown key waits for the provider, so each of those counts."""
_MOST_CREDENTIALS = 5000


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
        self._proven = RecentCredentials(_PROVEN_SECONDS)
        self._ended = RecentCredentials(_ENDED_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or reads(scope, UNLIMITED):
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
        request = request_context.current()
        is_proven = request.caller.kind in _PROVEN
        if is_refused:
            self._proven.forget(digest)
        elif is_proven:
            self._proven.add(digest)
        # A socket whose key was revoked while it was open is no guess.
        if not is_refused or is_proven or self._ended.has(digest):
            return
        await self._failures.hit(address)
        if request.refusal is not None and request.refusal.message_id in _ENDED:
            self._ended.add(digest)


class RecentCredentials:
    """Digests of credentials that had some outcome within the last seconds, a bounded number of them."""

    def __init__(
        self, seconds: float, clock: Callable[[], float] = time.monotonic, most: int = _MOST_CREDENTIALS
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._most = most
        self._until: dict[bytes, float] = {}

    def add(self, digest: bytes) -> None:
        """It has just had the outcome."""
        self._until.pop(digest, None)
        self._until[digest] = self._clock() + self._seconds
        if len(self._until) > self._most:
            del self._until[next(iter(self._until))]

    def forget(self, digest: bytes) -> None:
        """It has another outcome now."""
        self._until.pop(digest, None)

    def has(self, digest: bytes) -> bool:
        """Whether it had the outcome a short while ago. It is verified all the same."""
        return self._until.get(digest, 0.0) > self._clock()


def _digest(credential: str) -> bytes | None:
    return hashlib.sha256(credential.encode("utf-8", "surrogateescape")).digest() if credential else None
