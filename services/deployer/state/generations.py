"""The rules between the records of a tenant: the highest generation wins, and each one ends with one event. Pure.

A generation number is never used again, so that these rules hold in whatever order events arrive, and however often.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from services.deployer.state.progress_report import INITIAL_PROGRESS
from services.deployer.state.records import AppliedState, DesiredState, StatusEvent, SupersededGeneration
from shared.events import Operation, Phase
from shared.outcomes import Outcome
from shared.subjects import Subject

_NAMES: Mapping[Operation | None, str] = {
    None: "deployment",
    **{operation: operation.value for operation in Operation},
    Operation.DELETE: "deletion",
    Operation.ADOPT: "adoption",
}


class HigherGeneration(NamedTuple):
    """The answer to a generation that is too low: the one that is already known."""

    generation: int


def decide(
    wanted: DesiredState, current: DesiredState | None, applied: AppliedState | None
) -> DesiredState | HigherGeneration | None:
    """What to write for `wanted`: None if it is known already, HigherGeneration if it comes too late."""
    highest = max(current.generation if current else 0, applied.generation if applied else 0)
    if wanted.generation < highest:
        return HigherGeneration(highest)
    if wanted.cancelled and wanted.generation == highest:
        return _cancelled(wanted, current, applied)
    if wanted.generation == highest and not _is_missing(wanted, current, applied):
        return None
    return wanted.model_copy(update={"replaces": _superseded_by(current, applied)})


def lost_desired(current: DesiredState | None, applied: AppliedState | None) -> DesiredState | None:
    """The desired state to restore: of an unfinished generation whose record the bucket has lost. Else None."""
    if applied is None or applied.wanted is None or not _is_missing(applied.wanted, current, applied):
        return None
    return None if is_settled(applied.wanted, applied) else applied.wanted


def open_record(desired: DesiredState, previous: AppliedState | None, now: datetime) -> AppliedState:
    """The record to work with: the generation's own, or a new one that inherits the inventory of the one before."""
    if previous is not None and previous.generation == desired.generation:
        return previous
    inventory = previous.inventory if previous else ()
    return AppliedState(
        deployment_id=desired.deployment_id,
        generation=desired.generation,
        wanted=desired.model_copy(update={"replaces": ()}),
        outcome=Outcome.RUNNING,
        started_at=now,
        last_event=_first_event(desired),
        digest=previous.digest if previous else None,
        inventory=inventory,
        unfinished=unfinished_of(previous),
        stopped=desired.action == "stop" or is_stopped(previous),
        before=inventory if desired.undoes and desired.options.on_failure == "delete" else (),
    )


def is_settled(desired: DesiredState, applied: AppliedState | None) -> bool:
    """Whether nothing is left to do or to publish."""
    if applied is None or applied.generation < desired.generation:
        return False
    return applied.outcome is not Outcome.RUNNING and applied.announced


def is_concluded(desired: DesiredState, applied: AppliedState) -> bool:
    """Whether the work on exactly this generation has ended."""
    return applied.generation == desired.generation and applied.outcome is not Outcome.RUNNING


def is_unreported(generation: int, applied: AppliedState | None) -> bool:
    """Whether no final event of `generation` has been recorded."""
    if applied is None or generation > applied.generation:
        return True
    return generation == applied.generation and applied.outcome is Outcome.RUNNING


def is_stopped(previous: AppliedState | None) -> bool:
    """Whether the tenant was stopped. A record of 0.1 shows it only by its desired state."""
    if previous is None:
        return False
    if previous.outcome is Outcome.CANCELLED:
        return previous.stopped
    return previous.stopped or (previous.wanted is not None and previous.wanted.action == "stop")


def is_healed(applied: AppliedState) -> bool:
    """Whether drift is healed. Not after a cancelled deployment: what it applied stays."""
    is_wanted = applied.wanted is not None and applied.wanted.options.heal_drift
    return is_wanted and applied.outcome is not Outcome.CANCELLED


def unfinished_of(previous: AppliedState | None) -> tuple[str, ...]:
    """Manifests that began since the last healthy one. Until one completes, no more than their minimum is promised."""
    if previous is None or previous.outcome in (Outcome.COMPLETED, Outcome.ROLLED_BACK, Outcome.DELETED):
        return ()
    changed_nothing = previous.outcome is Outcome.CANCELLED and not previous.changed
    begun = previous.wanted.digest if previous.wanted and not changed_nothing else None
    return tuple(dict.fromkeys((*previous.unfinished, *((begun,) if begun else ()))))


def _cancelled(wanted: DesiredState, current: DesiredState | None, applied: AppliedState | None) -> DesiredState | None:
    """The desired state of a known generation with the mark that it is cancelled; None if it has ended, or has it."""
    if applied is not None and is_concluded(wanted, applied):
        return None
    known = current
    if known is None or known.generation != wanted.generation:  # lost: the record of the work has a copy
        known = applied.wanted if applied is not None else None
    if known is None or known.cancelled or known.action == "delete":
        return None
    return known.model_copy(update={"cancelled": True})


def _first_event(desired: DesiredState) -> StatusEvent:
    return StatusEvent(
        subject=Subject.DEPLOY_STARTED,
        sequence=0,
        phase=Phase.SCALING_SERVICES if desired.action == "stop" else Phase.CREATING_NAMESPACE,
        progress=INITIAL_PROGRESS,
        message=f"the {_NAMES[desired.operation]} has begun",
    )


def _is_missing(wanted: DesiredState, current: DesiredState | None, applied: AppliedState | None) -> bool:
    """Whether the record of `wanted` is lost, or was replaced by an older one. A deleted tenant has none."""
    if current is not None:
        return current.generation < wanted.generation
    is_deleted = applied is not None and applied.outcome is Outcome.DELETED and applied.announced
    return not is_deleted


def _superseded_by(current: DesiredState | None, applied: AppliedState | None) -> tuple[SupersededGeneration, ...]:
    """The unreported generations that a new desired state replaces."""
    if current is None:
        return ()
    last = SupersededGeneration.model_validate(current.model_dump(include=set(SupersededGeneration.model_fields)))
    return tuple(each for each in (*current.replaces, last) if is_unreported(each.generation, applied))
