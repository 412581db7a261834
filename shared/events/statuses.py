"""Statuses of deployments and tenants, as events, tables and answers have them."""

from typing import Literal

DeploymentStatus = Literal["pending", "deploying", "completed", "failed", "rolled_back", "superseded", "cancelled"]
TenantStatus = Literal["pending", "running", "failed", "deleting", "stopped"]

ENDED: frozenset[DeploymentStatus] = frozenset({"completed", "failed", "rolled_back", "superseded", "cancelled"})
"""Terminal statuses of a deployment."""
