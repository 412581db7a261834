"""Who works at what: a key with a time to live for each tenant.

A lease only saves work. Two copies at one tenant would do no harm, since server-side apply repeats and records are
written by compare-and-set; they would just do everything twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import nats.errors
import nats.js.errors
import structlog
from nats.js.kv import KeyValue

from services.deployer.tasks import end
from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable

_log = structlog.get_logger(__name__)

_REFRESHES_IN_A_LEASE = 3
_WITHOUT_TTL = 12.0
"""Seconds to reckon with where the bucket has no time to live: then a lease ends by being given back."""


class Leases:
    """The leases of one mode. `holder` is unique to this process, and names it to people who look into the bucket."""

    def __init__(self, bucket: Callable[[], Awaitable[KeyValue]], holder: str) -> None:
        self._bucket = bucket
        self._holder = holder.encode()
        self._pause: float | None = None

    async def while_held(self, key: str, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Do `work` under the lease of `key`; False, and nothing is done, if somebody else has it.

        `work` is cancelled when the lease gets lost; what it raises comes through. Raises DependencyUnavailable.
        """
        bucket = await self._bucket()
        lease = _Lease(bucket, key, self._holder, await self._refresh_interval(bucket))
        if not await lease.take():
            return False
        tasks = (asyncio.create_task(work()), asyncio.create_task(lease.keep()))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if tasks[0].done():
                await tasks[0]
        finally:
            await end(tasks)
            await lease.release()
        return True

    async def _refresh_interval(self, bucket: KeyValue) -> float:
        """Seconds between two refreshes: a part of the bucket's own time to live."""
        if self._pause is None:
            try:
                self._pause = ((await bucket.status()).ttl or _WITHOUT_TTL) / _REFRESHES_IN_A_LEASE
            except NATS_ERRORS as error:
                raise DependencyUnavailable("NATS", f"bucket of leases: {error or type(error).__name__}") from error
        return self._pause


class _Lease:
    def __init__(self, bucket: KeyValue, key: str, holder: bytes, pause: float) -> None:
        self._bucket = bucket
        self._key = key
        self._holder = holder
        self._pause = pause
        self._revision = 0

    async def take(self) -> bool:
        try:
            self._revision = await self._bucket.create(self._key, self._holder)
        except nats.js.errors.KeyWrongLastSequenceError:
            return await self._is_ours_all_the_same()
        except nats.js.errors.KeyNotFoundError:
            # It ended between two looks of the client at it; the next attempt finds it free.
            return False
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"lease {self._key}: {error or type(error).__name__}") from error
        return True

    async def keep(self) -> None:
        """Refresh, and return when it is lost. An outage of NATS is sat out: nobody else can take it meanwhile."""
        while True:
            await asyncio.sleep(self._pause)
            try:
                self._revision = await self._bucket.update(self._key, self._holder, last=self._revision)
            except nats.js.errors.KeyWrongLastSequenceError:
                if not await self.take():
                    _log.warning(f"The lease {self._key} is lost to another copy.", action="lease-lost")
                    return
            except NATS_ERRORS as error:
                _log.warning(f"Waiting for NATS to refresh a lease: {error!r}", action="wait-for-dependency")
            except DependencyUnavailable as error:
                _log.warning(f"Waiting: {error.message}", action="wait-for-dependency")

    async def release(self) -> None:
        """Let the next one take it at once. Without it the time to live does, hence nothing is made of a failure."""
        with suppress(*NATS_ERRORS):
            await self._bucket.delete(self._key, last=self._revision)

    async def _is_ours_all_the_same(self) -> bool:
        """A write that timed out may have been done; then the key is there with our name on it."""
        with suppress(nats.js.errors.KeyNotFoundError):
            entry = await self._bucket.get(self._key)
            if entry.value == self._holder and entry.revision is not None:
                self._revision = entry.revision
                return True
        return False
