"""Removes manifests that nothing needs any more.

A manifest is needed by a tenant's deployments (each row names one, and a rollback is to one of them), by what the
deployer has recorded, and by an event that is on its way. Of the last nobody has a list, so what was rendered lately
stays, whoever needs it: an event lives for 7 days, as a dead letter for 30 more, and 7 once it is replayed.

Whoever renders the same text puts it anew (`services.manifest.store`), so that it is as new as the event that names
it; and what is put anew meanwhile is not removed, since the server removes nothing after what was read.

What nobody renders and the database doesn't name is unneeded for good: a rollback needs a row that has the digest.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog
from nats.js import JetStreamContext

from shared.access import stream_behind
from shared.bus.publishing import NATS_ERRORS
from shared.bus.stream_scan import scan_stream
from shared.errors import DependencyUnavailable
from shared.subjects import Bucket, Mode, manifest_key

_log = structlog.get_logger(__name__)
_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")

Named = Callable[[], Awaitable[set[str]]]
"""Gives the digests that the database names."""


class Kept(NamedTuple):
    """A manifest as it was read: the key and its message."""

    key: str
    subject: str
    sequence: int


async def collect(jetstream: JetStreamContext, mode: Mode, named: Named, *, older_than: timedelta) -> int:
    """Remove what is unneeded and older; how many. Raises DependencyUnavailable.

    The old ones are listed first and who needs them after that: what comes to be needed later is new, or was needed.
    """
    try:
        old = await _older(jetstream, mode, datetime.now(UTC) - older_than)
        if not old:
            return 0
        in_rows = await named()
        if not in_rows:
            # A database without one deployment is new, or not the one that belongs to these manifests.
            return 0
        needed = {manifest_key(digest) for digest in in_rows | await _recorded(jetstream, mode)}
        unneeded = [each for each in old if each.key not in needed]
        for each in unneeded:
            await remove(jetstream, mode, each)
    except NATS_ERRORS as error:
        raise DependencyUnavailable("NATS", f"manifests can't be removed: {error!r}") from error
    if unneeded:
        _log.info(f"{len(unneeded)} manifests that nothing needs are removed.", action="remove-manifests", mode=mode)
    return len(unneeded)


async def remove(jetstream: JetStreamContext, mode: Mode, kept: Kept) -> None:
    """Remove a manifest, unless it was put anew since it was read: that has a higher number."""
    await jetstream.purge_stream(stream_behind(mode, Bucket.MANIFESTS), seq=kept.sequence + 1, subject=kept.subject)


async def _older(jetstream: JetStreamContext, mode: Mode, than: datetime) -> list[Kept]:
    """Manifests that were put before, by the server's clock; they lie in this order."""
    found: list[Kept] = []
    prefix = f"$KV.{mode.bucket(Bucket.MANIFESTS)}."
    async for message in scan_stream(jetstream, stream_behind(mode, Bucket.MANIFESTS), f"{prefix}>"):
        if message.time is None or message.time >= than:
            break
        subject = message.subject or ""
        found.append(Kept(subject.removeprefix(prefix), subject, message.seq or 0))
    return found


async def _recorded(jetstream: JetStreamContext, mode: Mode) -> set[str]:
    """Digests that the deployer's records have, wherever they have them."""
    found: set[str] = set()
    for bucket in (Bucket.DESIRED, Bucket.APPLIED):
        async for message in scan_stream(jetstream, stream_behind(mode, bucket), f"$KV.{mode.bucket(bucket)}.>"):
            found.update(each.decode() for each in _DIGEST.findall(message.data or b""))
    return found
