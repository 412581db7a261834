"""How far a deployment is, as `deployment-status` says it. Pure."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from services.gateway.deployments.observed import message_now, resources_now, services_in
from services.gateway.deployments.projection import ENDED
from services.gateway.deployments.schemas import DeploymentState, DriftState, LogLine
from shared.events import Phase, ResourceState

_DONE = frozenset({"Active", "Available", "Bound", "Complete", "Degraded", "Skipped", "Stopped"})
"""The deployer's words for an object that nobody waits for."""
_WORKERS = {Phase.SIZING: "the calculator", Phase.RENDERING: "the manifest service", Phase.VALIDATING: "the deployer"}
_PACE_FROM = 20
"""Percent from which a deployment's own pace says more than the estimate for its size."""
_RANGE = re.compile(r"(\d+)(?:-(\d+))? minutes?")
_FALLBACK_MINUTES = 15
_USUAL_SECONDS = 2.0
"""What the outbox may take without anything being wrong."""


def never_deployed(tenant_id: str) -> DeploymentState:
    """The answer for a tenant without any operation."""
    return DeploymentState(
        tenant_id=tenant_id,
        deployment_id=None,
        status="pending",
        progress=0,
        phase=Phase.SIZING,
        created_resources=[],
        pending_resources=[],
        estimated_completion=None,
        logs=[],
        message="it has not been deployed yet",
        waiting_for=f"POST /api/v1/tenants/{tenant_id}/deploy",
        target=None,
        generation=None,
        error_code=None,
    )


def deployment_state(
    tenant: Any, deployment: Any, events: Sequence[Any], now: datetime, unsent: float = 0
) -> DeploymentState:
    """From the tenant's row, its latest deployment's, and the lines of the latter's log.

    `unsent` is for how many seconds NATS hasn't taken what was said of the tenant.
    """
    ended = deployment.status in ENDED
    services = services_in(tenant.sla, since=deployment.updated_at) if ended else {}
    resources = resources_now([ResourceState.model_validate(each) for each in deployment.resources], services)
    created = [each for each in resources if each.status in _DONE]
    pending = [each for each in resources if each.status not in _DONE]
    return DeploymentState(
        tenant_id=tenant.tenant_id,
        deployment_id=deployment.deployment_id,
        status=deployment.status,
        progress=deployment.progress,
        phase=deployment.phase,
        created_resources=created,
        pending_resources=pending,
        estimated_completion=None if ended else estimated_completion(deployment, tenant.sizing, now),
        logs=[LogLine(timestamp=each.time, level=each.level, message=each.message) for each in events],
        message=message_now(deployment.message, services),
        waiting_for=None if ended else _waiting(deployment, pending, unsent),
        target=deployment.target,
        generation=deployment.generation,
        error_code=deployment.error_code,
        drift=DriftState.model_validate(deployment.drift) if (deployment.drift or {}).get("drift") else None,
    )


def estimated_completion(deployment: Any, sizing: dict[str, Any] | None, now: datetime) -> datetime:
    """By the deployment's own pace once it has one, else by the upper bound of the sizing's estimate; never past."""
    elapsed = now - deployment.created_at
    if deployment.progress >= _PACE_FROM:
        expected = deployment.created_at + elapsed * (100 / deployment.progress)
    else:
        expected = deployment.created_at + timedelta(minutes=_upper_minutes((sizing or {}).get("deployment_time", "")))
    latest: datetime = max(now, expected)
    return latest


def _waiting(deployment: Any, pending: Sequence[ResourceState], unsent: float) -> str | None:
    """What it waits for, and that nothing was heard of it where that is so."""
    waits = waiting_for(deployment.phase, deployment.message, pending, unsent)
    times = deployment.repeats
    if not times or deployment.repeat_at is None:
        return waits
    count = "once" if times == 1 else f"{times} times"
    return f"{waits or 'the deployer'}; nothing was heard of it, so its request was published again {count}"


def waiting_for(phase: str, message: str, pending: Sequence[ResourceState], unsent: float = 0) -> str | None:
    """NATS, which worker has its turn, what the deployer says that it waits for, or the objects that aren't ready."""
    if unsent > _USUAL_SECONDS:
        return f"NATS, which hasn't taken the request for {unsent:.0f} s; it goes on by itself when NATS is back"
    if phase in _WORKERS:
        return _WORKERS[Phase(phase)]
    _, found, said = message.partition("waiting for ")
    if found:
        return said
    names = [f"{each.type} {each.name}" + (f" ({each.replicas})" if each.replicas else "") for each in pending]
    return ", ".join(names) or None


def _upper_minutes(text: str) -> int:
    match = _RANGE.search(text)
    return int(match[2] or match[1]) if match else _FALLBACK_MINUTES
