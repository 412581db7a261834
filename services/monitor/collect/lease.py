"""Who of several monitors samples a cluster: a key with a time to live in the bucket `leases`.

The holder writes the key anew before it expires; whoever finds it gone takes it. It saves work and nothing rests on it:
two that sample at once give their samples the same ids, so that each is kept once.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable


class Lease:
    """One key that at most one owner holds at a time. The bucket's time to live is that of the lease."""

    def __init__(self, open_bucket: Callable[[], Awaitable[KeyValue]], key: str, owner: str) -> None:
        self._open_bucket = open_bucket
        self._bucket: KeyValue | None = None
        self._key = key
        self._owner = owner.encode()
        self._lifetime = 0.0
        self._revision: int | None = None
        self._held_until = 0.0

    @property
    def is_held(self) -> bool:
        """Whether nobody else can hold it at this moment."""
        return self._revision is not None and time.monotonic() < self._held_until

    async def hold(self) -> bool:
        """Take the lease, or keep it for another lifetime. False while another has it. Raises DependencyUnavailable."""
        asked = time.monotonic()
        try:
            bucket = await self._opened()
            if self._revision is None:
                self._revision = await bucket.create(self._key, self._owner)
            else:
                self._revision = await bucket.update(self._key, self._owner, last=self._revision)
        except KeyWrongLastSequenceError:
            return await self._was_ours()
        except KeyNotFoundError:
            # nats-py's `create` looks up what is in its way, and that has just expired: the next try gets it.
            return self.is_held
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"lease {self._key}: {error or type(error).__name__}") from error
        self._held_until = asked + self._lifetime
        return True

    async def release(self) -> None:
        """Give it up, so that another one need not wait. If that can't be said, the lease ends by itself."""
        revision, self._revision = self._revision, None
        if revision is not None and self._bucket is not None:
            with suppress(*NATS_ERRORS):
                await self._bucket.delete(self._key, last=revision)

    async def _was_ours(self) -> bool:
        """The key isn't as we left it: another one has it, unless a write of ours wasn't acknowledged in time."""
        self._revision = None
        with suppress(*NATS_ERRORS):
            entry = await (await self._opened()).get(self._key)
            if entry.value == self._owner:
                self._revision = entry.revision
        return self.is_held

    async def _opened(self) -> KeyValue:
        if self._bucket is None:
            bucket = await self._open_bucket()
            self._lifetime = (await bucket.status()).ttl or float("inf")
            self._bucket = bucket
        return self._bucket
