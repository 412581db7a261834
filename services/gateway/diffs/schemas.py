"""The answer of a diff."""

from pydantic import Field

from shared.changes import Changes


class DeploymentDiff(Changes):
    """The changes from one deployment's manifest to another's."""

    tenant_id: str
    deployment_id: str = Field(examples=["dep-0123456789ab"])
    against: str = Field(examples=["dep-ba9876543210"])
    """The deployment with the old values."""
    digest: str
    """The digest of the manifest with the new values."""
    against_digest: str
