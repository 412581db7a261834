"""One example of each event, for documentation and tests: the documented call centre on its way to running."""

from datetime import UTC, datetime

from shared.events import (
    AlertRaised,
    AlertResolved,
    DeployCancelled,
    DeployCompleted,
    DeployDrifted,
    DeployFailed,
    DeploymentContext,
    DeployProgressed,
    DeployRequested,
    DeployRolledBack,
    DeployStarted,
    DeploySuperseded,
    Event,
    IncidentChanged,
    IncidentClosed,
    IncidentOpened,
    ManifestRejected,
    ManifestRendered,
    MetricsCollected,
    MetricsSampled,
    Operation,
    OperationRequested,
    Phase,
    ResourcesCalculated,
    ResourcesRejected,
    ResourceState,
    SlaReported,
    TenantCreated,
    TenantDeleted,
    TenantSample,
    TenantUpdated,
)
from shared.sizing import ResourceTotals, ServiceSizing, Sizing
from shared.tenants import SlaTarget, TenantSpec

_TENANT = "ai-call-center"
_DEPLOYMENT = "dep-01hv2k7zq3w8"
_NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)

SPEC = TenantSpec(
    tenant_id=_TENANT,
    name="AI 콜센터",
    service_requirements={"callbot": 100, "chatbot": 200, "advisor": 50},
    sla_target=SlaTarget(availability="99.5%", response_time="200ms"),
)
CONTEXT = DeploymentContext(deployment_id=_DEPLOYMENT, generation=1, target="simulator")
_CALLBOT = ServiceSizing(
    service="callbot",
    sessions=100,
    replicas=2,
    max_replicas=4,
    cpu_request_m=1000,
    cpu_limit_m=2000,
    memory_request_mib=2048,
    memory_limit_mib=4096,
    image="ecp-ai/callbot:1.0.0",
    port=8080,
    reason="100 sessions at 50 a replica",
)
SIZING = Sizing(
    catalog_version="5d2c0f1e9b7a4836",
    recommended_preset="large",
    preset="large",
    services=(_CALLBOT,),
    resources=ResourceTotals(cpu="2000m", memory="4Gi", gpu=0, storage="0.1TB"),
    gpu_type=None,
    estimated_cost="$120/month",
    monthly_cost_usd=120.0,
    deployment_time="5-10 minutes",
)
_DEPLOY = {"tenant_id": _TENANT, "deployment_id": _DEPLOYMENT, "generation": 1, "target": "simulator"}
_WAITING = {"phase": Phase.WAITING_HEALTHY, "progress": 75}
_DONE = {"phase": Phase.DONE, "progress": 100}
_ALERT = {
    "tenant_id": _TENANT,
    "alert_id": "alert-5f0c2d3a41b7e896",
    "fingerprint": "9b1e2c4d5f60718293a4b5c6d7e8f901",
    "name": "high_cpu_usage",
    "severity": "warning",
    "type": "resource_usage",
    "message": "cpu is 85.2 %: above 80 % for 5m",
    "metric": "cpu",
    "threshold": 80.0,
    "condition": "cpu_usage > 80",
    "time": _NOON,
}
_INCIDENT = {
    "tenant_id": _TENANT,
    "incident_id": "incident-0c1d2e3f4a5b",
    "title": "high_cpu_usage",
    "severity": "warning",
    "alerts": ("9b1e2c4d5f60718293a4b5c6d7e8f901",),
    "opened_at": _NOON,
    "time": _NOON,
}

_ALL: tuple[Event, ...] = (
    TenantCreated(tenant_id=_TENANT, spec=SPEC, revision=1),
    TenantUpdated(tenant_id=_TENANT, spec=SPEC, revision=2),
    TenantDeleted(tenant_id=_TENANT, deletion_id="del-01hv2k7zq3w8", generation=4),
    DeployRequested(
        tenant_id=_TENANT, spec=SPEC, deployment_id=_DEPLOYMENT, generation=1, target="simulator", sizing=SIZING
    ),
    OperationRequested(tenant_id=_TENANT, operation=Operation.DELETE, deployment=CONTEXT),
    ResourcesCalculated(tenant_id=_TENANT, spec=SPEC, sizing=SIZING, deployment=CONTEXT),
    ResourcesRejected(
        tenant_id=_TENANT, code="VALIDATION_ERROR", message="service_requirements.callbott: unknown service"
    ),
    ManifestRendered(
        tenant_id=_TENANT,
        deployment=CONTEXT,
        digest="sha256:" + "0" * 64,
        summary={"Namespace": 1, "Deployment": 1, "Service": 1, "HorizontalPodAutoscaler": 1},
    ),
    ManifestRejected(tenant_id=_TENANT, deployment=CONTEXT, code="MANIFEST_INVALID", message="quota is too small"),
    DeployStarted.model_validate({**_DEPLOY, "message": "Started", "phase": Phase.CREATING_NAMESPACE, "progress": 30}),
    DeployProgressed.model_validate(
        {
            **_DEPLOY,
            **_WAITING,
            "message": "callbot: 1 of 2 replicas are ready",
            "resources": [ResourceState(type="Deployment", name="callbot", status="Progressing", replicas="1/2")],
        }
    ),
    DeployCompleted.model_validate({**_DEPLOY, **_DONE, "message": "Everything runs"}),
    DeployFailed.model_validate(
        {**_DEPLOY, **_WAITING, "message": "Deployment callbot: ImagePullBackOff", "code": "DEPLOYMENT_FAILED"}
    ),
    DeployRolledBack.model_validate({**_DEPLOY, **_DONE, "message": "Back to generation 1"}),
    DeploySuperseded.model_validate({**_DEPLOY, **_WAITING, "message": "Generation 2 is newer", "superseded_by": 2}),
    DeployCancelled.model_validate(
        {**_DEPLOY, **_WAITING, "message": "cancelled; 12 of 20 objects are applied and stay", "changed": True}
    ),
    DeployDrifted.model_validate(
        {
            **_DEPLOY,
            **_DONE,
            "message": "Deployment callbot: .spec.replicas was changed by kubectl-edit (0 instead of 2)",
            "drift": [
                {
                    "type": "Deployment",
                    "name": "callbot",
                    "reason": "changed",
                    "field": ".spec.replicas",
                    "manager": "kubectl-edit",
                    "wanted": "2",
                    "found": "0",
                }
            ],
        }
    ),
    MetricsCollected(
        tenant_id=_TENANT,
        time=_NOON,
        values={"cpu": 65.5, "memory": 78.2, "gpu": 85.0, "available": 1.0},
        source="their-monitoring",
    ),
    MetricsSampled(
        time=_NOON,
        source="kubernetes",
        samples=(
            TenantSample(
                tenant_id=_TENANT,
                values={"cpu": 65.5, "memory": 78.2, "pods_ready": 4.0, "pods_wanted": 4.0, "available": 1.0},
                services={"callbot": True, "tts": True},
            ),
            TenantSample(tenant_id="other-tenant", values={"pods_ready": 0.0, "available": 0.0}),
        ),
    ),
    SlaReported(
        tenant_id=_TENANT,
        time=_NOON,
        since=_NOON,
        availability=99.97,
        target=99.5,
        status="meeting",
        downtime_seconds=15.0,
        observed_seconds=50_000.0,
        failures=1,
    ),
    AlertRaised.model_validate({**_ALERT, "current_value": 85.2}),
    AlertResolved.model_validate({**_ALERT, "current_value": 71.0}),
    IncidentOpened.model_validate({**_INCIDENT, "status": "open"}),
    IncidentChanged.model_validate({**_INCIDENT, "status": "acknowledged", "change": "acknowledged", "by": "jimin"}),
    IncidentClosed.model_validate({**_INCIDENT, "status": "closed"}),
)

EXAMPLES: dict[str, Event] = {event.subject: event for event in _ALL}
"""By subject (without mode); complete, as a test shows."""
