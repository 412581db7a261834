"""Each step of a recovery has its line in the timeline, with the reason beside it."""

from datetime import UTC, datetime, timedelta

from services.monitor.recovery import plan
from services.monitor.recovery.plan import Health, Recovery, RecoveryRules, Refusal
from services.monitor.recovery.steps import step_texts
from shared.messages import sentence

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = RecoveryRules(1, timedelta(hours=1), timedelta(minutes=5), timedelta(minutes=1))
WHY = sentence("test-reason", "a reason")


def lines(before: Recovery | None, after: Recovery) -> list[str]:
    return [each.english for each in step_texts(before, after)]


def test_the_lines_of_a_recovery_from_its_begin_to_its_escalation() -> None:
    new = plan.opened(NOW, (), RULES)
    watched = plan.accepted(plan.asked(new, NOW), NOW, RULES)
    unknown = plan.looked(watched, Health.UNKNOWN, NOW, (), RULES)
    spent = plan.looked(unknown, Health.DOWN, NOW, (), RULES)
    assert lines(None, new) == ["A recovery begins: the tenant is to be restarted"]
    assert lines(new, plan.asked(new, NOW)) == []
    assert lines(new, watched) == ["Restart 1 was requested"]
    assert lines(watched, unknown) == ["Nothing measures whether the tenant is up; it is looked at again"]
    assert lines(unknown, spent) == [
        "The recovery is escalated: people must act",
        "it is still down after 1 restarts in 60 minutes",
    ]
    assert lines(spent, plan.resolved(spent)) == ["The tenant is up again"]
    assert lines(spent, plan.looked(spent, Health.DOWN, NOW, (), RULES)) == []


def test_a_refused_restart_has_its_reason() -> None:
    asked = plan.asked(plan.opened(NOW, (), RULES), NOW)
    ended = plan.refused(asked, Refusal.ENDED, WHY, NOW, RULES)
    busy = plan.refused(asked, Refusal.BUSY, WHY, NOW, RULES)
    assert lines(asked, ended) == ["The recovery ends without a result", "a reason"]
    assert lines(asked, busy) == ["Another operation is in progress; the tenant is looked at afterwards"]


def test_a_recovery_without_attempts_begins_with_its_escalation() -> None:
    off = plan.opened(NOW, (), RecoveryRules(0, RULES.window, RULES.look_after, RULES.look_again))
    assert lines(None, off)[0] == "The recovery is escalated: people must act"
