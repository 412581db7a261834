"""The ASGI middleware that finds out who calls, before a body is read.

It sets `request_context.current().caller`. What the caller may do is decided behind it, with the route. While
authentication is off, each caller is LOCAL, and no credential is looked at.
"""

from collections.abc import Callable, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.access.challenge import challenge
from services.gateway.access.credentials import credential_of
from services.gateway.access.public_paths import is_public
from services.gateway.http import request_context
from services.gateway.http.responses import error_response
from shared.errors import EcpError, Refused, TemporaryError
from shared.identity.caller import LOCAL, Caller
from shared.identity.verifiers import Verifier, unauthorized

UNAUTHORIZED_CLOSE = 4401
"""The close code of a socket without a valid credential."""
_TRY_AGAIN_CLOSE = 1013


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
        if scope["type"] not in ("http", "websocket") or is_public(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            request_context.current().caller = await self._caller(scope)
        except (Refused, TemporaryError) as error:
            self._on_refused(error.message_id)
            await _refuse(error, scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller:
        if self._verifiers is None:
            return LOCAL
        credential = credential_of(scope)
        for verifier in self._verifiers:
            if verifier.claims(credential):
                return await verifier.caller(credential)
        raise unauthorized("credentials-unknown", "there is no identity provider for tokens; send an API key")


async def _refuse(error: EcpError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        headers = {"WWW-Authenticate": challenge(error)} if isinstance(error, Refused) else {}
        await error_response(error, headers)(scope, receive, send)
        return
    # Accept first: a browser shows the close code to the page, but not why a handshake failed.
    await receive()
    await send({"type": "websocket.accept"})
    code = UNAUTHORIZED_CLOSE if isinstance(error, Refused) else _TRY_AGAIN_CLOSE
    await send({"type": "websocket.close", "code": code, "reason": error.code})
