"""Every event: a small, frozen fact in the past tense, tied to the one subject that carries it.

    tenant.created ─▶ calculator ─▶ resources.calculated          (a stored sizing, no deployment)
    deploy.requested ─▶ calculator ─▶ resources.calculated ─▶ manifest ─▶ manifest.rendered ─▶ deployer ─▶ deploy.*

An event carries all that the next worker needs, so that workers keep no state and any number of copies can
run. Only a `deploy.requested` with a generation drives the pipeline to a deployment; the deployer keeps the highest
generation per (mode, target, tenant). Bodies are JSON; the envelope is in `shared.bus.envelope`.
"""

from shared.events.alerts import (
    AlertEvent,
    AlertRaised,
    AlertResolved,
    IncidentChanged,
    IncidentClosed,
    IncidentEvent,
    IncidentOpened,
)
from shared.events.base import Event, Generation
from shared.events.observations import (
    ErrorBudget,
    MetricsCollected,
    MetricsSampled,
    Moment,
    ServiceReadiness,
    SlaReported,
    TenantSample,
)
from shared.events.requests import (
    DeploymentContext,
    DeployOptions,
    DeployRequested,
    Operation,
    OperationRequested,
    OutsideRequest,
    Phase,
    TenantCreated,
    TenantUpdated,
)
from shared.events.results import (
    DeadLetter,
    DeployCancelled,
    DeployCompleted,
    DeployDrifted,
    DeployEvent,
    DeployFailed,
    DeployProgressed,
    DeployRolledBack,
    DeployStarted,
    DeploySuperseded,
    Drift,
    ManifestRejected,
    ManifestRendered,
    ResourcesCalculated,
    ResourcesRejected,
    ResourceState,
    TenantDeleted,
)

__all__ = [
    "EVENTS",
    "AlertEvent",
    "AlertRaised",
    "AlertResolved",
    "DeadLetter",
    "DeployCancelled",
    "DeployCompleted",
    "DeployDrifted",
    "DeployEvent",
    "DeployFailed",
    "DeployOptions",
    "DeployProgressed",
    "DeployRequested",
    "DeployRolledBack",
    "DeployStarted",
    "DeploySuperseded",
    "DeploymentContext",
    "Drift",
    "ErrorBudget",
    "Event",
    "Generation",
    "IncidentChanged",
    "IncidentClosed",
    "IncidentEvent",
    "IncidentOpened",
    "ManifestRejected",
    "ManifestRendered",
    "MetricsCollected",
    "MetricsSampled",
    "Moment",
    "Operation",
    "OperationRequested",
    "OutsideRequest",
    "Phase",
    "ResourceState",
    "ResourcesCalculated",
    "ResourcesRejected",
    "ServiceReadiness",
    "SlaReported",
    "TenantCreated",
    "TenantDeleted",
    "TenantSample",
    "TenantUpdated",
]


def _concrete(base: type[Event]) -> list[type[Event]]:
    below = [found for child in base.__subclasses__() for found in _concrete(child)]
    return [base, *below] if "subject" in base.__dict__ else below


EVENTS: dict[str, type[Event]] = {event.subject: event for event in _concrete(Event)}
"""The model of each subject (without mode)."""
