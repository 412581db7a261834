"""Notices a stream, or a key-value bucket, that lost its end or was made again, also while the gateway was down.

The database keeps where each was last seen. A last sequence only rises and a stream is made once, so that anything else
means that acknowledged messages are gone. What to do about it is `republish`'s.
"""

import structlog
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from services.gateway.outbox import request_repository as store
from services.gateway.outbox.request_repository import Position
from shared.access import stream_behind
from shared.bus.publishing import NATS_ERRORS
from shared.database import Database
from shared.errors import DependencyUnavailable
from shared.subjects import Bucket, Mode, Stream

_log = structlog.get_logger(__name__)
_RECORDS = (Bucket.DESIRED, Bucket.APPLIED, Bucket.MANIFESTS)
"""What finished deployments rest on: with these gone, what each tenant is to be is asked for again, too."""


async def look_for_losses(mode: Mode, database: Database, jetstream: JetStreamContext) -> list[str]:
    """The streams that lost messages since the last look, whichever copy of the gateway that was."""
    events = {mode.stream(stream): False for stream in (Stream.ECP, Stream.DLQ)}
    records = {stream_behind(mode, bucket): True for bucket in _RECORDS}
    return [
        name for name, finished in {**events, **records}.items() if await _look(name, finished, database, jetstream)
    ]


def loss(before: Position | None, now: Position) -> str | None:
    """What became of a stream between two looks, or None if all is well."""
    if before is None:
        return None
    if before.created != now.created:
        return f"was made again, after message {before.last_seq}"
    if now.last_seq < before.last_seq:
        return f"has lost its end: its last message is {now.last_seq} and was {before.last_seq}"
    return None


async def _look(name: str, finished: bool, database: Database, jetstream: JetStreamContext) -> bool:
    async with database.begin() as connection:
        # NATS is asked under the lock: an answer from before another copy's would look like a loss.
        before = await store.lock_position(connection, name)
        now = await _position(name, jetstream)
        if now is None or now == before:
            return False
        await store.store_position(connection, name, now)
        found = loss(before, now)
        if found is None:
            return False
        count = await store.mark_lost(connection, finished=finished)
    _log.error(
        f"The stream {name} {found}. {count} requests that may depend on it are published again.",
        action="stream-lost",
        stream=name,
    )
    return True


async def _position(name: str, jetstream: JetStreamContext) -> Position | None:
    """Where the stream is now; None if there is none, since the bootstrap hasn't made it again yet."""
    try:
        info = await jetstream.stream_info(name)
    except NotFoundError:
        return None
    except NATS_ERRORS as error:
        raise DependencyUnavailable("NATS", f"stream {name}: {error or type(error).__name__}") from error
    assert info.created is not None  # noqa: S101 - a stream has always been made at some time
    return Position(info.created, info.state.last_seq)
