"""Every event: a small, frozen fact in the past tense, tied to the one subject that carries it.

    tenant.created ─▶ calculator ─▶ resources.calculated          (a stored sizing, no deployment)
    deploy.requested ─▶ calculator ─▶ resources.calculated ─▶ manifest ─▶ manifest.rendered ─▶ deployer ─▶ deploy.*

An event carries all that the next worker needs, so that workers keep no state and any number of copies can
run. Only a `deploy.requested` with a generation drives the pipeline to a deployment; whoever acts keeps the highest
generation per (mode, target, tenant). Bodies are JSON; the envelope is in `shared.bus.envelope`.
"""

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, Field

from shared.sizing import Sizing
from shared.subjects import Subject
from shared.tenants import Duration, Model, TenantSpec

Generation = Annotated[int, Field(ge=1)]


class Event(Model):
    """Base of all events. `subject` is the one that carries it; `tenant_id` is the CloudEvents subject."""

    subject: ClassVar[Subject]
    tenant_id: str


class Phase(StrEnum):
    """Where a deployment is."""

    SIZING = "sizing"
    RENDERING = "rendering"
    VALIDATING = "validating"
    CREATING_NAMESPACE = "creating-namespace"
    CREATING_CONFIGURATION = "creating-configuration"
    CREATING_SERVICES = "creating-services"
    SCALING_SERVICES = "scaling-services"
    WAITING_HEALTHY = "waiting-healthy"
    DONE = "done"


class Operation(StrEnum):
    """What a user can ask of a tenant's deployment besides a new one."""

    ROLLBACK = "rollback"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    CANCEL = "cancel"
    DELETE = "delete"


class DeployOptions(Model):
    """How to deploy. Times as `20m`."""

    timeout: Duration = "20m"
    resource_timeout: Duration | None = None
    on_failure: Literal["rollback", "keep", "delete"] = "keep"
    force_conflicts: bool = False
    prune: bool = True
    heal_drift: bool = False
    include_monitoring: bool = True
    include_ingress: bool = False
    prometheus_operator: bool = False
    """With monitoring: a ServiceMonitor and burn-rate alerts as well, for clusters with the Prometheus Operator."""
    external_secrets: bool = False
    """Let External Secrets fill the credentials, from the operator's ClusterSecretStore."""


class DeploymentContext(Model):
    """What makes an event part of a deployment, carried along the pipeline unchanged."""

    deployment_id: str
    generation: Generation
    target: str
    """`simulator`, `kubernetes`, a named cluster or `gitops`."""
    options: DeployOptions = DeployOptions()


class TenantCreated(Event):
    """A tenant was asked for. The calculator stores a sizing; a deployment needs a `deploy.requested`."""

    subject = Subject.TENANT_CREATED
    spec: TenantSpec
    revision: int | None = None
    """None when another system says so; the gateway's intake numbers it."""


class TenantUpdated(TenantCreated):
    """A tenant's requirements changed: a new revision, to be sized anew."""

    subject = Subject.TENANT_UPDATED


class DeployRequested(Event):
    """A tenant's spec is to run on a target. With a generation it drives the pipeline to a deployment."""

    subject = Subject.DEPLOY_REQUESTED
    spec: TenantSpec
    deployment_id: str | None = None
    generation: Generation | None = None
    """None when another system asks; workers skip it and the gateway's intake numbers it."""
    target: str | None = None
    options: DeployOptions = DeployOptions()

    @property
    def deployment(self) -> DeploymentContext | None:
        """The context to carry on, or None for a request that has not been numbered yet."""
        if self.deployment_id is None or self.generation is None or self.target is None:
            return None
        return DeploymentContext(
            deployment_id=self.deployment_id, generation=self.generation, target=self.target, options=self.options
        )


class OperationRequested(Event):
    """Something other than a new deployment is to happen to what runs: stop it, go back, delete it."""

    subject = Subject.OPERATION_REQUESTED
    operation: Operation
    deployment: DeploymentContext
    force: bool = False
    """For a deletion: don't wait for finalizers."""
    digest: str | None = None
    """For a rollback, a start and a restart: the manifest that is to run."""
    to: Generation | None = None
    """The generation that brought this manifest about last."""


class ResourcesCalculated(Event):
    """A spec was sized. With a deployment the manifest service goes on from here."""

    subject = Subject.RESOURCES_CALCULATED
    spec: TenantSpec
    sizing: Sizing
    revision: int | None = None
    deployment: DeploymentContext | None = None


class ResourcesRejected(Event):
    """A spec could not be sized; the code and the message say what to change."""

    subject = Subject.RESOURCES_REJECTED
    code: str
    message: str
    details: dict[str, Any] = Field(default_factory=dict)
    deployment: DeploymentContext | None = None


class ManifestRendered(Event):
    """A deployment's manifest lies in the object store under its digest."""

    subject = Subject.MANIFEST_RENDERED
    deployment: DeploymentContext
    digest: str
    """`sha256:...`, the key of the text in the object store `manifests`."""
    summary: dict[str, int]
    """Objects by kind, e.g. `{"Deployment": 5}`."""
    findings: tuple[str, ...] = ()


class ManifestRejected(Event):
    """A deployment's manifest could not be rendered, or did not pass validation."""

    subject = Subject.MANIFEST_REJECTED
    deployment: DeploymentContext
    code: str
    message: str
    findings: tuple[str, ...] = ()


class ResourceState(Model):
    """One object of a deployment, as a person sees it: `{"type": "Deployment", "name": "callbot", ...}`."""

    type: str
    name: str
    status: str
    replicas: str | None = Field(default=None, exclude_if=lambda value: value is None)
    """`"3/3"`, ready of wanted; left out where nothing has replicas."""


class DeployEvent(Event):
    """What the deployer says of a deployment. `progress` is in percent and never falls within one generation."""

    deployment_id: str
    generation: Generation
    target: str
    message: str
    phase: Phase
    progress: int = Field(ge=0, le=100)
    resources: tuple[ResourceState, ...] = ()
    operation: Operation | None = None
    """What was asked for; None for a deploy."""


class DeployStarted(DeployEvent):
    """The deployer has begun to make the cluster agree."""

    subject = Subject.DEPLOY_STARTED


class DeployProgressed(DeployEvent):
    """A deployment has come further, or waits for something that the message names."""

    subject = Subject.DEPLOY_PROGRESSED


class DeployCompleted(DeployEvent):
    """Everything of a deployment is there and healthy; of a stop: nothing runs any more."""

    subject = Subject.DEPLOY_COMPLETED
    digest: str | None = None


class DeployFailed(DeployEvent):
    """A deployment did not become healthy; the message names the resource and the reason."""

    subject = Subject.DEPLOY_FAILED
    code: str
    """A stable code, e.g. `DEPLOYMENT_FAILED`, `KUBERNETES_ERROR`; `message` names the resource and the reason."""


class DeployRolledBack(DeployEvent):
    """An earlier manifest runs again: it was asked for, or a deployment failed that was to go back then."""

    subject = Subject.DEPLOY_ROLLED_BACK
    digest: str | None = None
    """Of the manifest that runs now."""


class DeploySuperseded(DeployEvent):
    """A newer generation took a deployment's place before it was done."""

    subject = Subject.DEPLOY_SUPERSEDED
    superseded_by: Generation


class DeployDrifted(DeployEvent):
    """What runs is no longer what was deployed."""

    subject = Subject.DEPLOY_DRIFTED


class TenantDeleted(Event):
    """The last object of a tenant is gone from its cluster."""

    subject = Subject.TENANT_DELETED
    deletion_id: str
    generation: Generation


class Moment(Model):
    """What was measured at one time."""

    time: AwareDatetime
    values: dict[str, float]


class MetricsCollected(Event):
    """One moment of one tenant. Values in percent unless the name says otherwise; `available` is 1 or 0."""

    subject = Subject.METRICS_COLLECTED
    time: AwareDatetime
    values: dict[str, float]
    source: str
    services: dict[str, bool] = Field(default_factory=dict)
    """Whether each workload has its minimum ready, from whoever reads the cluster; the unknown ones are left out."""
    earlier: tuple[Moment, ...] = Field(default=(), exclude_if=lambda value: not value)
    """Moments before this one, where a list of them is said at once."""

    @property
    def moments(self) -> tuple[Moment, ...]:
        """All of them, in the order in which they were said."""
        return (*self.earlier, Moment(time=self.time, values=self.values))


class ErrorBudget(Model):
    """How much downtime a period allows, and how much of it is gone."""

    allowed_seconds: float
    spent_seconds: float
    left_percent: float
    """Negative when more was spent than allowed."""
    exhausts_at: AwareDatetime | None = None
    """When it was used up, or will be if the last day goes on like this; None if it lasts."""


class SlaReported(Event):
    """Availability so far. Percentages; `unknown` time counts neither as up nor as down and is shown."""

    subject = Subject.SLA_REPORTED
    time: AwareDatetime
    since: AwareDatetime
    availability: float | None = None
    """None where nothing is known."""
    target: float
    status: Literal["meeting", "violated", "unknown"]
    downtime_seconds: float
    observed_seconds: float
    failures: int
    unknown_seconds: float = 0
    maintenance_seconds: float = 0
    mttr_seconds: float | None = None
    mtbf_seconds: float | None = None
    error_budget: ErrorBudget | None = None
    """Of the last 30 days."""
    burn_rates: dict[str, float | None] = Field(default_factory=dict)
    """By window (`1h`): 1 uses the budget up just at the period's end; None where nothing is known."""


class AlertEvent(Event):
    """What both alert events say."""

    alert_id: str
    severity: Literal["info", "warning", "critical"]
    type: str
    message: str
    metric: str
    current_value: float
    threshold: float
    time: AwareDatetime


class AlertRaised(AlertEvent):
    """A tenant's alert rule holds."""

    subject = Subject.ALERT_RAISED


class AlertResolved(AlertEvent):
    """A tenant's alert rule holds no longer."""

    subject = Subject.ALERT_RESOLVED


def _concrete(base: type[Event]) -> list[type[Event]]:
    below = [found for child in base.__subclasses__() for found in _concrete(child)]
    return [base, *below] if "subject" in base.__dict__ else below


class DeadLetter(Model):
    """What is left of an event that a consumer couldn't handle. It travels as the event's own body and headers."""

    id: str
    subject: str
    """The event's, without mode."""
    consumer: str
    code: str
    reason: str
    body: dict[str, Any] | None
    """The event's fields, or None if it wasn't a JSON object."""


class OutsideRequest(Model):
    """A request of another system, before the gateway has numbered it: plain JSON, in the shape of REST's bodies."""

    subject: str
    """`tenant.created` or `deploy.requested`, without mode."""
    fields: dict[str, Any]


EVENTS: dict[str, type[Event]] = {event.subject: event for event in _concrete(Event)}
"""The model of each subject (without mode)."""
