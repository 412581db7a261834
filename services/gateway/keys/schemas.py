"""Requests and answers about API keys."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, model_validator

from services.gateway.http.parameters import is_possible_id
from shared.identity.caller import Role
from shared.messages import sentence, unfit
from shared.tenants import Model

EVERY_TENANT = "*"
_LONGEST_TENANT = 100
_MOST_TENANTS = 1000
_MOST_DAYS = 3650
_MOST_OVERLAP = 7 * 24 * 60


def _check_name(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise unfit(sentence("value-key_name", "write a name of printable characters, without spaces around it"))
    return value


def _check_tenant(value: str) -> str:
    if not is_possible_id(value):
        raise unfit(sentence("value-key_tenant", "write the id of a tenant, or * for every tenant"))
    return value


class KeyCreate(Model):
    """A new API key: what it may do, and until when."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "ci", "role": "operator", "tenants": ["my-ai-service"], "expires_in_days": 90}]
        }
    )

    name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_check_name)]
    """What uses it, as people know it."""
    role: Role
    """What it may do."""
    tenants: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=_LONGEST_TENANT), AfterValidator(_check_tenant)]],
            Field(min_length=1, max_length=_MOST_TENANTS),
        ]
        | None
    ) = None
    """The tenants that exist for it; `["*"]` is every tenant. An administrator's key has every tenant: leave it out."""
    expires_in_days: int = Field(default=365, ge=1, le=_MOST_DAYS)
    """Days until it ends."""

    @model_validator(mode="after")
    def _has_a_scope(self) -> Self:
        every = self.tenants is None or self.tenants == [EVERY_TENANT]
        if self.role is Role.ADMIN and not every:
            raise unfit(sentence("value-key_of_admin", "an administrator's key has every tenant: leave tenants out"))
        if self.role is not Role.ADMIN and self.tenants is None:
            raise unfit(sentence("value-key_without_tenants", 'name its tenants, or write tenants: ["*"] for all'))
        if self.tenants and EVERY_TENANT in self.tenants and len(self.tenants) > 1:
            raise unfit(sentence("value-key_tenant_mix", "* stands alone: it is every tenant"))
        return self

    @property
    def stored_tenants(self) -> list[str] | None:
        """As they are stored: None is every tenant."""
        return None if self.tenants in (None, [EVERY_TENANT]) else sorted(set(self.tenants or ()))


class KeyRotation(Model):
    """How long the previous secret stays valid."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_minutes": 60}]})

    overlap_minutes: int = Field(default=60, ge=0, le=_MOST_OVERLAP)
    """0 ends it at once, as after a leak."""


class ApiKey(Model):
    """An API key without its secret."""

    id: str = Field(examples=["k3v9x2m4q8z1"])
    name: str
    role: Role
    tenants: list[str]
    """`["*"]` is every tenant."""
    created_at: AwareDatetime
    created_by: str
    """The subject that made it; `--first` for the first administrator's key."""
    expires_at: AwareDatetime
    last_used_at: AwareDatetime | None
    """Up to a minute late; null if it was never used."""
    previous_valid_until: AwareDatetime | None
    """After a rotation: until when the previous secret is valid."""


class ApiKeySecret(ApiKey):
    """A key that was just made or rotated."""

    key: str = Field(examples=["ecp_demo_<id>_<secret>"])
    """The key itself. It is shown this once, and can't be read again."""


def shown(row: Any) -> dict[str, Any]:
    """The fields of `ApiKey`, from a row."""
    return {
        "id": row.key_id,
        "name": row.name,
        "role": row.role,
        "tenants": [EVERY_TENANT] if row.tenants is None else row.tenants,
        "created_at": row.created_at,
        "created_by": row.created_by,
        "expires_at": row.expires_at,
        "last_used_at": row.last_used_at,
        "previous_valid_until": row.previous_until,
    }
