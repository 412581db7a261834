"""A recovery restarts within its budget, looks again, and ends; whatever it finds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.recovery import plan
from services.monitor.recovery.plan import OPEN, Health, Recovery, RecoveryRules, Refusal, Stage
from shared.messages import sentence
from tests.support.examples import examples

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTES = timedelta(minutes=1)
RULES = RecoveryRules(
    attempts=2, window=timedelta(hours=1), look_after=timedelta(minutes=5), look_again=timedelta(minutes=1)
)
WHY = sentence("test-reason", "a reason")


def new(*earlier: datetime) -> Recovery:
    return plan.opened(NOW, earlier, RULES)


def restarted() -> Recovery:
    return plan.accepted(plan.asked(new(), NOW), NOW, RULES)


def look(recovery: Recovery, health: Health, minutes: float = 5) -> Recovery:
    return plan.looked(recovery, health, NOW + minutes * MINUTES, (), RULES)


def test_a_recovery_begins_with_a_restart_that_is_due_at_once() -> None:
    assert (new().stage, new().due_at, new().attempt) == (Stage.RESTART, NOW, 1)


def test_after_a_restart_it_looks_again_five_minutes_later() -> None:
    assert (restarted().stage, restarted().due_at) == (Stage.WATCH, NOW + 5 * MINUTES)
    assert restarted().attempt == 2


def test_a_tenant_that_is_up_at_the_look_has_recovered() -> None:
    assert look(restarted(), Health.UP).stage is Stage.RECOVERED


def test_a_tenant_that_is_still_down_is_restarted_until_its_budget_is_spent_and_then_escalated() -> None:
    second = look(restarted(), Health.DOWN)
    assert (second.stage, second.attempt) == (Stage.RESTART, 2)
    last = look(plan.accepted(second, NOW + 6 * MINUTES, RULES), Health.DOWN, minutes=11)
    assert (last.stage, last.due_at) == (Stage.ESCALATED, NOW + 16 * MINUTES)
    assert last.reason
    assert last.reason.english == "it is still down after 2 restarts in 60 minutes"


def test_restarts_of_earlier_recoveries_count_within_the_window() -> None:
    recent, old = NOW - 59 * MINUTES, NOW - 60 * MINUTES
    assert new(recent, recent).stage is Stage.ESCALATED
    assert new(recent, old, old).stage is Stage.RESTART


def test_without_attempts_an_alert_is_escalated_at_once() -> None:
    off = plan.opened(NOW, (), RecoveryRules(0, RULES.window, RULES.look_after, RULES.look_again))
    assert off.stage is Stage.ESCALATED
    assert off.reason
    assert "RECOVERY_ATTEMPTS=0" in off.reason.english


def test_an_operation_in_progress_is_waited_for_and_costs_no_attempt() -> None:
    waiting = plan.refused(plan.asked(new(), NOW), Refusal.BUSY, WHY, NOW, RULES)
    assert (waiting.stage, waiting.due_at, waiting.restarts) == (Stage.WATCH, NOW + 5 * MINUTES, ())
    assert look(waiting, Health.DOWN).stage is Stage.RESTART


@pytest.mark.parametrize(("refusal", "stage"), [(Refusal.ENDED, Stage.CLOSED), (Refusal.IMPOSSIBLE, Stage.ESCALATED)])
def test_a_refused_restart_ends_the_recovery_or_is_escalated_with_its_reason(refusal: Refusal, stage: Stage) -> None:
    after = plan.refused(plan.asked(new(), NOW), refusal, WHY, NOW, RULES)
    assert (after.stage, after.reason) == (stage, WHY)


def test_a_gateway_that_does_not_answer_is_asked_for_five_minutes_from_the_first_time_on() -> None:
    waited = new()
    assert plan.unanswered(waited, NOW + 60 * MINUTES, RULES) is waited
    pending = plan.asked(waited, NOW + 60 * MINUTES)
    assert plan.asked(pending, NOW + 61 * MINUTES) is pending
    assert plan.unanswered(pending, NOW + 64 * MINUTES, RULES) is pending
    assert plan.unanswered(pending, NOW + 65 * MINUTES, RULES).stage is Stage.ESCALATED


def test_an_unmeasured_tenant_is_looked_at_again_a_minute_later_and_escalated_in_the_end() -> None:
    recovery = look(restarted(), Health.UNKNOWN)
    assert (recovery.stage, recovery.due_at) == (Stage.WATCH, NOW + 6 * MINUTES)
    for _ in range(RULES.looks):
        recovery = look(recovery, Health.UNKNOWN)
    assert recovery.stage is Stage.ESCALATED


def test_an_escalated_recovery_is_looked_at_on_and_recovers_when_the_tenant_is_up() -> None:
    escalated = plan.refused(plan.asked(new(), NOW), Refusal.IMPOSSIBLE, WHY, NOW, RULES)
    later = look(escalated, Health.DOWN)
    assert (later.stage, later.due_at, later.reason) == (Stage.ESCALATED, NOW + 10 * MINUTES, WHY)
    assert look(later, Health.UP).stage is Stage.RECOVERED


def test_a_stopped_tenant_needs_no_recovery() -> None:
    assert look(restarted(), Health.ENDED).stage is Stage.CLOSED


@examples(300)
@given(steps=st.lists(st.sampled_from(["accept", "busy", "silent", *Health]), max_size=60), attempts=st.integers(0, 4))
def test_no_window_has_more_restarts_than_the_budget_and_open_recoveries_are_always_due(
    steps: list[str], attempts: int
) -> None:
    rules = RecoveryRules(attempts, timedelta(minutes=20), RULES.look_after, RULES.look_again)
    now, recovery = NOW, plan.opened(NOW, (), rules)
    for step in steps:
        if recovery.stage not in OPEN:
            break
        now = max(now, recovery.due_at) + timedelta(seconds=1)
        recovery = _stepped(recovery, step, now, rules)
        for start in recovery.restarts:
            assert sum(start <= each < start + rules.window for each in recovery.restarts) <= attempts
        assert recovery.stage not in OPEN or now <= recovery.due_at <= now + rules.look_after or step == "silent"


def _stepped(recovery: Recovery, step: str, now: datetime, rules: RecoveryRules) -> Recovery:
    if recovery.stage is Stage.RESTART:
        pending = plan.asked(recovery, now)
        if step == "busy":
            return plan.refused(pending, Refusal.BUSY, WHY, now, rules)
        return plan.unanswered(pending, now, rules) if step == "silent" else plan.accepted(pending, now, rules)
    health = Health(step) if step in set(Health) else Health.DOWN
    return plan.looked(recovery, health, now, (), rules)
