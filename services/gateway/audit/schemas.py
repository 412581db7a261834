"""The trail as the API shows it."""

from typing import Any

from pydantic import AwareDatetime, Field

from services.gateway.audit.entries import Outcome
from shared.tenants import Model


class AuditHead(Model):
    """The last seal of the chain. Noted elsewhere, it shows later that nothing before it was changed."""

    position: int = Field(examples=[4711])
    digest: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])
    """SHA-256 in hexadecimal digits."""


class AuditEvent(Model):
    """One row: who did what, from where, with which outcome."""

    id: int
    recorded_at: AwareDatetime
    recorded_by: str = Field(examples=["ecp_gateway"])
    """The role of PostgreSQL that inserted the row."""
    operation: str = Field(examples=["createTenant"])
    """The id of the operation in this document."""
    outcome: Outcome
    """`requested`: asked of another service, whose answer is a row of its own."""
    code: str | None = Field(examples=["FORBIDDEN"])
    """Of the error, if it was refused or failed."""
    tenant_id: str | None
    deployment_id: str | None
    object_id: str | None
    """What else it concerns, such as an API key."""
    subject: str = Field(examples=["f3b0c442-98fc-4c14-9afb-f4c8996fb924"])
    """The caller: the `sub` of a token, the id of a key, the name of a system; empty if it wasn't recognised."""
    kind: str = Field(examples=["person"])
    """What the caller was recognised by: person, key, system, local (authentication is off) or none."""
    role: str | None = Field(examples=["operator"])
    email: str | None
    address: str | None = Field(examples=["192.0.2.7"])
    user_agent: str | None
    request_id: str
    repeats: int
    """Calls that this row stands for: equal calls that were refused are counted."""
    first_at: AwareDatetime | None
    """Of the first of them; null: one call."""
    before: dict[str, Any] | str | None
    """The changed fields before; null: it didn't exist."""
    after: dict[str, Any] | str | None
    """The changed fields after; null: it doesn't exist any more."""
    position: int | None
    """Its place in the chain of seals; null: it waits for its seal, which takes at most a second."""
    digest: str | None


class AuditTrail(Model):
    """A page of the trail, the latest first."""

    events: list[AuditEvent]
    next: int | None
    """The `cursor` of the next page; null: this is the last one."""
    head: AuditHead
    keep_days: int
    """Days that rows are kept (`AUDIT_DAYS`)."""
