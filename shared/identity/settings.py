"""The identity provider, what its tokens must be, and whether callers must prove who they are."""

import ssl
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from shared.identity.claims import ClaimPaths
from shared.identity.token_rules import ALGORITHMS, TokenRules
from shared.settings import ServiceSettings

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class IdentitySettings(ServiceSettings):
    """Authentication of the gateway and the simulator."""

    authentication: Literal["on", "off"] | None = None
    """Whether calls need a credential. Unset, they do if OIDC_ISSUER is set. On without it: API keys only."""
    oidc_issuer: str | None = None
    """The OpenID Connect provider, exactly as its tokens name it: `https://id.example.com/realms/company`."""
    oidc_client_id: str | None = None
    """The client that the page signs in with. Without OIDC_AUDIENCE, tokens for it or issued to it (`azp`) count."""
    oidc_audience: Annotated[tuple[str, ...], NoDecode] = ()
    """What tokens must have in `aud`, separated by commas. Set it where the provider can, as an API of its own."""
    oidc_scopes: Annotated[tuple[str, ...], NoDecode] = ("openid", "profile", "email")
    """Scopes that the page asks for, separated by commas or spaces."""
    oidc_algorithms: Annotated[tuple[str, ...], NoDecode] = ALGORITHMS
    """Accepted signatures, separated by commas."""
    oidc_clock_skew: float = Field(default=30.0, ge=0, le=300)
    """Seconds that the provider's clock and ours may differ."""
    oidc_outage_grace: float = Field(default=3600.0, ge=60)
    """Seconds that known keys are used while the provider doesn't answer. Tokens still expire."""
    oidc_ca_path: Path | None = None
    """Certificates of the authorities that the provider's certificate is checked with, in PEM. Unset: the system's."""
    oidc_subject_claim: str = Field(default="sub", min_length=1)
    """Where a token has the caller's lasting id."""
    oidc_email_claim: str = Field(default="email", min_length=1)
    """Where it has the e-mail address, for the audit trail."""
    oidc_roles_claim: Annotated[tuple[str, ...], NoDecode] = ("roles", "realm_access.roles")
    """Where it has the roles, separated by commas: all count. Fields of a claim follow a dot, as Keycloak's do."""
    oidc_role_prefix: str = ""
    """What precedes our roles there: `ecp-` for `ecp-viewer`. Set it where `admin` may be a role of another program."""
    oidc_tenants_claim: Annotated[tuple[str, ...], NoDecode] = ("tenant_access",)
    """Where it has the ids of the tenants that its owner may see, separated by commas."""

    @field_validator(
        "oidc_audience", "oidc_scopes", "oidc_algorithms", "oidc_roles_claim", "oidc_tenants_claim", mode="before"
    )
    @classmethod
    def _separated(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("oidc_algorithms")
    @classmethod
    def _known_algorithms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(value) - set(ALGORITHMS))
        if unknown or not value:
            raise ValueError(f"choose from {', '.join(ALGORITHMS)}; HS256 and none are never accepted")
        return value

    @field_validator("oidc_ca_path")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        try:
            ssl.create_default_context(cafile=value)
        except OSError as error:
            raise ValueError(f"{value} has no usable certificates in PEM: {error.strerror or error}") from error
        return value

    @model_validator(mode="after")
    def _complete_provider(self) -> Self:
        if self.oidc_issuer is None:
            return self
        if not (self.oidc_client_id or self.oidc_audience):
            raise ValueError("OIDC_ISSUER needs OIDC_CLIENT_ID or OIDC_AUDIENCE: which tokens are for this service")
        issuer = _issuer_of(self.oidc_issuer)
        if issuer.scheme != "https" and self.environment == "production" and issuer.hostname not in _LOOPBACK:
            raise ValueError("OIDC_ISSUER must begin with https:// in production, or be on this machine")
        return self

    @property
    def authentication_on(self) -> bool:
        """Whether calls need a credential."""
        return self.authentication == "on" or (self.authentication is None and self.oidc_issuer is not None)

    @property
    def token_rules(self) -> TokenRules:
        """What tokens must be. Only with OIDC_ISSUER."""
        client = self.oidc_client_id
        return TokenRules(
            issuer=self.oidc_issuer or "",
            audiences=frozenset(self.oidc_audience or ([client] if client else [])),
            client_id=None if self.oidc_audience else client,
            algorithms=self.oidc_algorithms,
            skew=self.oidc_clock_skew,
        )

    @property
    def claim_paths(self) -> ClaimPaths:
        """Where tokens name their owner."""
        return ClaimPaths(
            subject=self.oidc_subject_claim,
            email=self.oidc_email_claim,
            roles=self.oidc_roles_claim,
            tenants=self.oidc_tenants_claim,
            role_prefix=self.oidc_role_prefix,
        )


def _issuer_of(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, named = urlsplit(""), False
    if not named or parts.scheme not in ("https", "http") or parts.username or parts.query or parts.fragment:
        raise ValueError("OIDC_ISSUER must be an address such as https://id.example.com, without a user, ? or #")
    return parts
