"""A stored tenant."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.events import DeployOptions


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A row of `tenants`. One that was inserted by hand may have missing or unusual values."""

    id: int
    tenant_id: str
    name: str | None
    preset: str
    status: str
    service_requirements: Any
    resources: Any
    sla_target: Any
    cpu_limit: str | None
    memory_limit: str | None
    gpu_limit: int | None
    storage_limit: str | None
    gpu_type: str | None
    created_at: datetime
    updated_at: datetime
    description: str | None
    requested_preset: str | None
    requested_gpu_type: str | None
    sizing: dict[str, Any] | None
    revision: int
    generation: int
    target: str | None
    options: dict[str, Any] | None
    service_options: Any
    cluster_options: Any
    sla: dict[str, Any] | None

    @property
    def stored_options(self) -> DeployOptions:
        """The options of the last deployment."""
        return DeployOptions.model_validate(self.options or {})
