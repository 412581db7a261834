"""A deployment that is about to be written: its row, and the event that requests it. Pure."""

import secrets
from dataclasses import dataclass
from typing import Any

from services.gateway.http import request_context
from shared.events import DeploymentContext, DeployOptions, DeployRequested, Operation, OperationRequested, Phase
from shared.sizing import Sizing
from shared.tenants import TenantSpec

_NOUNS = {"deploy": "deployment", Operation.DELETE: "deletion", Operation.ADOPT: "adoption"}


@dataclass(frozen=True, slots=True)
class NewDeployment:
    """One operation on a tenant, with its id and generation."""

    deployment_id: str
    generation: int
    revision: int
    target: str
    options: DeployOptions
    correlation_id: str

    @classmethod
    def with_new_id(
        cls, kind: str, *, generation: int, revision: int, target: str, options: DeployOptions
    ) -> "NewDeployment":
        """One with an id such as `dep-0123456789ab`, caused by the current request. `kind` is `dep` or `del`."""
        return cls(
            deployment_id=f"{kind}-{secrets.token_hex(6)}",
            generation=generation,
            revision=revision,
            target=target,
            options=options,
            correlation_id=request_context.current().request_id,
        )


def deployment_values(row_id: int, deployment: NewDeployment, operation: str = "deploy") -> dict[str, Any]:
    """The row of `deployments` for an operation that hasn't started. `row_id` is the tenant's."""
    is_deploy = operation == "deploy"
    return {
        "deployment_id": deployment.deployment_id,
        "tenant_id": row_id,
        "operation": operation,
        "generation": deployment.generation,
        "revision": deployment.revision,
        "target": deployment.target,
        # Only a deploy is sized and rendered; everything else goes directly to the deployer.
        "phase": Phase.SIZING if is_deploy else Phase.VALIDATING,
        "message": f"the {_NOUNS.get(operation, operation)} has been requested",
        "options": deployment.options.model_dump(),
        "correlation_id": deployment.correlation_id,
    }


def deploy_requested(spec: TenantSpec, sizing: Sizing, deployment: NewDeployment) -> DeployRequested:
    """The event that starts the pipeline, with the sizing that the request was answered with."""
    return DeployRequested(
        tenant_id=spec.tenant_id,
        spec=spec,
        deployment_id=deployment.deployment_id,
        generation=deployment.generation,
        target=deployment.target,
        options=deployment.options,
        sizing=sizing,
    )


def operation_requested(
    tenant_id: str,
    deployment: NewDeployment,
    operation: Operation,
    *,
    force: bool = False,
    digest: str | None = None,
    to: int | None = None,
) -> OperationRequested:
    """The event that requests an operation of the deployer; for `digest` and `to` see `OperationRequested`."""
    context = DeploymentContext(
        deployment_id=deployment.deployment_id,
        generation=deployment.generation,
        target=deployment.target,
        options=deployment.options,
    )
    return OperationRequested(
        tenant_id=tenant_id, operation=operation, deployment=context, force=force, digest=digest, to=to
    )
