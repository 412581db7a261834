"""`deploy.drifted`, made from a record. Pure."""

from services.deployer.drift import differences
from services.deployer.state.records import AppliedState, DriftRecord
from shared.events import DeployDrifted, Phase
from shared.outcomes import Outcome


def event_of(applied: AppliedState) -> DeployDrifted:
    """The event of the recorded drift: equal however often it is made."""
    known, wanted = applied.drift, applied.wanted
    assert known is not None and wanted is not None  # noqa: S101 - called for recorded drift only
    heals = wanted.options.heal_drift and bool(known.items)
    return DeployDrifted(
        tenant_id=wanted.tenant_id,
        deployment_id=applied.deployment_id,
        generation=applied.generation,
        target=wanted.target,
        operation=wanted.operation,
        message=_message(known, heals=heals),
        phase=Phase.DONE,
        progress=100,
        sequence=known.sequence,
        drift=known.items,
        heals=known.heals,
        next_heal=differences.next_heal(known.heals, known.healed_at) if heals else None,
        outcome="rolled_back" if applied.outcome is Outcome.ROLLED_BACK else "completed",
    )


def _message(known: DriftRecord, *, heals: bool) -> str:
    if not known.items:
        return "what runs is what was deployed again"
    text = differences.describe(known.items)
    if heals and known.heals >= differences.CONTESTED:
        text += f"; healed {known.heals} times, and changed again each time: the pause before the next grows"
    return text
