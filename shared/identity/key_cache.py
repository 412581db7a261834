"""The provider's keys, kept in memory, for as many calls at once as there are.

    age        keys are fetched again after 30 s beside the calls, and a call waits for it after 40 s: a key that the
               provider has removed is refused within 60 s
    new keys   a token with an unknown key causes one fetch, at most one in 10 s for all calls; it waits for the next
               one, so that a key that is used as soon as it exists fails no call
    outage     known keys are used on for `outage_seconds`; an unknown one is answered 503 with Retry-After. The
               provider is asked every 10 s until it answers

One fetch is in flight at any time, and a caller that gives up doesn't end it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from shared.errors import DependencyUnavailable
from shared.identity.key_set import KeySet, SigningKey
from shared.identity.token_rules import TokenHeader
from shared.identity.verifiers import PROVIDER, unauthorized, unavailable

_log = structlog.get_logger(__name__)
REFRESH_AFTER: Final = 30.0
WAIT_AFTER: Final = 40.0
PAUSE: Final = 10.0
"""Seconds between the beginnings of two fetches."""
MOST_WAITING: Final = 100
"""Calls that wait for an unknown key. More are answered 503: most of a flood isn't worth a place."""


class KeyCache:
    """The keys that `fetch` returns, which raises DependencyUnavailable during an outage."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[KeySet]],
        *,
        outage_seconds: float,
        skew: float,
        now: Callable[[], float] = time.monotonic,
        wall_time: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`skew`: seconds that the provider's clock and ours may differ; `now` is a monotonic clock."""
        self._fetch = fetch
        self._outage_seconds = outage_seconds
        self._skew = skew
        self._now = now
        self._wall_time = wall_time
        self._sleep = sleep
        self._keys = KeySet()
        self._began: float | None = None
        """When the fetch of `_keys` began, by `now` and by `wall_time`."""
        self._began_at = 0.0
        self._attempted: float | None = None
        self._failure: DependencyUnavailable | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._waiting = 0

    async def current(self) -> KeySet:
        """The keys, at most 60 s old unless the provider is away. Raises DependencyUnavailable without usable keys."""
        age = self._age()
        if age >= REFRESH_AFTER:
            fetching = self._fetch_soon()
            if age >= WAIT_AFTER and self._failure is None:
                await asyncio.shield(fetching)
            if self._age() > self._outage_seconds:
                raise self._unavailable()
        return self._keys

    async def find(self, header: TokenHeader, issued_at: float | None) -> SigningKey:
        """The key of a token that claims to be issued at `issued_at` (Unix seconds).

        Raises Refused (UNAUTHORIZED) if the provider doesn't have it, DependencyUnavailable if that can't be known now.
        """
        keys = await self.current()
        found = keys.find(header.key_id, header.algorithm)
        # Without an id nothing tells that a key is new.
        if found is None and header.key_id is not None and not keys.knows(header.key_id):
            found = await self._find_new(header, issued_at)
        if found is None:
            raise unauthorized("token-key", "the provider has no key with the id and the algorithm of the token")
        return found

    def state(self) -> str | None:
        """Why there are no new keys; None if the last fetch succeeded. Old keys are fetched for it."""
        if self._age() >= REFRESH_AFTER:
            self._fetch_soon()
        if self._failure is not None:
            return self._failure.message
        return "its keys are being fetched" if self._began is None else None

    async def close(self) -> None:
        """End the fetch in flight."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _age(self) -> float:
        return float("inf") if self._began is None else self._now() - self._began

    async def _find_new(self, header: TokenHeader, issued_at: float | None) -> SigningKey | None:
        """The key; None if a fetch that began after the token was issued, or after it arrived, hasn't found it."""
        arrived = self._now()
        while (found := self._keys.find(header.key_id, header.algorithm)) is None:
            if self._is_settled(arrived, issued_at):
                return None
            if self._failure is not None and self._seconds_to_next() > 0:
                raise self._unavailable()
            if self._waiting >= MOST_WAITING:
                raise unavailable("too many calls wait for new keys", self._seconds_to_next())
            self._waiting += 1
            try:
                await asyncio.shield(self._fetch_soon())
            finally:
                self._waiting -= 1
        return found

    def _is_settled(self, arrived: float, issued_at: float | None) -> bool:
        if self._began is None:
            return False
        return self._began > arrived or (issued_at is not None and issued_at + self._skew < self._began_at)

    def _fetch_soon(self) -> asyncio.Task[None]:
        """The fetch in flight, or a new one that begins as soon as the pause is over."""
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetch_when_due(), name="fetch the provider's keys")
            self._fetching.add_done_callback(self._fetched)
        return self._fetching

    async def _fetch_when_due(self) -> None:
        if (seconds := self._seconds_to_next()) > 0:
            await self._sleep(seconds)
        self._attempted = began = self._now()
        began_at = self._wall_time()
        try:
            keys = await self._fetch()
        except DependencyUnavailable as error:
            self._note(error)
        else:
            self._keys, self._began, self._began_at = keys, began, began_at
            self._note(None)

    def _fetched(self, task: "asyncio.Task[None]") -> None:
        """Go on until the provider answers, also without calls. A fault of ours is logged, too."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("The fetch of keys failed", action="keys-not-fetched", exc_info=error)
        elif self._failure is not None and not task.cancelled():
            self._fetch_soon()

    def _note(self, failure: DependencyUnavailable | None) -> None:
        """Log an outage when it begins and when it ends."""
        if failure is not None and self._failure is None:
            _log.warning(f"{failure.message}; known keys are used on.", action="keys-not-fetched", dependency=PROVIDER)
        elif failure is None and self._failure is not None:
            _log.info("The identity provider answers again.", action="keys-fetched", dependency=PROVIDER)
        self._failure = failure

    def _seconds_to_next(self) -> float:
        return 0.0 if self._attempted is None else max(0.0, self._attempted + PAUSE - self._now())

    def _unavailable(self) -> DependencyUnavailable:
        """For callers: the log and `/ready` have the reason, which names addresses."""
        return unavailable("its keys can't be fetched; the call is worth a retry", max(1.0, self._seconds_to_next()))
