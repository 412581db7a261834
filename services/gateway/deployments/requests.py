"""Writes a requested deployment. Its row keeps the event, because `recovery` may have to publish it again."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.deployments import repository
from services.gateway.outbox.writer import OutboxWriter
from shared.bus import Encoded
from shared.events import Event
from shared.events.statuses import ENDED

CANCEL = "cancel"
"""The key of the cancel's event in the column `request`, beside the fields of the operation's own event."""


async def request_deployment(
    connection: AsyncConnection,
    outbox: OutboxWriter,
    values: Mapping[str, Any],
    event: Event,
    *,
    after: Sequence[Event] = (),
) -> None:
    """Insert the row and add the event that requests the deployment, `after` others, in one transaction."""
    encoded = await outbox.add(connection, event, after=after)
    await repository.insert_deployment(connection, {**values, "request": stored_request(encoded)})


def stored_request(event: Encoded) -> dict[str, Any]:
    """An event in the form of the column `request`."""
    return {"subject": event.subject, "headers": event.headers, "body": event.body.decode()}


def request_to_repeat(request: Mapping[str, Any], status: str) -> Mapping[str, Any]:
    """The event of the column `request` to publish again: the cancel of an unfinished deployment, if there is one."""
    cancel: Mapping[str, Any] | None = request.get(CANCEL)
    return request if cancel is None or status in ENDED else cancel
