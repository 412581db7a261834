"""Garbage collection of manifests that nothing refers to.

A manifest is referenced by deployments in the database (a rollback runs the manifest of one of them), by records of the
deployer, and by events in transit. The last can't be listed, so recently rendered manifests always stay: an event lives
for 7 days, as a dead letter for 30 more, and for 7 after a replay.

Rendering the same text again (`services.manifest.store`) refreshes the key's revision. The purge stops at the revision
that was read, so it can't delete a refreshed key.

An old manifest that isn't referenced can't become referenced again: a rollback needs a row with its digest.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog
from nats.js import JetStreamContext

from services.gateway.deployments.repository import digests
from services.gateway.mode_context import ModeContext
from shared.bus.publishing import NATS_ERRORS
from shared.bus.stream_scan import scan_stream
from shared.errors import DependencyUnavailable
from shared.subjects import Bucket, Mode, manifest_key, stream_behind

_log = structlog.get_logger(__name__)
_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")

DigestsInUse = Callable[[], Awaitable[set[str]]]
"""Reads the digests that rows of the database refer to."""


class StoredManifest(NamedTuple):
    """A manifest as it was read: its key, and the subject and sequence of its message."""

    key: str
    subject: str
    sequence: int


async def collect_garbage(context: ModeContext) -> int:
    """Delete unreferenced manifests of one mode; returns how many. Raises DependencyUnavailable."""

    async def digests_in_use() -> set[str]:
        async with context.database.begin() as connection:
            return await digests(connection)

    older_than = timedelta(days=context.settings.manifest_days)
    return await ManifestGc(context.mode, context.jetstream).collect(digests_in_use, older_than=older_than)


class ManifestGc:
    """The bucket of manifests of one mode."""

    def __init__(self, mode: Mode, jetstream: JetStreamContext) -> None:
        self._mode = mode
        self._jetstream = jetstream

    async def collect(self, digests_in_use: DigestsInUse, *, older_than: timedelta) -> int:
        """Delete unreferenced manifests that are older; returns how many. Raises DependencyUnavailable.

        Candidates first, references second: what becomes referenced in between is recent or was already referenced.
        """
        try:
            candidates = await self.older(datetime.now(UTC) - older_than)
            if not candidates:
                return 0
            in_rows = await digests_in_use()
            if not in_rows:
                # A database without any deployment is new, or doesn't belong to these manifests.
                return 0
            referenced = {manifest_key(digest) for digest in in_rows | await self._recorded()}
            garbage = [each for each in candidates if each.key not in referenced]
            for each in garbage:
                await self.delete(each)
        except NATS_ERRORS as error:
            raise DependencyUnavailable("NATS", f"manifests can't be deleted: {error!r}") from error
        if garbage:
            _log.info(f"Deleted {len(garbage)} unreferenced manifests", action="remove-manifests", mode=self._mode)
        return len(garbage)

    async def delete(self, manifest: StoredManifest) -> None:
        """Delete a manifest, unless it was refreshed since it was read."""
        bucket = stream_behind(self._mode, Bucket.MANIFESTS)
        await self._jetstream.purge_stream(bucket, seq=manifest.sequence + 1, subject=manifest.subject)

    async def older(self, than: datetime) -> list[StoredManifest]:
        """Manifests from before `than` by the server's clock, in the order of their age."""
        found: list[StoredManifest] = []
        prefix = f"$KV.{self._mode.bucket(Bucket.MANIFESTS)}."
        async for message in scan_stream(self._jetstream, stream_behind(self._mode, Bucket.MANIFESTS), f"{prefix}>"):
            if message.time is None or message.time >= than:
                break
            subject = message.subject or ""
            found.append(StoredManifest(subject.removeprefix(prefix), subject, message.seq or 0))
        return found

    async def _recorded(self) -> set[str]:
        """Digests anywhere in the deployer's records."""
        found: set[str] = set()
        for bucket in (Bucket.DESIRED, Bucket.APPLIED):
            pattern = f"$KV.{self._mode.bucket(bucket)}.>"
            async for message in scan_stream(self._jetstream, stream_behind(self._mode, bucket), pattern):
                found.update(each.decode() for each in _DIGEST.findall(message.data or b""))
        return found
