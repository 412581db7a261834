"""How a credential becomes a caller: one verifier for each kind of credential, asked in order. Pure."""

from typing import Protocol

from shared.errors import DependencyUnavailable, Refused
from shared.identity.caller import Caller

UNAUTHORIZED = "UNAUTHORIZED"
PROVIDER = "identity provider"
"""Its name among the dependencies of a service."""


class Verifier(Protocol):
    """Checks one kind of credential."""

    def claims(self, credential: str) -> bool:
        """Whether this verifier is the one for `credential`, from its form alone."""

    async def caller(self, credential: str) -> Caller:
        """Who has sent it.

        Raises Refused (UNAUTHORIZED) if it proves nothing, DependencyUnavailable while that can't be known.
        """

    async def again(self, credential: str, caller: Caller) -> Caller:
        """The same for a credential that `caller` sent before, on a connection that is still open."""


def unauthorized(message_id: str, english: str, /, **params: object) -> Refused:
    """UNAUTHORIZED: the credential proves nothing. The parameters are the error's details, so none may be secret."""
    return Refused(english.format_map(params), code=UNAUTHORIZED, details=params, message_id=message_id)


def unavailable(reason: str, delay: float | None = None) -> DependencyUnavailable:
    """The provider can't be asked, or its answer can't be used. `delay`: seconds until another call is worth it."""
    error = DependencyUnavailable(PROVIDER, reason)
    error.delay = delay
    return error
