"""Keeps the records of `desired` in two key-value buckets, by compare-and-set.

Whoever writes says which revision it has seen. Of two copies that work at the same tenant only one gets its next
record in; the other finds `Outrun`, stops and looks again. Correctness rests on that, not on the leases.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple, TypeVar

import nats.errors
import nats.js.errors
import structlog
from nats.js.kv import KeyValue
from pydantic import ValidationError

from services.deployer.state.records import AppliedState, DesiredState, HigherGeneration, decide
from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable, PermanentError, TemporaryError
from shared.subjects import Bucket
from shared.tenants import Model

R = TypeVar("R", bound=Model)
_log = structlog.get_logger(__name__)

_WRONG_LAST_SEQUENCE = (10071, 10164)
_PAUSE = 0.05
"""Seconds before another look: the replica that was read may be behind."""


class RevisionConflict(TemporaryError):
    """Another writer was faster; what was read before is no longer so."""

    code = "CONFLICT"


class TenantRecords(NamedTuple):
    """Both records of a tenant, and the revisions to write against (0: there is none)."""

    desired: DesiredState | None
    desired_revision: int
    applied: AppliedState | None
    applied_revision: int


class StateRepository:
    """The desired and applied states of one mode."""

    def __init__(self, bucket: Callable[[Bucket], Awaitable[KeyValue]]) -> None:
        self._bucket = bucket

    async def read(self, key: str) -> TenantRecords:
        """Both records. Either may be newer than the other: who writes against a revision finds out."""
        (desired, desired_revision), (applied, applied_revision) = await asyncio.gather(
            self._get(Bucket.DESIRED, key, DesiredState), self._get(Bucket.APPLIED, key, AppliedState)
        )
        return TenantRecords(desired, desired_revision, applied, applied_revision)

    async def want(self, wanted: DesiredState) -> HigherGeneration | TenantRecords:
        """Write `wanted`, unless a higher generation rules, which is then the answer; else the records as they are now.

        Repeating it changes nothing.
        """
        while True:
            state = await self.read(wanted.key)
            decision = decide(wanted, state.desired, state.applied)
            if isinstance(decision, HigherGeneration):
                return decision
            if decision is None:
                return state
            with suppress(RevisionConflict):
                revision = await self._put(Bucket.DESIRED, wanted.key, decision, state.desired_revision)
                return state._replace(desired=decision, desired_revision=revision)
            await asyncio.sleep(_PAUSE)

    async def has_records(self, key: str) -> bool:
        """Whether anything was ever wanted under `key`, which may be no valid one."""
        state = await self.read(key)
        return state.desired is not None or state.applied is not None

    async def record(self, key: str, applied: AppliedState, revision: int) -> int:
        """Write what has come of a generation; the new revision. Raises Outrun when another copy did."""
        return await self._put(Bucket.APPLIED, key, applied, revision)

    async def forget(self, key: str, revision: int) -> None:
        """Remove what is desired of a deleted tenant, unless something new is. `applied` stays, for the generation."""
        bucket = await self._bucket(Bucket.DESIRED)
        with _translated("forget"), suppress(RevisionConflict), _outrun(key):
            await bucket.delete(key, last=revision)

    async def follow(self, seconds: float) -> AsyncIterator[DesiredState]:
        """Everything that is desired now, and then each change; for so long, since a watch can go deaf unnoticed."""
        async for entry in self._entries(Bucket.DESIRED, seconds):
            for desired in _readable(entry, DesiredState):
                yield desired

    async def follow_applied(self, target: str, seconds: float) -> AsyncIterator[tuple[str, AppliedState, int]]:
        """Each tenant's key on a target, what has come of it and the revision, now and at each change; for so long."""
        async for entry in self._entries(Bucket.APPLIED, seconds):
            if entry.key.startswith(f"{target}."):
                for applied in _readable(entry, AppliedState):
                    yield entry.key, applied, entry.revision or 0

    async def _entries(self, name: Bucket, seconds: float) -> AsyncIterator[KeyValue.Entry]:
        bucket = await self._bucket(name)
        end = asyncio.get_running_loop().time() + seconds
        with _translated(f"follow what is {name.value}"):
            watcher = await bucket.watchall(ignore_deletes=True)
            try:
                while (left := end - asyncio.get_running_loop().time()) > 0:
                    with suppress(nats.errors.TimeoutError):
                        entry = await watcher.updates(timeout=left)  # type: ignore[no-untyped-call]
                        if entry is not None:
                            yield entry
            finally:
                await watcher.stop()  # type: ignore[no-untyped-call]

    async def _get(self, name: Bucket, key: str, model: type[R]) -> tuple[R | None, int]:
        bucket = await self._bucket(name)
        with _translated(f"read {key}"):
            try:
                entry = await bucket.get(key)
            except (nats.js.errors.KeyNotFoundError, nats.js.errors.InvalidKeyError):
                return None, 0
        try:
            return model.model_validate_json(entry.value or b""), entry.revision or 0
        except ValidationError as error:
            raise PermanentError(f"the record {key} in bucket {name} can't be read: {error}") from error

    async def _put(self, name: Bucket, key: str, record: Model, revision: int) -> int:
        bucket = await self._bucket(name)
        body = record.model_dump_json(exclude_none=True).encode()
        with _translated(f"write {key}"), _outrun(key):
            if revision:
                return await bucket.update(key, body, last=revision)
            return await bucket.create(key, body)


def _readable(entry: KeyValue.Entry, model: type[R]) -> list[R]:
    """The record, or nothing if a newer version of us wrote what we can't read."""
    try:
        return [model.model_validate_json(entry.value or b"")]
    except ValidationError as error:
        _log.error(f"A record can't be read: {error}", action="skip-record", key=entry.key)
        return []


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except NATS_ERRORS as error:
        raise DependencyUnavailable("NATS", f"{what}: {error or type(error).__name__}") from error


@contextmanager
def _outrun(key: str) -> Iterator[None]:
    try:
        yield
    except nats.js.errors.KeyWrongLastSequenceError as error:
        raise RevisionConflict(f"another copy wrote {key}") from error
    except nats.js.errors.APIError as error:
        if error.err_code in _WRONG_LAST_SEQUENCE:
            raise RevisionConflict(f"another copy wrote {key}") from error
        raise
