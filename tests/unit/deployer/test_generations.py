"""The highest generation wins, in whatever order and however often they come."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.deployer.state.generations import HigherGeneration, decide, is_settled, lost_desired
from services.deployer.state.records import AppliedState, DesiredState, StatusEvent
from shared.events import Phase
from shared.outcomes import Outcome
from shared.subjects import Subject


def desired(generation: int) -> DesiredState:
    return DesiredState(
        tenant_id="acme",
        target="simulator",
        deployment_id=f"dep-{generation}",
        generation=generation,
        action="deploy",
        digest=f"sha256:{generation}",
        correlation_id="req",
    )


def applied(generation: int, outcome: Outcome, *, announced: bool = True) -> AppliedState:
    last_event = StatusEvent(
        subject=Subject.DEPLOY_STARTED, sequence=0, phase=Phase.CREATING_NAMESPACE, progress=10, message="begun"
    )
    return AppliedState(
        deployment_id=f"dep-{generation}",
        generation=generation,
        outcome=outcome,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        last_event=last_event,
        announced=announced,
    )


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_any_order_of_generations_ends_at_the_highest(generations: list[int]) -> None:
    current: DesiredState | None = None
    highest = 0
    for generation in generations:
        decision = decide(desired(generation), current, None)
        if generation > highest:
            assert isinstance(decision, DesiredState)
            current, highest = decision, generation
        else:
            assert decision == (None if generation == highest else HigherGeneration(highest))
    assert current is not None
    assert current.generation == max(generations)
    rising = sorted({each for n, each in enumerate(generations) if each > max(generations[:n], default=0)})
    assert [each.generation for each in current.replaces] == rising[:-1]


def test_a_record_that_the_bucket_has_lost_is_written_again() -> None:
    for outcome in (Outcome.RUNNING, Outcome.COMPLETED, Outcome.FAILED):
        recorded = applied(5, outcome)
        for found in (None, desired(3)):
            assert decide(desired(5), found, recorded) == desired(5)
        assert decide(desired(5), desired(5), recorded) is None


def test_work_whose_record_is_gone_goes_on_from_what_was_applied() -> None:
    recorded = applied(5, Outcome.RUNNING).model_copy(update={"wanted": desired(5)})
    assert lost_desired(None, recorded) == lost_desired(desired(3), recorded) == desired(5)
    assert lost_desired(desired(5), recorded) is None
    assert lost_desired(desired(6), recorded) is None
    concluded = applied(5, Outcome.COMPLETED).model_copy(update={"wanted": desired(5)})
    assert lost_desired(None, concluded) is None
    unheard = applied(5, Outcome.COMPLETED, announced=False).model_copy(update={"wanted": desired(5)})
    assert lost_desired(None, unheard) == desired(5)


def test_a_deleted_tenant_s_generation_still_rules() -> None:
    gone = applied(5, Outcome.DELETED)
    assert decide(desired(4), None, gone) == HigherGeneration(5)
    assert decide(desired(5), None, gone) is None
    again = decide(desired(6), None, gone)
    assert isinstance(again, DesiredState)
    assert again.replaces == ()


def test_only_unreported_generations_are_superseded() -> None:
    for outcome, replaced in ((Outcome.COMPLETED, 0), (Outcome.FAILED, 0), (Outcome.RUNNING, 1)):
        decision = decide(desired(2), desired(1), applied(1, outcome))
        assert isinstance(decision, DesiredState)
        assert len(decision.replaces) == replaced


def test_a_tenant_is_settled_when_its_end_has_been_announced() -> None:
    assert not is_settled(desired(1), None)
    assert not is_settled(desired(2), applied(1, Outcome.COMPLETED))
    assert not is_settled(desired(1), applied(1, Outcome.RUNNING))
    assert not is_settled(desired(1), applied(1, Outcome.COMPLETED, announced=False))
    assert is_settled(desired(1), applied(1, Outcome.FAILED))


def test_a_stored_record_keeps_the_field_names_of_earlier_versions() -> None:
    stored = applied(1, Outcome.COMPLETED).model_dump_json(exclude_none=True)
    assert '"word":{' in stored
    assert AppliedState.model_validate_json(stored) == applied(1, Outcome.COMPLETED)
