"""A rate of calls a minute, counted by identities, and the headers that tell a client about it.

The window slides: the last minute's count is weighted by what of it is still within the window, so that a client can't
send twice the rate around the turn of a minute.

The headers are `RateLimit-Policy` and `RateLimit` of the IETF's draft (draft-ietf-httpapi-ratelimit-headers, since its
version 07). The older `RateLimit-Limit`, `-Remaining` and `-Reset` have no name for the policy, and the draft has
replaced them; they can't tell the limit of an identity from that of an address.
"""

import math
import time
from typing import NamedTuple

from limits import RateLimitItemPerMinute
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from services.gateway.limits.bounded_storage import BoundedStorage

_WINDOW = 60
"""Seconds."""


class Count(NamedTuple):
    """How an identity stands."""

    left: int
    """Calls that are left now."""
    seconds: int
    """Until more are."""


class Rate:
    """At most `amount` a minute for each identity. `name` is the policy's in the headers."""

    def __init__(self, name: str, amount: int, storage: BoundedStorage) -> None:
        self.name = name
        self.amount = amount
        self._item = RateLimitItemPerMinute(amount, namespace=name)
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    async def hit(self, identity: str) -> bool:
        """Count a call; whether it is allowed."""
        return await self._limiter.hit(self._item, identity)

    async def has_left(self, identity: str) -> bool:
        """Whether a call would be allowed, without counting one."""
        return await self._limiter.test(self._item, identity)

    async def count(self, identity: str) -> Count:
        """How the identity stands now."""
        stats = await self._limiter.get_window_stats(self._item, identity)
        return Count(stats.remaining, max(1, math.ceil(stats.reset_time - time.time())))

    def headers(self, count: Count) -> dict[str, str]:
        """The two fields; strings of structured fields are in quotation marks."""
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.amount};w={_WINDOW}',
            "RateLimit": f'"{self.name}";r={count.left};t={count.seconds}',
        }
