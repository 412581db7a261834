"""A ticket becomes the caller of a socket: one of the verifiers of the gateway's authentication."""

import time
from collections.abc import Awaitable, Callable

from services.gateway.access.lookups import CredentialLookups
from services.gateway.access.socket_credentials import TICKET
from services.gateway.http import request_context
from services.gateway.socket_tickets import repository
from services.gateway.socket_tickets.stored_caller import from_fields
from services.gateway.socket_tickets.ticket_text import digest_of, mode_of
from shared.errors import Refused
from shared.identity.caller import Caller, CallerKind
from shared.identity.verifiers import unauthorized
from shared.subjects import Mode

CheckKey = Callable[[Mode, Caller], Awaitable[None]]
"""Raises Refused once the secret of the key by which this caller made a ticket has ended."""


class TicketVerifier:
    """Checks and removes tickets. What it raises never has the ticket in it."""

    def __init__(self, lookups: CredentialLookups, check_key: CheckKey) -> None:
        self._lookups = lookups
        self._check_key = check_key

    def claims(self, credential: str) -> bool:
        """Whether a credential is a ticket, or was meant to be one."""
        return credential.startswith(TICKET)

    async def caller(self, credential: str) -> Caller:
        """Who opens the socket. Raises Refused (UNAUTHORIZED, FORBIDDEN), DependencyUnavailable."""
        ticket = credential.removeprefix(TICKET)
        mode = mode_of(ticket)
        fields = await self._use(mode, ticket) if mode is not None else None
        if mode is None or fields is None:
            english = "the ticket isn't valid: it was used, or is older than 30 s; POST /api/v1/ws-tickets makes one"
            raise unauthorized("ticket-invalid", english)
        _choose_mode(mode)
        return await self.again(credential, from_fields(fields))

    async def again(self, credential: str, caller: Caller) -> Caller:
        """Whether what the ticket was made with is still valid: a ticket itself can't be checked twice."""
        if caller.expires_at is not None and caller.expires_at <= time.time():
            raise unauthorized("ticket-ended", "what the ticket was made with has expired")
        if caller.kind is CallerKind.KEY:
            await self._check_key(request_context.current().mode, caller)
        return caller

    async def _use(self, mode: Mode, ticket: str) -> dict[str, object] | None:
        async with self._lookups.begin(mode) as connection:
            return await repository.use(connection, digest_of(ticket))


def _choose_mode(mode: Mode) -> None:
    """A ticket names its mode, as a key does."""
    request = request_context.current()
    if request.mode_is_given and request.mode is not mode:
        english = f"the ticket is one of {mode} mode"
        raise Refused(english, code="FORBIDDEN", details={"mode": mode.value}, message_id="ticket-of-other-mode")
    request.mode, request.mode_is_given = mode, True
