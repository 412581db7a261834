"""What an operation on a tenant becomes: specs, rows and events. Pure; ids and generations are given."""

import math
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from services.gateway.http.errors import conflict, invalid
from services.gateway.http.validation import refusal
from services.gateway.tenants.repository import TenantRow
from services.gateway.tenants.schemas import TenantChange, TenantCreate
from shared.events import (
    DeploymentContext,
    DeployOptions,
    DeployRequested,
    Event,
    Operation,
    OperationRequested,
    Phase,
)
from shared.sizing import ServiceSizing, Sizing
from shared.subjects import Mode
from shared.tenants import TenantSpec

SIMULATOR = "simulator"
KUBERNETES = "kubernetes"
_SERVICE_TYPE = "ai_service"
_CHANGEABLE = ("name", "service_requirements", "sla_target", "preset", "gpu_type", "description")
_NOUNS = {"deploy": "deployment", Operation.DELETE: "deletion"}
_PODS_A_MINUTE = 25
"""Pods that end within a minute: they have 30 s of grace and stop side by side."""


@dataclass(frozen=True, slots=True)
class RollOut:
    """One operation that is about to be written."""

    mode: Mode
    deployment_id: str
    generation: int
    revision: int
    target: str
    options: DeployOptions
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Targets:
    """Where tenants can be deployed to."""

    has_kubeconfig: bool

    def choose(self, mode: Mode, asked: str | None, bound_to: str | None = None) -> tuple[str, list[str]]:
        """The target and notes on the choice. `bound_to` is where the tenant has been deployed, if it has.

        Raises Refused for a target that doesn't exist in this mode, or that isn't the tenant's.
        """
        possible = self._possible(mode)
        if asked is not None and asked not in possible:
            raise invalid("target", f"{asked!r} is not known in {mode} mode; possible: {', '.join(possible)}")
        if asked is not None and bound_to is not None and asked != bound_to:
            raise conflict(
                f"the tenant is deployed to {bound_to!r}; delete it there before it is deployed to {asked!r}",
                target=bound_to,
            )
        if asked is None and bound_to is not None:
            return bound_to, []
        if asked is None and mode is Mode.PRODUCTION and not self.has_kubeconfig:
            note = "no kubeconfig is configured (KUBERNETES_CONFIG_PATH): deployed to the simulator's cluster `default`"
            return SIMULATOR, [note]
        return asked or possible[0], []

    def _possible(self, mode: Mode) -> tuple[str, ...]:
        """The default first. Demo tenants never leave the simulator."""
        if mode is Mode.PRODUCTION and self.has_kubeconfig:
            return (KUBERNETES, SIMULATOR)
        return (SIMULATOR,)


def spec_of_request(request: TenantCreate) -> TenantSpec:
    """What was asked for, without how it is to be deployed."""
    return TenantSpec(**{name: getattr(request, name) for name in TenantSpec.model_fields})


def spec_of_row(row: TenantRow) -> TenantSpec:
    """What a stored tenant asks for. Raises Refused for a row that was inserted by hand and can't be read so."""
    by_hand = row.sizing is None
    fields: dict[str, Any] = {
        "tenant_id": row.tenant_id,
        "name": row.name or row.tenant_id,
        "service_requirements": row.service_requirements,
        "sla_target": row.sla_target,
        # By hand, the columns that are otherwise the sizing's hold what was wished.
        "preset": row.preset if by_hand else row.requested_preset,
        "gpu_type": row.gpu_type if by_hand else row.requested_gpu_type,
        "description": row.description,
    }
    return _spec(fields)


def changed_spec(spec: TenantSpec, change: TenantChange) -> TenantSpec:
    """`spec` with the fields that `change` gives; a given null is a null."""
    given = {name: getattr(change, name) for name in _CHANGEABLE if name in change.model_fields_set}
    if not given and change.deploy is None and change.options is None:
        raise invalid("body", f"nothing to change; give at least one of {', '.join(_CHANGEABLE)}")
    return _spec({**{name: getattr(spec, name) for name in TenantSpec.model_fields}, **given})


def status_while_deploying(status: str) -> str:
    """A tenant that runs keeps running while its new revision rolls out."""
    return "running" if status == "running" else "pending"


def tenant_values(spec: TenantSpec, sizing: Sizing) -> dict[str, Any]:
    """The columns of `tenants` that follow from spec and sizing."""
    return {
        "name": spec.name,
        "service_requirements": spec.service_requirements,
        "sla_target": spec.sla_target.model_dump(exclude_none=True),
        "description": spec.description,
        "requested_preset": spec.preset,
        "requested_gpu_type": spec.gpu_type,
        **sizing_values(sizing),
    }


def sizing_values(sizing: Sizing) -> dict[str, Any]:
    """The columns of `tenants` that follow from the sizing alone."""
    return {
        "preset": sizing.preset,
        "resources": sizing.resources.model_dump(),
        "cpu_limit": sizing.resources.cpu,
        "memory_limit": sizing.resources.memory,
        "gpu_limit": sizing.resources.gpu,
        "storage_limit": sizing.resources.storage,
        "gpu_type": sizing.gpu_type,
        "sizing": sizing.model_dump(mode="json"),
    }


def service_rows(sizing: Sizing) -> list[dict[str, Any]]:
    """The rows of `services`: what was asked for, and what that needs besides."""
    return [
        {
            "service_name": service.service,
            "service_type": _SERVICE_TYPE,
            "enabled": True,
            "count": service.sessions,
            "image": service.image,
            "resources": _service_resources(service),
        }
        for service in sizing.services
    ]


def deployment_values(row_id: int, roll_out: RollOut, operation: str = "deploy") -> dict[str, Any]:
    """The row of `deployments` for an operation that nobody has begun yet."""
    is_deploy = operation == "deploy"
    return {
        "deployment_id": roll_out.deployment_id,
        "tenant_id": row_id,
        "operation": operation,
        "generation": roll_out.generation,
        "revision": roll_out.revision,
        "target": roll_out.target,
        # All but a deploy goes to the deployer at once: nothing is sized or rendered.
        "phase": Phase.SIZING if is_deploy else Phase.VALIDATING,
        "message": f"the {_NOUNS.get(operation, operation)} has been asked for",
        "options": roll_out.options.model_dump(),
        "correlation_id": roll_out.correlation_id,
    }


def deploy_requested(spec: TenantSpec, roll_out: RollOut) -> Event:
    """The event that drives the pipeline."""
    return DeployRequested(
        tenant_id=spec.tenant_id,
        spec=spec,
        deployment_id=roll_out.deployment_id,
        generation=roll_out.generation,
        target=roll_out.target,
        options=roll_out.options,
    )


def operation_requested(
    tenant_id: str,
    roll_out: RollOut,
    operation: Operation,
    *,
    force: bool = False,
    digest: str | None = None,
    to: int | None = None,
) -> Event:
    """The event that goes to the deployer; for `digest` and `to` see `OperationRequested`."""
    context = DeploymentContext(
        deployment_id=roll_out.deployment_id,
        generation=roll_out.generation,
        target=roll_out.target,
        options=roll_out.options,
    )
    return OperationRequested(
        tenant_id=tenant_id, operation=operation, deployment=context, force=force, digest=digest, to=to
    )


def deletion_time(sizing: Sizing | None) -> str:
    """How long a deletion takes, from the number of pods that have to end: `1-3 minutes`."""
    pods = sum(service.replicas for service in sizing.services) if sizing else 0
    return f"1-{1 + max(1, math.ceil(pods / _PODS_A_MINUTE))} minutes"


def _spec(fields: dict[str, Any]) -> TenantSpec:
    try:
        return TenantSpec.model_validate(fields)
    except ValidationError as error:
        raise refusal([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from error


def _service_resources(service: ServiceSizing) -> dict[str, Any]:
    return {
        "cpu_request": f"{service.cpu_request_m}m",
        "memory_request": f"{service.memory_request_mib}Mi",
        "cpu_limit": f"{service.cpu_limit_m}m",
        "memory_limit": f"{service.memory_limit_mib}Mi",
        "gpu": service.gpu,
        "gpu_type": service.gpu_type,
        "replicas": service.replicas,
        "max_replicas": service.max_replicas,
    }
