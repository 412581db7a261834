"""The events of a generation, made from its records: equal however often, and by whichever replica. Pure."""

from typing import Any

from services.deployer.state.progress_report import INITIAL_PROGRESS
from services.deployer.state.records import AppliedState, DesiredState, SupersededGeneration
from shared.events import EVENTS, DeploySuperseded, Event, Operation, Phase, TenantDeleted
from shared.subjects import Subject


def last_event_of(desired: DesiredState, applied: AppliedState) -> Event:
    """The last recorded event of the generation."""
    last = applied.last_event
    if last.subject is Subject.TENANT_DELETED:
        return TenantDeleted(
            tenant_id=desired.tenant_id,
            deletion_id=desired.deployment_id,
            generation=desired.generation,
            message=last.message,
        )
    fields: dict[str, Any] = {
        **desired.model_dump(include={"tenant_id", "deployment_id", "generation", "target", "operation"}),
        **last.model_dump(include={"message", "phase", "progress", "resources", "code"}),
        "digest": applied.digest if _has_own_manifest(desired, last.subject) else desired.digest,
        "changed": applied.changed,
    }
    return EVENTS[last.subject].model_validate(fields)


def superseded_event_of(
    desired: DesiredState, replaced: SupersededGeneration, applied: AppliedState | None
) -> DeploySuperseded:
    """`deploy.superseded` of a generation that `desired` replaces; `applied` is the record before `desired`."""
    is_recorded = applied is not None and applied.generation == replaced.generation
    last = applied.last_event if applied is not None and is_recorded else None
    return DeploySuperseded(
        **desired.model_dump(include={"tenant_id", "target"}),
        deployment_id=replaced.deployment_id,
        generation=replaced.generation,
        operation=replaced.operation,
        message=f"generation {desired.generation} takes its place",
        phase=last.phase if last else Phase.CREATING_NAMESPACE,
        progress=last.progress if last else INITIAL_PROGRESS,
        superseded_by=desired.generation,
    )


def _has_own_manifest(desired: DesiredState, subject: Subject) -> bool:
    """Whether the manifest that runs at the end isn't the requested one: of a rollback, or an adopted one."""
    is_adopted = desired.operation is Operation.ADOPT and subject is Subject.DEPLOY_COMPLETED
    return is_adopted or subject is Subject.DEPLOY_ROLLED_BACK
