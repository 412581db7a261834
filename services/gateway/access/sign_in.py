"""What a page needs to sign its user in, as an answer of the API."""

from pydantic import ConfigDict, Field

from shared.identity.settings import IdentitySettings
from shared.model import Model


class SignIn(Model):
    """Whether calls need a credential, and where a page gets one: authorization code with PKCE."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "authentication": True,
                    "issuer": "https://id.example.com/realms/company",
                    "client_id": "ecp",
                    "scopes": ["openid", "profile", "email"],
                    "audience": None,
                }
            ]
        }
    )

    authentication: bool
    """false: no call needs a credential."""
    issuer: str | None
    """The OpenID Connect provider, whose discovery document has its endpoints; null without one."""
    client_id: str | None
    """The public client of the page."""
    scopes: list[str] = Field(examples=[["openid", "profile", "email"]])
    audience: str | None
    """What to ask the provider for, where it needs the API's name (`audience`, or `resource` by RFC 8707)."""


def sign_in(settings: IdentitySettings) -> SignIn:
    """The answer for these settings."""
    on = settings.authentication_on
    provider = on and settings.oidc_issuer is not None
    return SignIn(
        authentication=on,
        issuer=settings.oidc_issuer if provider else None,
        client_id=settings.oidc_client_id if provider else None,
        scopes=list(settings.oidc_scopes) if provider else [],
        audience=settings.oidc_audience[0] if provider and settings.oidc_audience else None,
    )
