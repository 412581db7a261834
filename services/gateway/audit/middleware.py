"""Notes the calls that changed nothing: those that were refused, and those that failed.

It stands outside of the authentication, so it sees callers that are turned away, and inside of the choice of the mode.
"""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.audit.entries import Outcome
from services.gateway.audit.operations import CHANGING, NOT_CHANGING, Operations
from services.gateway.audit.refusals import Refusals, call_of
from services.gateway.http import request_context
from shared.subjects import Mode

_WITHOUT_RIGHT = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_REFUSED = _WITHOUT_RIGHT | {
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.PRECONDITION_FAILED,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.PRECONDITION_REQUIRED,
}
"""Not what shows no intent of the caller: a body that is too large, a limit that is exceeded."""


class RefusedCalls:
    """The middleware. It waits for nothing: rows are written later."""

    def __init__(self, app: ASGIApp, operations: Operations, refusals: Mapping[Mode, Refusals]) -> None:
        self._app = app
        self._operations = operations
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in CHANGING:
            await self._app(scope, receive, send)
            return
        status = 0

        async def watching(message: Message) -> None:
            nonlocal status
            status = message["status"] if message["type"] == "http.response.start" else status
            await send(message)

        # Before the call, because mounted applications change the scope.
        method, path = scope["method"], scope["path"]
        try:
            await self._app(scope, receive, watching)
        except Exception:
            self._note(method, path, HTTPStatus.INTERNAL_SERVER_ERROR)
            raise
        self._note(method, path, status)

    def _note(self, method: str, path: str, status: int) -> None:
        if status not in _REFUSED and status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return
        called = self._operations.find(method, path)
        if called is None or (called.operation in NOT_CHANGING and status not in _WITHOUT_RIGHT):
            return
        request = request_context.current()
        if request.refusal is not None and request.refusal.code == "OVERLOADED":
            return  # neither by its caller nor by a fault, and this is no time for more work
        outcome = Outcome.FAILED if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Outcome.REFUSED
        call = call_of(request, called.operation, called.tenant_id, outcome)
        if status == HTTPStatus.UNAUTHORIZED:
            # A caller who wasn't recognised could name any tenant: each would be a call of its own kind.
            call = call._replace(tenant_id=None)
        self._refusals[request.mode].note(call, request.request_id, request.user_agent or None)
