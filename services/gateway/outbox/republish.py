"""Publishes again what was accepted and isn't finished.

An acknowledged message can get lost all the same: a disk loses the end of a stream, or a stream is removed. What the
database records as accepted is then asked for again, by the event that asked for it first, under a new id, so that
neither JetStream nor a worker takes it for the one that came before. Generations make that harmless: a worker that has
the generation does nothing new, and the deployer repeats its end under the end's own id.

    noticed      a stream shrank or was made again (`stream_loss`): all unfinished, at once
    silence      nothing was heard of a deployment for a while, though no worker has an event left: that one, with
                 growing pauses
"""

import structlog
from nats.js import JetStreamContext

from services.gateway.outbox import repository as outbox_store
from services.gateway.outbox import request_repository as store
from shared.bus import Encoded, derived_id
from shared.bus.envelope import EVENT_ID, MESSAGE_ID
from shared.bus.publishing import NATS_ERRORS
from shared.database import Database
from shared.errors import DependencyUnavailable
from shared.subjects import DURABLES, Mode, Stream

_log = structlog.get_logger(__name__)
_AT_ONCE = 50
"""Requests in one round: a loss mustn't make thousands of tenants start at the same moment."""


async def republish(mode: Mode, database: Database, jetstream: JetStreamContext, *, silence: float) -> int:
    """Put due requests into the outbox; how many. `silence` is in seconds. Raises DependencyUnavailable."""
    idle = await _is_idle(jetstream, mode)
    async with database.begin() as connection:
        rows = (
            await store.due(connection, silence=silence, most=_AT_ONCE)
            if idle
            else await store.due_at_once(connection, most=_AT_ONCE)
        )
        for row in rows:
            await outbox_store.add_events(connection, [repeated(row.request, row.repeats + 1)])
            await store.mark_repeated(connection, row.deployment_id, silence=silence)
    for row in rows:
        _log.warning(
            f"Nothing was heard of the {row.operation}, so its request is published again.",
            action="request-republished",
            mode=mode.value,
            deployment_id=row.deployment_id,
            times=row.repeats + 1,
        )
    return len(rows)


def repeated(request: dict[str, object], times: int) -> Encoded:
    """The event of a stored request under an id of its own. Its time stays: it is still the same request."""
    headers = dict(request["headers"])  # type: ignore[call-overload]
    event_id = derived_id(headers[EVENT_ID], "repeated", str(times))
    return Encoded(
        str(request["subject"]),
        str(request["body"]).encode(),
        {**headers, EVENT_ID: event_id, MESSAGE_ID: event_id},
    )


async def _is_idle(jetstream: JetStreamContext, mode: Mode) -> bool:
    """Whether no worker has an event left: then what is silent isn't waiting for its turn."""
    try:
        for durable in DURABLES:
            if durable.stream is Stream.ECP:
                info = await jetstream.consumer_info(mode.stream(durable.stream), durable.name)
                if info.num_pending or info.num_ack_pending:
                    return False
    except NATS_ERRORS as error:
        raise DependencyUnavailable("NATS", f"the consumers can't be asked: {error!r}") from error
    return True
