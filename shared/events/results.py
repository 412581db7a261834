"""What comes of it: sizings, manifests, deployments, and what could not be handled."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from shared.events.base import Event, Generation
from shared.events.requests import DeploymentContext, Operation, Phase
from shared.sizing import Sizing
from shared.subjects import Subject
from shared.tenants import Model, TenantSpec


class ResourcesCalculated(Event):
    """A spec was sized. With a deployment the manifest service goes on from here."""

    subject = Subject.RESOURCES_CALCULATED
    spec: TenantSpec
    sizing: Sizing
    revision: int | None = None
    deployment: DeploymentContext | None = None


class ResourcesRejected(Event):
    """A spec could not be sized; the code and the message tell what to change."""

    subject = Subject.RESOURCES_REJECTED
    code: str
    message: str
    details: dict[str, Any] = Field(default_factory=dict)
    deployment: DeploymentContext | None = None


class ManifestRendered(Event):
    """A deployment's manifest is kept under its digest."""

    subject = Subject.MANIFEST_RENDERED
    deployment: DeploymentContext
    digest: str
    """`sha256:...`, of the text in the bucket `manifests`."""
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
    """The deployer's progress with a deployment. `progress` is in percent and never falls within one generation."""

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


class DeployCancelled(DeployEvent):
    """A user cancelled a deployment before its end. What was applied stays, and `resources` has its state."""

    subject = Subject.DEPLOY_CANCELLED
    changed: bool = False
    """Whether anything in the cluster may have been changed until then."""


class Drift(Model):
    """One thing in the cluster that is no longer as it was deployed."""

    type: str
    name: str
    reason: Literal["changed", "removed", "gone"]
    """`gone`: the object itself isn't there; otherwise a field of it."""
    field: str | None = None
    """Such as `.spec.replicas`; None where the object is gone."""
    manager: str | None = None
    """Who owns the field now (`metadata.managedFields`), or wrote the object last; None where that is unknown."""
    wanted: str | None = None
    found: str | None = None
    """The values, shortened; None where there is none, and for a Secret."""


class DeployDrifted(DeployEvent):
    """What runs is no longer what was deployed, or is so again (`drift` is empty then).

    After a cancelled deployment it is compared with the manifest that was healthy last.
    """

    subject = Subject.DEPLOY_DRIFTED
    sequence: int = 1
    """Counts the changes of one deployment's drift; the highest is true."""
    drift: tuple[Drift, ...] = ()
    heals: int = 0
    """How often it was healed lately, and came back; 0 where healing wasn't asked for."""
    next_heal: datetime | None = None
    """When it is healed next."""
    outcome: Literal["completed", "rolled_back", "cancelled"] = "completed"
    """How the deployment had ended."""


class TenantDeleted(Event):
    """The last object of a tenant is gone from its cluster."""

    subject = Subject.TENANT_DELETED
    deletion_id: str
    generation: Generation
    message: str = "deleted"
    """Names a namespace that stays because others made it."""


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
