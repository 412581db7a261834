"""Who may call the product's endpoints: a token of the identity provider, and the role that the table of calls has.

Only what a token names counts here: grants of the gateway are in its database, which the simulator doesn't know. The
Kubernetes API has users and roles of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from services.simulator.api.product.errors import ProductError, tenant_not_found
from shared.errors import DependencyUnavailable, Refused
from shared.identity.caller import LOCAL, Caller, Role
from shared.identity.verifiers import Verifier

Handler = Callable[[Request], Awaitable[Response]]
_LONGEST_CREDENTIAL = 16 * 1024


class ProductAccess:
    """Checks callers; without verifiers authentication is off, and every caller may do everything."""

    def __init__(self, verifiers: Sequence[Verifier] | None = None) -> None:
        self._verifiers = verifiers

    def guarded(self, handler: Handler, least: Role | None) -> Handler:
        """`handler` for callers with at least this role; for everyone if it is None."""
        if least is None:
            return handler

        async def checked(request: Request) -> Response:
            request.state.caller = caller = await self._caller(request)
            if not caller.has(least):
                raise ProductError(
                    403, "FORBIDDEN", f"this call needs the role {least.value}", required_role=least.value
                )
            return await handler(request)

        return checked

    async def _caller(self, request: Request) -> Caller:
        """Raises ProductError: 401 without a valid credential, 503 while it can't be checked."""
        if self._verifiers is None:
            return LOCAL
        credential = _credential(request)
        try:
            for verifier in self._verifiers:
                if verifier.claims(credential):
                    return await verifier.caller(credential)
        except Refused as error:
            raise ProductError(401, "UNAUTHORIZED", error.message) from error
        except DependencyUnavailable as error:
            raise ProductError(503, "DEPENDENCY_UNAVAILABLE", error.message) from error
        raise ProductError(401, "UNAUTHORIZED", "the credential is of no known kind; send a token of the provider")


def check_visible(request: Request, tenant_id: str) -> None:
    """Raise ProductError 404 for a tenant that the caller may not see."""
    caller: Caller = request.state.caller
    if not caller.may_see(tenant_id):
        raise tenant_not_found(tenant_id)


def _credential(request: Request) -> str:
    """The bearer credential. Raises ProductError 401 without exactly one."""
    given = request.headers.getlist("authorization")
    scheme, _, credential = (given[0] if len(given) == 1 else "").strip().partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(credential.strip()) <= _LONGEST_CREDENTIAL:
        raise ProductError(401, "UNAUTHORIZED", "this call needs Authorization: Bearer <token>")
    return credential.strip()
