"""What is asked for: by users and by other systems."""

from enum import StrEnum
from typing import Any, Literal

from shared.events.base import Event, Generation
from shared.sizing import Sizing
from shared.subjects import Subject
from shared.tenants import Duration, Model, TenantSpec


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
    ADOPT = "adopt"
    """Of a namespace that exists: it becomes the tenant's."""
    DELETE = "delete"


class DeployOptions(Model):
    """How to deploy. Times as `20m`."""

    timeout: Duration = "20m"
    resource_timeout: Duration | None = None
    on_failure: Literal["rollback", "keep", "delete"] = "keep"
    force_conflicts: bool = False
    prune: bool = True
    heal_drift: bool = False
    wait_for_capacity: bool = False
    """Where the cluster has no room, wait for it instead of being refused."""
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
    """None in an event of another system: the gateway numbers the revision when it ingests the event."""
    sizing: Sizing | None = None
    """The sizing that the gateway answered with; the calculator passes it on if its catalogue's version is current."""


class TenantUpdated(TenantCreated):
    """A tenant's requirements changed: a new revision, which needs a new sizing."""

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
    sizing: Sizing | None = None
    """As in `TenantCreated`."""

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


class OutsideRequest(Model):
    """A request of another system, before the gateway has numbered it: plain JSON, in the shape of REST's bodies."""

    subject: str
    """`tenant.created` or `deploy.requested`, without mode."""
    fields: dict[str, Any]
