"""The verifiers of a gateway, made from its settings: what `app` gives to the middleware, `/ready` and the stop."""

from dataclasses import dataclass

import structlog

from shared.identity.oidc import OpenIdConnect, open_id_connect
from shared.identity.settings import IdentitySettings
from shared.identity.verifiers import PROVIDER, Verifier
from shared.status import AVAILABLE

_log = structlog.get_logger(__name__)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Access:
    """How callers prove who they are."""

    verifiers: tuple[Verifier, ...] | None
    """None: authentication is off."""
    provider: OpenIdConnect | None

    def checks(self) -> dict[str, str]:
        """The provider's state for `/ready`. Its outage doesn't make a gateway unready: API keys need no provider."""
        return {} if self.provider is None else {PROVIDER: self.provider.state() or AVAILABLE}

    async def close(self) -> None:
        """Close the connections to the provider."""
        if self.provider is not None:
            await self.provider.close()


def build_access(settings: IdentitySettings, *verifiers: Verifier) -> Access:
    """The given verifiers, then that of the identity provider's tokens. Nothing connects yet."""
    if not settings.authentication_on:
        _tell_off(settings)
        return Access(None, None)
    provider = open_id_connect(settings)
    return Access((*verifiers, *([] if provider is None else [provider.verifier])), provider)


def _tell_off(settings: IdentitySettings) -> None:
    if settings.host in _LOOPBACK:
        _log.info("No login is needed: only this machine can connect.", action="authentication-off", host=settings.host)
    else:
        message = "Authentication is off: every client that can connect is an administrator; set OIDC_ISSUER."
        _log.warning(message, action="authentication-off", host=settings.host)
