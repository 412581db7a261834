"""`deploy.drifted`, made from a record. Pure."""

from typing import Literal

from services.deployer.drift import differences
from services.deployer.state.generations import is_healed
from services.deployer.state.records import AppliedState, DriftRecord
from shared.events import DeployDrifted, Phase
from shared.outcomes import Outcome

_OUTCOMES: dict[Outcome, Literal["completed", "rolled_back", "cancelled"]] = {
    Outcome.COMPLETED: "completed",
    Outcome.ROLLED_BACK: "rolled_back",
    Outcome.CANCELLED: "cancelled",
}


def event_of(applied: AppliedState) -> DeployDrifted:
    """The event of the recorded drift: equal however often it is made."""
    known, wanted = applied.drift, applied.wanted
    assert known is not None and wanted is not None  # noqa: S101 - called for recorded drift only
    heals = is_healed(applied) and bool(known.items)
    is_cancelled = applied.outcome is Outcome.CANCELLED
    return DeployDrifted(
        tenant_id=wanted.tenant_id,
        deployment_id=applied.deployment_id,
        generation=applied.generation,
        target=wanted.target,
        operation=wanted.operation,
        message=_message(known, heals=heals),
        phase=applied.last_event.phase if is_cancelled else Phase.DONE,
        progress=applied.last_event.progress if is_cancelled else 100,
        sequence=known.sequence,
        drift=known.items,
        heals=known.heals,
        next_heal=differences.next_heal(known.heals, known.healed_at) if heals else None,
        outcome=_OUTCOMES[applied.outcome],
    )


def _message(known: DriftRecord, *, heals: bool) -> str:
    if not known.items:
        return "what runs is what was deployed again"
    text = differences.describe(known.items)
    if heals and known.heals >= differences.CONTESTED:
        text += f"; healed {known.heals} times, and changed again each time: the pause before the next grows"
    return text
