"""A history of operations, deliveries shuffled, repeated and dropped: the end state is the highest generation's.

The reconciler is played by `settle`, at any moment in between: what it brought about is what the next decision sees.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from services.deployer.state.generations import HigherGeneration, decide
from services.deployer.state.records import AppliedState, DesiredState, StatusEvent
from shared.events import Phase
from shared.outcomes import Outcome
from shared.subjects import Subject

Action = Literal["deploy", "stop", "delete"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Records:
    """The two records of one tenant, as the key-value buckets keep them."""

    def __init__(self) -> None:
        self.desired: DesiredState | None = None
        self.applied: AppliedState | None = None
        self.done: list[int] = []
        """Generations that were brought about, in the order in which it happened."""

    def deliver(self, wanted: DesiredState) -> None:
        decision = decide(wanted, self.desired, self.applied)
        if isinstance(decision, DesiredState):
            self.desired = decision
        elif isinstance(decision, HigherGeneration):
            assert decision.generation > wanted.generation

    def settle(self) -> None:
        """What the reconciler does when it comes to it."""
        desired = self.desired
        if desired is None or (self.applied is not None and self.applied.generation >= desired.generation):
            return
        deleted = desired.action == "delete"
        self.applied = AppliedState(
            deployment_id=desired.deployment_id,
            generation=desired.generation,
            outcome=Outcome.DELETED if deleted else Outcome.COMPLETED,
            started_at=NOW,
            last_event=StatusEvent(
                subject=Subject.DEPLOY_COMPLETED, sequence=1, phase=Phase.DONE, progress=100, message="done"
            ),
            announced=True,
        )
        self.done.append(desired.generation)
        if deleted:
            self.desired = None


def history(actions: Sequence[Action]) -> list[DesiredState]:
    return [
        DesiredState(
            tenant_id="raced",
            target="simulator",
            deployment_id=f"dep-{generation}",
            generation=generation,
            action=action,
            digest=None if action != "deploy" else f"sha256:{generation}",
            correlation_id="req-1",
        )
        for generation, action in enumerate(actions, start=1)
    ]


actions = st.lists(st.sampled_from(["deploy", "stop", "delete"]), min_size=1, max_size=12)


@given(actions=actions, data=st.data())
def test_whatever_is_delivered_in_whatever_order_the_highest_generation_rules(
    actions: list[Action], data: st.DataObject
) -> None:
    operations = history(actions)
    deliveries = data.draw(st.lists(st.sampled_from(operations), min_size=1, max_size=40), label="deliveries")
    settles = data.draw(st.lists(st.booleans(), min_size=len(deliveries), max_size=len(deliveries)), label="settles")
    records = Records()
    for operation, settle in zip(deliveries, settles, strict=True):
        records.deliver(operation)
        if settle:
            records.settle()
    records.settle()
    highest = max(deliveries, key=lambda each: each.generation)
    assert records.applied is not None
    assert records.applied.generation == highest.generation
    expected = Outcome.DELETED if highest.action == "delete" else Outcome.COMPLETED
    assert records.applied.outcome is expected
    assert records.done == sorted(set(records.done)), "a generation came back, or was brought about twice"


@given(actions=actions, data=st.data())
def test_everything_once_more_after_a_day_changes_nothing(actions: list[Action], data: st.DataObject) -> None:
    operations = history(actions)
    records = Records()
    for operation in operations:
        records.deliver(operation)
        records.settle()
    before = (records.desired, records.applied, list(records.done))
    for operation in data.draw(st.permutations(operations * 2), label="repeated"):
        records.deliver(operation)
        records.settle()
    assert (records.desired, records.applied, records.done) == before
