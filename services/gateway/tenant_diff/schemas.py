"""The answer of a tenant's diff."""

from pydantic import Field

from shared.changes import Changes


class TenantDiff(Changes):
    """What a deployment of the current revision would change. Nothing is changed by asking."""

    tenant_id: str
    revision: int
    target: str = Field(examples=["simulator"])
    restarts: list[str] = Field(examples=[["Deployment callbot"]])
    """Workloads whose pods would be replaced."""
    skipped: list[str]
    """Objects of kinds that the cluster doesn't have, which a deployment leaves out."""
    notes: list[str]
