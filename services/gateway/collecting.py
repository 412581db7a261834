"""Removes manifests that nothing needs any more from the object store.

A manifest is needed by a tenant's deployments (each row names one, and a rollback is to one of them), by what the
deployer has recorded, and by an event that is on its way. Of the last nobody has a list, so what was rendered lately
stays, whoever needs it: an event lives for 7 days, as a dead letter for 30 more, and 7 once it is replayed.

A render that finds the same text there puts it anew if it is older than 30 days (`services.manifest.store`), so that
nothing becomes too old between its finding it and its saying so. And what is put anew meanwhile is not removed: the
server takes the first step only if the object is as it was read.

What nobody renders and the database doesn't name is unneeded for good: a rollback needs a row that has the digest.
"""

import json
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import structlog
from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import APIError
from nats.js.kv import MSG_ROLLUP_SUBJECT

from shared.access import stream_behind
from shared.bus.publishing import NATS_ERRORS
from shared.bus.reading import read_all
from shared.errors import DependencyUnavailable
from shared.subjects import Bucket, Mode

_log = structlog.get_logger(__name__)
_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}")
_WRONG_LAST_SEQUENCE = (10071, 10164)

Named = Callable[[], Awaitable[set[str]]]
"""Gives the digests that the database names."""


class Kept(NamedTuple):
    """An object as it was read: the message that describes it, and where its chunks are."""

    subject: str
    sequence: int
    name: str
    nuid: str
    about: dict[str, Any]


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
        needed = in_rows | await _recorded(jetstream, mode)
        removed = [await remove(jetstream, mode, each) for each in old if each.name not in needed].count(True)
    except NATS_ERRORS as error:
        raise DependencyUnavailable("NATS", f"manifests can't be removed: {error!r}") from error
    if removed:
        _log.info(f"{removed} manifests that nothing needs are removed.", action="remove-manifests", mode=mode.value)
    return removed


async def remove(jetstream: JetStreamContext, mode: Mode, kept: Kept) -> bool:
    """Remove an object, unless it was put anew since it was read. Begun and not ended, it is done again later."""
    stream, name = stream_behind(mode, Bucket.MANIFESTS), mode.bucket(Bucket.MANIFESTS)
    sequence = kept.sequence
    if not kept.about.get("deleted"):
        gone = {**kept.about, "deleted": True, "size": 0, "chunks": 0, "digest": ""}
        headers = {
            Header.ROLLUP: MSG_ROLLUP_SUBJECT,
            Header.EXPECTED_LAST_SUBJECT_SEQUENCE: str(sequence),
        }
        try:
            sequence = (await jetstream.publish(kept.subject, json.dumps(gone).encode(), headers=headers)).seq
        except APIError as error:
            if error.err_code in _WRONG_LAST_SEQUENCE:
                return False
            raise
    await jetstream.purge_stream(stream, subject=f"$O.{name}.C.{kept.nuid}")
    # The mark as well, and nothing that came after it.
    await jetstream.purge_stream(stream, seq=sequence + 1, subject=kept.subject)
    return True


async def _older(jetstream: JetStreamContext, mode: Mode, than: datetime) -> list[Kept]:
    """Objects that were put before, by the server's clock; they lie in this order."""
    found: list[Kept] = []
    subject = f"$O.{mode.bucket(Bucket.MANIFESTS)}.M.*"
    async for message in read_all(jetstream, stream_behind(mode, Bucket.MANIFESTS), subject):
        if message.time is None or message.time >= than:
            break
        with suppress(ValueError, KeyError, TypeError):
            # What isn't as an object store writes it stays.
            about = json.loads(message.data or b"")
            found.append(Kept(message.subject or "", message.seq or 0, about["name"], about["nuid"], about))
    return found


async def _recorded(jetstream: JetStreamContext, mode: Mode) -> set[str]:
    """Digests that the deployer's records have, wherever they have them."""
    found: set[str] = set()
    for bucket in (Bucket.DESIRED, Bucket.APPLIED):
        async for message in read_all(jetstream, stream_behind(mode, bucket), f"$KV.{mode.bucket(bucket)}.>"):
            found.update(each.decode() for each in _DIGEST.findall(message.data or b""))
    return found
