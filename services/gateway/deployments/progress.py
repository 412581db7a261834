"""The answer of `deployment-status`, from stored rows. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from services.gateway.deployments.observed import message_now, resources_now, services_in
from services.gateway.deployments.outcome import overall_status
from services.gateway.deployments.schemas import DeploymentState, DriftState, LogLine
from shared.durations import Estimate
from shared.events import Phase, ResourceState
from shared.events.statuses import ENDED

_DONE = frozenset({"Active", "Available", "Bound", "Complete", "Degraded", "Skipped", "Stopped"})
"""Resource states of the deployer that a deployment doesn't wait for."""
_WORKERS = {Phase.SIZING: "the calculator", Phase.RENDERING: "the manifest service", Phase.VALIDATING: "the deployer"}
_PACE_FROM = 20
"""Percent from which an operation that takes longer than all before it has a pace of its own."""
_USUAL_OUTBOX_SECONDS = 2.0
"""Seconds that an event may stay in the outbox in normal operation."""


def never_deployed(tenant_id: str) -> DeploymentState:
    """The answer for a tenant without any operation."""
    return DeploymentState(
        tenant_id=tenant_id,
        deployment_id=None,
        status="pending",
        overall_status="pending",
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
    tenant: Any,
    deployment: Any,
    events: Sequence[Any],
    now: datetime,
    *,
    estimate: Estimate | None = None,
    unpublished: float = 0,
) -> DeploymentState:
    """The answer for a tenant's latest deployment.

    Args:
        tenant: its row.
        deployment: the row of its latest deployment.
        events: the lines of that deployment's log.
        now: the present time.
        estimate: how long such an operation takes; None for one that has ended.
        unpublished: age in seconds of the tenant's oldest event in the outbox.
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
        overall_status=overall_status(deployment.operation, deployment.status, services),
        progress=deployment.progress,
        phase=deployment.phase,
        created_resources=created,
        pending_resources=pending,
        estimated_completion=None if ended else estimated_completion(deployment, estimate, now),
        logs=[LogLine(timestamp=each.time, level=each.level, message=each.message) for each in events],
        message=message_now(deployment.message, services),
        waiting_for=None if ended else _waiting(deployment, pending, unpublished),
        target=deployment.target,
        generation=deployment.generation,
        error_code=deployment.error_code,
        drift=DriftState.model_validate(deployment.drift) if (deployment.drift or {}).get("drift") else None,
    )


def estimated_completion(deployment: Any, estimate: Estimate | None, now: datetime) -> datetime:
    """When it is expected to end, never before `now`.

    As half of those past operations that took longer than this one has until now; if none did, by its own pace.
    """
    elapsed = now - deployment.created_at
    seconds = estimate.end(elapsed.total_seconds()) if estimate else None
    if seconds is not None:
        expected = deployment.created_at + timedelta(seconds=seconds)
    else:
        expected = deployment.created_at + elapsed * (100 / max(_PACE_FROM, deployment.progress))
    latest: datetime = max(now, expected)
    return latest


def _waiting(deployment: Any, pending: Sequence[ResourceState], unpublished: float) -> str | None:
    """What it waits for, and how often its request was republished because no event of it was received."""
    waits = waiting_for(deployment.phase, deployment.message, pending, unpublished)
    times = deployment.repeats
    if not times or deployment.repeat_at is None:
        return waits
    count = "once" if times == 1 else f"{times} times"
    return f"{waits or 'the deployer'}; no event of it was received, so its request was published again {count}"


def waiting_for(phase: str, message: str, pending: Sequence[ResourceState], unpublished: float = 0) -> str | None:
    """NATS, the worker of the phase, what the deployer's message names, or the objects that aren't ready."""
    if unpublished > _USUAL_OUTBOX_SECONDS:
        return (
            f"NATS, which hasn't stored the request for {unpublished:.0f} s; it continues by itself when NATS is back"
        )
    if phase in _WORKERS:
        return _WORKERS[Phase(phase)]
    _, found, reason = message.partition("waiting for ")
    if found:
        return reason
    names = [f"{each.type} {each.name}" + (f" ({each.replicas})" if each.replicas else "") for each in pending]
    return ", ".join(names) or None
