"""Leases: keys with a time to live in a key-value bucket, each held by at most one process at a time.

A lease only saves work; correctness never depends on it. Two processes that work on the same thing write by
compare-and-set or with equal ids, so that the second has no effect of its own.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import structlog
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable
from shared.process.tasks import cancel_until_ended

_log = structlog.get_logger(__name__)
_RENEWALS_IN_A_LIFETIME = 3
_RENEWAL_WITHOUT_TTL = 4.0
"""Seconds between renewals in a bucket without a time to live: there a lease ends only when it is released."""
OpenBucket = Callable[[], Awaitable[KeyValue]]


class Leases:
    """The leases in one bucket. `holder` is unique to this process, and shows operators which one it is."""

    def __init__(self, bucket: OpenBucket, holder: str) -> None:
        self._bucket = bucket
        self.holder = holder
        self._lifetime: float | None = None

    def lease(self, key: str) -> "Lease":
        """The lease of `key`, not taken yet."""
        return Lease(self, key)

    async def while_held(self, key: str, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Do `work` while holding the lease of `key`; False without doing it if another process holds the lease.

        `work` is cancelled if the lease is lost, and its exceptions come through. Raises DependencyUnavailable.
        """
        lease = self.lease(key)
        if not await lease.hold():
            return False
        tasks = (asyncio.create_task(work()), asyncio.create_task(lease.keep()))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if tasks[0].done():
                await tasks[0]
        finally:
            await cancel_until_ended(tasks)
            await lease.release()
        return True

    async def opened(self) -> tuple[KeyValue, bytes, float]:
        """The bucket, the holder's name in it, and the lifetime of a lease in seconds."""
        bucket = await self._bucket()
        if self._lifetime is None:
            self._lifetime = (await bucket.status()).ttl or float("inf")
        return bucket, self.holder.encode(), self._lifetime


class Lease:
    """One lease: taken and renewed by `hold`, given up by `release`."""

    def __init__(self, leases: Leases, key: str) -> None:
        self._leases = leases
        self._key = key
        self._revision: int | None = None
        self._lifetime = float("inf")
        self._held_until = 0.0

    @property
    def is_held(self) -> bool:
        """Whether no other process can hold it now: the last renewal is younger than the lifetime."""
        return self._revision is not None and time.monotonic() < self._held_until

    async def hold(self) -> bool:
        """Take the lease or renew it; False if another process holds it. Raises DependencyUnavailable."""
        started = time.monotonic()
        try:
            bucket, holder, self._lifetime = await self._leases.opened()
            self._revision = await self._write_or_recover(bucket, holder)
        except KeyNotFoundError:
            # nats-py's `create` reads the key that is in its way, which has just expired: the next attempt gets it.
            return self.is_held
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"lease {self._key}: {error or type(error).__name__}") from error
        if self._revision is None:
            return False
        self._held_until = started + self._lifetime
        return True

    async def keep(self) -> None:
        """Renew until the lease is lost. An outage of NATS is waited out: no other process can take the lease in it."""
        while True:
            await asyncio.sleep(self._renewal_interval)
            try:
                if not await self.hold() and not await self.hold():
                    _log.warning(f"Another process took the lease {self._key}.", action="lease-lost")
                    return
            except DependencyUnavailable as error:
                _log.warning(f"Lease not renewed, retrying: {error.message}", action="wait-for-dependency")

    async def release(self) -> None:
        """Give the lease up, so that another process needn't wait for its end. A failure only leaves it to expire."""
        revision, self._revision = self._revision, None
        if revision is not None:
            with suppress(DependencyUnavailable, *NATS_ERRORS):
                bucket, _, _ = await self._leases.opened()
                await bucket.delete(self._key, last=revision)

    @property
    def _renewal_interval(self) -> float:
        if self._lifetime == float("inf"):
            return _RENEWAL_WITHOUT_TTL
        return self._lifetime / _RENEWALS_IN_A_LIFETIME

    async def _write_or_recover(self, bucket: KeyValue, holder: bytes) -> int | None:
        """The key's revision after our write; None if another process holds it.

        A write that timed out may have been stored: then the key has our name and a revision that we don't know yet.
        """
        with suppress(KeyWrongLastSequenceError):
            return await self._write(bucket, holder, self._revision)
        with suppress(KeyNotFoundError, KeyWrongLastSequenceError):
            entry = await bucket.get(self._key)
            if entry.value == holder:
                return await self._write(bucket, holder, entry.revision)
        return None

    async def _write(self, bucket: KeyValue, holder: bytes, revision: int | None) -> int:
        if revision is None:
            return await bucket.create(self._key, holder)
        return await bucket.update(self._key, holder, last=revision)
