"""The records of a tenant on one target: what is desired, and what has been applied. Pure.

`repository` stores them in two key-value buckets under `<target>.<tenant>`; `generations` has the rules between them.
`AppliedState` outlives its tenant, since it refuses late events of a generation that was deleted.
"""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from shared.events import DeployOptions, Drift, Generation, Operation, Phase, ResourceState
from shared.outcomes import Outcome
from shared.subjects import Subject
from shared.tenants import Model


class SupersededGeneration(Model):
    """A generation that a higher one replaced before it ended, and whose `deploy.superseded` is unpublished."""

    deployment_id: str
    generation: Generation
    correlation_id: str
    operation: Operation | None = None


class DesiredState(Model):
    """What the deployer should make true of a tenant on one target."""

    tenant_id: str
    target: str
    deployment_id: str
    generation: Generation
    action: Literal["deploy", "stop", "delete"]
    operation: Operation | None = None
    """The operation; None for a deployment. Rollback, start and restart deploy a manifest that was healthy before."""
    digest: str | None = None
    """The manifest's digest; None for a stop and a deletion."""
    to: Generation | None = None
    """The generation that rendered the manifest, if it isn't this one."""
    restarted_at: datetime | None = None
    """For a restart: the value of the pods' annotation, equal in every attempt."""
    force: bool = False
    options: DeployOptions = DeployOptions()
    correlation_id: str
    traceparent: str | None = None
    replaces: tuple[SupersededGeneration, ...] = ()
    cancelled: bool = False
    """Whether a user cancelled it: unless it has ended, it ends where it is."""

    @property
    def key(self) -> str:
        """The key of the tenant's records."""
        return state_key(self.target, self.tenant_id)

    @property
    def undoes(self) -> bool:
        """Whether a failure is undone. Not for an operation: the manifest that it deploys was healthy before."""
        return self.action == "deploy" and self.operation is None and self.options.on_failure != "keep"


class ObjectRef(Model):
    """One object in a cluster. `uid` is None until the object is known to exist."""

    api_version: str
    kind: str
    namespace: str = ""
    name: str
    uid: str | None = None
    fields: str | None = None
    """A digest of the fields that we owned after the last apply (`managed_fields.digest`); None in records of 0.1."""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Group, kind, namespace and name: an object stays the same under another API version."""
        return (self.api_version.rpartition("/")[0], self.kind, self.namespace, self.name)

    def __str__(self) -> str:
        """Kind and name, as messages write it."""
        return f"{self.kind} {self.name}"


class StatusEvent(Model):
    """The last event of a generation, recorded before it is published: a successor publishes it under the same id."""

    subject: Subject
    sequence: int
    phase: Phase
    progress: int
    message: str
    resources: tuple[ResourceState, ...] = ()
    code: str | None = None


class RecordedFailure(Model):
    """Why a generation failed. `deploy.failed` or `deploy.rolled_back` follows when undoing it has ended."""

    code: str
    message: str
    at: datetime


class DriftRecord(Model):
    """How the cluster differs from what was deployed, recorded before it is published."""

    sequence: int
    items: tuple[Drift, ...] = ()
    announced: bool = False
    heals: int = 0
    """Heals since the drift last stayed away for long."""
    healed_at: datetime | None = None
    healed: tuple[str, ...] = ()
    """What those heals restored, as `differences.names_of` returns it."""
    reported_heals: int = 0
    """`heals` when drift was last reported: a heal that didn't last is reported again."""


class AppliedState(Model):
    """What a generation has reached so far, or how it ended."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    deployment_id: str
    generation: Generation
    wanted: DesiredState | None = None
    """The desired state of this generation, to report its end after another one replaced it; None in records of 0.1."""
    outcome: Outcome
    started_at: datetime
    last_event: StatusEvent = Field(alias="word")
    """The alias is the field's name in stored records."""
    announced: bool = False
    """Whether the final event is known to have been published."""
    digest: str | None = None
    """The manifest that was healthy last."""
    inventory: tuple[ObjectRef, ...] = ()
    """Every object of ours that may be in the cluster, of this generation or an earlier one."""
    before: tuple[ObjectRef, ...] = ()
    """The inventory when this generation began; only where a failure deletes the objects that it created."""
    has_room_since: datetime | None = None
    """When a deployment with `wait_for_capacity` got its capacity; its timeout counts from then."""
    unfinished: tuple[str, ...] = ()
    """Manifests of generations that began after the last healthy one and didn't complete."""
    stopped: bool = False
    """Whether the tenant has been stopped on purpose, from the beginning of the stop."""
    changed: bool = False
    """Whether this generation may have changed anything in the cluster; False in records of 0.1."""
    failure: RecordedFailure | None = None
    """Set as soon as the generation is being undone; a successor continues with that."""
    drift: DriftRecord | None = None
    """Drift of a concluded deployment; None if there never was any."""

    @property
    def since(self) -> datetime:
        """When the current work began: undoing a failure has the whole timeout again."""
        return self.failure.at if self.failure is not None else self.has_room_since or self.started_at


def state_key(target: str, tenant_id: str) -> str:
    """The key of a tenant's records."""
    return f"{target}.{tenant_id}"
