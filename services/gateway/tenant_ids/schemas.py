"""Requests and answers about tenant ids."""

from pydantic import AwareDatetime, ConfigDict, Field

from shared.tenants import Model


class DuplicateCheck(Model):
    """The id to check."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant_id": "my-ai-service"}]})

    tenant_id: str = Field(max_length=200)
    """Any text: one that no tenant can have is answered, too."""


class ExistingTenant(Model):
    """The tenant that has the id."""

    name: str | None
    preset: str
    status: str = Field(examples=["running"])
    created_at: AwareDatetime
    services_count: int


class IdAvailability(Model):
    """Whether a tenant can be created with an id."""

    tenant_id: str
    available: bool
    """The id is valid, and no tenant of this mode has it."""
    valid: bool
    """false: no tenant can have it, because it isn't a DNS label of at most 50 characters, or is reserved."""
    message: str
    """The reason."""
    suggestions: list[str] = Field(examples=[["my-ai-service-2", "my-ai-service-3"]])
    """Up to five similar ids that are available; empty if the id is."""
    existing_tenant: ExistingTenant | None = None
    """null also for a tenant that the caller may not see."""
