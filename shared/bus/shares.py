"""Divides work among the live copies of a service: each has a share of a fixed number of shards.

Each copy keeps a key of its own with a time to live, so the keys in the bucket are the live copies. From them every
copy computes the same division (`divide`); no copy decides for others. A killed copy's key expires `LEASE_SECONDS`
after its last renewal, and the others have its shards at their next renewal after that; a copy that stops gives its
key up.

As with leases, a division only saves work. Copies notice a change at different moments, so a copy keeps for one more
renewal what has just moved to another one: for that time two may work on a shard, and none is left out. So what a copy
does for a shard must have the same effect when it is done twice, such as events with equal ids.
"""

import hashlib
import time
from collections.abc import Callable, Iterable
from functools import lru_cache

import structlog
from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from shared.bus.leases import Leases
from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable

SHARDS = 6
"""Divides evenly among one, two, three and six copies; more than six copies leave some without a shard."""
_log = structlog.get_logger(__name__)


@lru_cache(maxsize=20_000)
def shard_of(name: str) -> int:
    """The shard to which `name`, such as a tenant's id, belongs in every process and version."""
    return _hash(name) % SHARDS


def divide(copies: Iterable[str]) -> dict[str, frozenset[int]]:
    """The shards of each copy. Their numbers differ by at most one; which they are follows from the names alone."""
    shares: dict[str, set[int]] = {copy: set() for copy in sorted(copies)}
    for shard in range(SHARDS) if shares else ():
        copy = min(shares, key=lambda each: (len(shares[each]), _hash(f"{each}/{shard}")))
        shares[copy].add(shard)
    return {copy: frozenset(shards) for copy, shards in shares.items()}


class Shares:
    """This copy's share of `work`. It has none before the first renewal and after `release`."""

    def __init__(self, leases: Leases, work: str, bucket: str, jetstream: Callable[[], JetStreamContext]) -> None:
        """`leases` has the name of this copy; `bucket` is the name of their bucket on the server."""
        self._leases = leases
        self._bucket = bucket
        self._jetstream = jetstream
        self._prefix = f"{work}."
        self._copy = f"{_hash(leases.holder):016x}"
        self._presence = leases.lease(self._prefix + self._copy)
        self._now: frozenset[int] = frozenset()
        self._before: frozenset[int] = frozenset()
        self._valid_until = 0.0

    @property
    def shards(self) -> frozenset[int]:
        """The shards to work on: those of the last division, and of the one before. None if NATS was away for long."""
        return self._now | self._before if time.monotonic() < self._valid_until else frozenset()

    def includes(self, name: str) -> bool:
        """Whether `name` is in this share."""
        return shard_of(name) in self.shards

    async def renew(self) -> bool:
        """Renew this copy's key and divide again; False without a share. Raises DependencyUnavailable.

        To be called every few seconds, and more than once in `LEASE_SECONDS`.
        """
        began = time.monotonic()
        await self._presence.hold()
        bucket, _, lifetime = await self._leases.opened()
        try:
            live = await self._live(bucket)
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"copies of {self._prefix}: {error or type(error).__name__}") from error
        share = divide(live)[self._copy]
        if share != self._now:
            _log.info(f"Has {sorted(share)} of {SHARDS} shards, {len(live)} copies.", action="share", work=self._prefix)
        self._before = self._now if began < self._valid_until else frozenset()
        self._now, self._valid_until = share, began + lifetime
        return bool(self.shards)

    async def release(self) -> None:
        """Give the share up, so that the others have it at their next renewal."""
        self._now = self._before = frozenset()
        await self._presence.release()

    async def _live(self, bucket: KeyValue) -> set[str]:
        """The copies whose key is there, this one included. The server lists removed keys too, so each is read."""
        subjects = f"$KV.{self._bucket}.{self._prefix}*"
        info = await self._jetstream().stream_info(f"KV_{self._bucket}", subjects_filter=subjects)
        named = {subject.rpartition(".")[2] for subject in info.state.subjects or ()} - {self._copy}
        return {self._copy, *[each for each in named if await self._is_live(bucket, each)]}

    async def _is_live(self, bucket: KeyValue, copy: str) -> bool:
        try:
            await bucket.get(self._prefix + copy)
        except KeyNotFoundError:
            return False
        return True


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
