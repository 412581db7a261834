"""Wiring: settings -> provider -> keys -> the verifier of its tokens. Nothing connects before the first token."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.identity.key_cache import KeyCache
from shared.identity.provider import Provider
from shared.identity.settings import IdentitySettings
from shared.identity.tokens import TokenVerifier


@dataclass(frozen=True, slots=True)
class OpenIdConnect:
    """The provider of this process."""

    verifier: TokenVerifier
    state: Callable[[], str | None]
    """Why its keys could not be fetched the last time; None if they could."""
    close: Callable[[], Awaitable[None]]


def open_id_connect(settings: IdentitySettings) -> OpenIdConnect | None:
    """The configured provider, or None without one. Raises OSError for unusable OIDC_CA_PATH."""
    if not settings.authentication_on or settings.oidc_issuer is None:
        return None
    provider = Provider(settings.oidc_issuer, settings.oidc_ca_path)
    keys = KeyCache(provider.fetch, outage_seconds=settings.oidc_outage_grace, skew=settings.oidc_clock_skew)
    verifier = TokenVerifier(settings.token_rules, settings.claim_paths, keys)

    async def close() -> None:
        await keys.close()
        await provider.close()

    return OpenIdConnect(verifier, keys.state, close)
