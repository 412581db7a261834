"""Detects that a stream or key-value bucket lost its end or was created again, also while the gateway was down.

The database keeps the last known position of each. A last sequence only rises and a stream is created once, so any
other change means that acknowledged messages are gone. `republish` then repeats what depends on them.
"""

import structlog
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from services.gateway.mode_context import ModeContext
from services.gateway.recovery import repository
from services.gateway.recovery.repository import StreamPosition
from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable
from shared.subjects import Bucket, Stream, stream_behind

_log = structlog.get_logger(__name__)
_RECORDS = (Bucket.DESIRED, Bucket.APPLIED, Bucket.MANIFESTS)
"""Buckets that finished deployments depend on too: without them, each tenant's present state is requested again."""


async def detect_losses(context: ModeContext) -> list[str]:
    """The streams that lost messages since the last check by any replica. Raises DependencyUnavailable."""
    events = {context.mode.stream(stream): False for stream in (Stream.ECP, Stream.DLQ)}
    records = {stream_behind(context.mode, bucket): True for bucket in _RECORDS}
    return [name for name, finished in {**events, **records}.items() if await _check(name, finished, context)]


def loss(before: StreamPosition | None, now: StreamPosition) -> str | None:
    """What happened to a stream between two checks, or None if it lost nothing."""
    if before is None:
        return None
    if before.created != now.created:
        return f"was created again, after message {before.last_seq}"
    if now.last_seq < before.last_seq:
        return f"lost its end: its last message is {now.last_seq} and was {before.last_seq}"
    return None


async def _check(name: str, finished: bool, context: ModeContext) -> bool:
    async with context.database.begin() as connection:
        # NATS is asked under the row lock: a position from before another replica's would look like a loss.
        before = await repository.lock_position(connection, name)
        now = await _position(name, context.jetstream)
        if now is None or now == before:
            return False
        await repository.store_position(connection, name, now)
        found = loss(before, now)
        if found is None:
            return False
        count = await repository.mark_lost(connection, finished=finished)
    _log.error(
        f"Stream {name} {found}; {count} requests that may depend on it are republished",
        action="stream-lost",
        stream=name,
    )
    return True


async def _position(name: str, jetstream: JetStreamContext) -> StreamPosition | None:
    """The present position; None if there is no such stream because the bootstrap hasn't created it again yet."""
    try:
        info = await jetstream.stream_info(name)
    except NotFoundError:
        return None
    except NATS_ERRORS as error:
        raise DependencyUnavailable("NATS", f"stream {name}: {error or type(error).__name__}") from error
    assert info.created is not None  # noqa: S101 - the server always sets it
    return StreamPosition(info.created, info.state.last_seq)
