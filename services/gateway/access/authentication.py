"""The ASGI middleware that finds out who calls, before a body is read.

It sets `request_context.current().caller`. What the caller may do is decided behind it, with the route. While
authentication is off, each caller is LOCAL, and no credential is looked at.
"""

from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.access.challenge import challenge
from services.gateway.access.credentials import credential_of
from services.gateway.access.public_paths import is_public
from services.gateway.http import request_context
from services.gateway.http.errors import status_of
from services.gateway.http.responses import error_response
from shared.errors import EcpError, Refused, TemporaryError
from shared.identity.caller import LOCAL
from shared.identity.verifiers import Verifier, unauthorized

UNAUTHORIZED_CLOSE = 4401
"""The close code of a socket without a valid credential."""
FORBIDDEN_CLOSE = 4403
_TRY_AGAIN_CLOSE = 1013
_CLOSES: dict[int, int] = {HTTPStatus.UNAUTHORIZED: UNAUTHORIZED_CLOSE, HTTPStatus.FORBIDDEN: FORBIDDEN_CLOSE}


class Authentication:
    """Refuses whatever has no valid credential: 401, or 4401 for a socket; 503 while that can't be known."""

    def __init__(
        self,
        app: ASGIApp,
        verifiers: Sequence[Verifier] | None,
        on_refused: Callable[[str], None] = lambda reason: None,
    ) -> None:
        """Wrap `app`.

        Args:
            app: the next ASGI application.
            verifiers: asked in order, for the first that recognises the credential; None: authentication is off.
            on_refused: called with the message id of each refusal.
        """
        self._app = app
        self._verifiers = verifiers
        self._on_refused = on_refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or is_public(scope):
            await self._app(scope, receive, send)
            return
        try:
            await self._authenticate(scope)
        except (Refused, TemporaryError) as error:
            self._on_refused(error.message_id)
            await _refuse(error, scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _authenticate(self, scope: Scope) -> None:
        """Set the request's caller."""
        request = request_context.current()
        if self._verifiers is None:
            request.caller = LOCAL
            return
        credential = credential_of(scope)
        verifier = self._verifier_of(credential, self._verifiers)
        request.caller = caller = await verifier.caller(credential)
        if scope["type"] == "websocket":
            request.recheck = partial(verifier.again, credential, caller)

    def _verifier_of(self, credential: str, verifiers: Sequence[Verifier]) -> Verifier:
        for verifier in verifiers:
            if verifier.claims(credential):
                return verifier
        raise unauthorized("credentials-unknown", "there is no identity provider for tokens; send an API key")


async def _refuse(error: EcpError, scope: Scope, receive: Receive, send: Send) -> None:
    status = status_of(error)
    if scope["type"] == "http":
        headers = {"WWW-Authenticate": challenge(error)} if status == HTTPStatus.UNAUTHORIZED else {}
        await error_response(error, headers)(scope, receive, send)
        return
    request_context.current().refusal = error
    # Accept first: a browser shows the close code to the page, but not why a handshake failed.
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": _CLOSES.get(status, _TRY_AGAIN_CLOSE), "reason": error.code})
