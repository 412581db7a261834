"""Stores the records of tenants in two key-value buckets, by compare-and-set.

A writer names the revision that it read. Of two replicas that work on the same tenant only one succeeds; the other
gets a RevisionConflict, stops and reads again. Correctness rests on that, not on leases.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple, TypeVar

import nats.errors
import nats.js.errors
import structlog
from nats.js.kv import KeyValue
from pydantic import ValidationError

from services.deployer.state.errors import RevisionConflict
from services.deployer.state.generations import HigherGeneration, decide
from services.deployer.state.records import AppliedState, DesiredState
from shared.bus import ModeBuckets
from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable, PermanentError
from shared.subjects import Bucket
from shared.tenants import Model

R = TypeVar("R", bound=Model)
_log = structlog.get_logger(__name__)

_WRONG_LAST_SEQUENCE = (10071, 10164)
"""JetStream's error codes for a write against another revision than the last one."""
_RETRY_SECONDS = 0.05
"""Pause after a conflict: the replica that was read may lag behind."""


class TenantRecords(NamedTuple):
    """Both records of a tenant, and the revisions to write against (0: there is none)."""

    desired: DesiredState | None
    desired_revision: int
    applied: AppliedState | None
    applied_revision: int


class StateRepository:
    """The desired and applied states of one mode. All methods raise DependencyUnavailable."""

    def __init__(self, buckets: ModeBuckets) -> None:
        self._buckets = buckets

    async def read(self, key: str) -> TenantRecords:
        """Both records of a tenant. They are read concurrently, so either may be newer than the other."""
        (desired, desired_revision), (applied, applied_revision) = await asyncio.gather(
            self._get(Bucket.DESIRED, key, DesiredState), self._get(Bucket.APPLIED, key, AppliedState)
        )
        return TenantRecords(desired, desired_revision, applied, applied_revision)

    async def set_desired(self, wanted: DesiredState) -> HigherGeneration | TenantRecords:
        """Write `wanted` and return the records, or return the higher generation that is known. Idempotent."""
        while True:
            records = await self.read(wanted.key)
            decision = decide(wanted, records.desired, records.applied)
            if isinstance(decision, HigherGeneration):
                return decision
            if decision is None:
                return records
            with suppress(RevisionConflict):
                revision = await self._put(Bucket.DESIRED, wanted.key, decision, records.desired_revision)
                return records._replace(desired=decision, desired_revision=revision)
            await asyncio.sleep(_RETRY_SECONDS)

    async def has_records(self, key: str) -> bool:
        """Whether there is any record under `key`, which may be a damaged one."""
        records = await self.read(key)
        return bool(records.desired_revision or records.applied_revision)

    async def record(self, key: str, applied: AppliedState, revision: int) -> int:
        """Write the applied state; returns its new revision. Raises RevisionConflict."""
        return await self._put(Bucket.APPLIED, key, applied, revision)

    async def delete_desired(self, key: str, revision: int) -> None:
        """Remove the desired state of a deleted tenant, unless it changed. The applied state keeps its generation."""
        bucket = await self._buckets.key_value(Bucket.DESIRED)
        with _translated("delete"), suppress(RevisionConflict), _conflicts(key):
            await bucket.delete(key, last=revision)

    async def follow(self, seconds: float) -> AsyncIterator[DesiredState]:
        """Every desired state, then each change. Ends after `seconds`, since a watch can stop without an error."""
        async for entry in self._entries(Bucket.DESIRED, seconds):
            for desired in _readable(entry, DesiredState):
                yield desired

    async def follow_applied(self, target: str, seconds: float) -> AsyncIterator[tuple[str, AppliedState, int]]:
        """Key, applied state and revision of each tenant on a target, now and at each change, for `seconds`."""
        async for entry in self._entries(Bucket.APPLIED, seconds):
            if entry.key.startswith(f"{target}."):
                for applied in _readable(entry, AppliedState):
                    yield entry.key, applied, entry.revision or 0

    async def _entries(self, name: Bucket, seconds: float) -> AsyncIterator[KeyValue.Entry]:
        bucket = await self._buckets.key_value(name)
        end = asyncio.get_running_loop().time() + seconds
        with _translated(f"watch the bucket {name.value}"):
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
        """The record and its revision. A damaged record counts as lost, and can be replaced at its revision."""
        bucket = await self._buckets.key_value(name)
        with _translated(f"read {key}"):
            try:
                entry = await bucket.get(key)
            except (nats.js.errors.KeyNotFoundError, nats.js.errors.InvalidKeyError):
                return None, 0
        try:
            return model.model_validate_json(entry.value or b""), entry.revision or 0
        except ValidationError as error:
            if not _is_damaged(error):
                raise PermanentError(f"the record {key} in bucket {name} can't be read: {error}") from error
            _log.error(f"A record is damaged: {error}", action="record-damaged", bucket=name.value, key=key)
            return None, entry.revision or 0

    async def _put(self, name: Bucket, key: str, record: Model, revision: int) -> int:
        bucket = await self._buckets.key_value(name)
        body = record.model_dump_json(exclude_none=True).encode()
        with _translated(f"write {key}"), _conflicts(key):
            if revision:
                return await bucket.update(key, body, last=revision)
            return await bucket.create(key, body)


def _is_damaged(error: ValidationError) -> bool:
    """Whether the record is no JSON, which no version of the deployer writes.

    NATS detects most damage by a checksum, but not in the length of a message's headers: then the body loses its start.
    """
    return any(each["type"] == "json_invalid" for each in error.errors(include_url=False, include_context=False))


def _readable(entry: KeyValue.Entry, model: type[R]) -> list[R]:
    """The record, or nothing if it can't be read: it is damaged, or a newer version of the deployer wrote it."""
    try:
        return [model.model_validate_json(entry.value or b"")]
    except ValidationError as error:
        _log.error(f"A record can't be read: {error}", action="skip-record", key=entry.key)
        return []


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Raise DependencyUnavailable for the client's errors."""
    try:
        yield
    except NATS_ERRORS as error:
        raise DependencyUnavailable("NATS", f"{what}: {error or type(error).__name__}") from error


@contextmanager
def _conflicts(key: str) -> Iterator[None]:
    """Raise RevisionConflict where the revision is no longer the last one."""
    try:
        yield
    except nats.js.errors.KeyWrongLastSequenceError as error:
        raise RevisionConflict(f"another replica wrote {key}") from error
    except nats.js.errors.APIError as error:
        if error.err_code in _WRONG_LAST_SEQUENCE:
            raise RevisionConflict(f"another replica wrote {key}") from error
        raise
