"""Writes a requested deployment. Its row keeps the event, because `recovery` may have to publish it again."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.deployments import repository
from services.gateway.outbox.writer import OutboxWriter
from shared.bus import Encoded
from shared.events import Event


async def request_deployment(
    connection: AsyncConnection, outbox: OutboxWriter, values: Mapping[str, Any], event: Event
) -> None:
    """Insert the row and add the event that requests the deployment, in one transaction."""
    encoded = await outbox.add(connection, event)
    await repository.insert_deployment(connection, {**values, "request": stored_request(encoded)})


def stored_request(event: Encoded) -> dict[str, Any]:
    """An event in the form of the column `request`."""
    return {"subject": event.subject, "headers": event.headers, "body": event.body.decode()}
