"""Publishes the requests of unfinished deployments again.

Even an acknowledged message can be lost: a disk loses the end of a stream, or a stream is deleted. Then the event that
the database has stored with the deployment is published again under a new id, so that neither JetStream nor a worker
drops it as a duplicate. Generations make the repetition harmless: a worker that has handled the generation does nothing
new, and the deployer publishes the deployment's end again under the end's own id.

    lost      a stream shrank or was created again (`stream_loss`): all unfinished deployments, at once
    silent    no event of a deployment for a while, though no worker has a message left: this one, with growing pauses
"""

from collections.abc import Mapping
from typing import Any

import structlog

from services.gateway.deployments.requests import request_to_repeat
from services.gateway.mode_context import ModeContext
from services.gateway.outbox.repository import OUTBOX
from services.gateway.recovery import repository
from shared.bus import Encoded, derived_id
from shared.bus.envelope import EVENT_ID, MESSAGE_ID
from shared.bus.publishing import NATS_ERRORS
from shared.errors import DependencyUnavailable
from shared.subjects import DURABLES, Stream

_log = structlog.get_logger(__name__)
_BATCH = 50
"""Requests in one round, so that a loss doesn't start thousands of deployments at the same moment."""


async def republish(context: ModeContext) -> int:
    """Insert due requests into the outbox; returns how many. Raises DependencyUnavailable."""
    silence = context.settings.republish_after
    idle = await _is_idle(context)
    async with context.database.begin() as connection:
        rows = (
            await repository.lock_silent_requests(connection, silence=silence, most=_BATCH)
            if idle
            else await repository.lock_lost_requests(connection, most=_BATCH)
        )
        for row in rows:
            request = request_to_repeat(row.request, row.status)
            await OUTBOX.add(connection, [repeated(request, row.repeats + 1)])
            await repository.mark_repeated(connection, row.deployment_id, silence=silence)
    for row in rows:
        _log.warning(
            f"Request of a {row.operation} republished: no event of it was received",
            action="request-republished",
            mode=context.mode.value,
            deployment_id=row.deployment_id,
            times=row.repeats + 1,
        )
    return len(rows)


def repeated(request: Mapping[str, Any], times: int) -> Encoded:
    """The event of a stored request under a new id. Its time stays, because it is the same request."""
    headers = dict(request["headers"])
    event_id = derived_id(headers[EVENT_ID], "repeated", str(times))
    return Encoded(
        str(request["subject"]),
        str(request["body"]).encode(),
        {**headers, EVENT_ID: event_id, MESSAGE_ID: event_id},
    )


async def _is_idle(context: ModeContext) -> bool:
    """Whether no worker has a message left. Otherwise a silent deployment may only be waiting for its turn."""
    try:
        for durable in DURABLES:
            if durable.stream is Stream.ECP:
                info = await context.jetstream.consumer_info(context.mode.stream(durable.stream), durable.name)
                if info.num_pending or info.num_ack_pending:
                    return False
    except NATS_ERRORS as error:
        raise DependencyUnavailable("NATS", f"the consumers' state is unknown: {error!r}") from error
    return True
