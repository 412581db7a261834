"""Makes a ticket for the caller of the request."""

from services.gateway.http import request_context
from services.gateway.mode_context import ModeContext
from services.gateway.socket_tickets import repository
from services.gateway.socket_tickets.schemas import SocketTicket
from services.gateway.socket_tickets.stored_caller import to_fields
from services.gateway.socket_tickets.ticket_text import digest_of, new_ticket
from shared.errors import Refused

_SECONDS = 30
_MOST_UNUSED = 100
"""Tickets of one caller that aren't used yet: a page that reconnects needs a few."""


async def make_ticket(context: ModeContext) -> SocketTicket:
    """A ticket with the caller's rights in this mode. Raises Refused (RATE_LIMITED), DependencyUnavailable."""
    caller, text = request_context.current().caller, new_ticket(context.mode)
    subject = f"{caller.kind}:{caller.subject}"[:300]
    async with context.database.begin() as connection:
        expires_at = await repository.add(
            connection, digest_of(text), subject, to_fields(caller), seconds=_SECONDS, most=_MOST_UNUSED
        )
    if expires_at is None:
        english = f"this caller has {_MOST_UNUSED} tickets that aren't used yet; use them, or wait for {_SECONDS} s"
        raise Refused(
            english,
            code="RATE_LIMITED",
            details={"most": _MOST_UNUSED, "retry_after": _SECONDS},
            message_id="too-many-tickets",
        )
    return SocketTicket(ticket=text, expires_at=expires_at)
