"""Reminders and escalations."""

from datetime import timedelta
from typing import Any

from services.monitor.notifications.follow_up import FollowUp, first_follow_up, follow_up
from shared.rpc.receivers import Channel, Escalation, ReceiverSpec
from tests.support.notices import NOON

SPEC = ReceiverSpec(
    type=Channel.WEBHOOK,
    url="https://hooks.example.com/",
    repeat_minutes=60,
    escalation=Escalation(after_minutes=5, receiver="chief"),
)
HOUR, FIVE = timedelta(minutes=60), timedelta(minutes=5)


def followed(spec: ReceiverSpec = SPEC, **changes: Any) -> FollowUp:
    values: dict[str, Any] = {
        "repeat_at": NOON + HOUR,
        "escalate_at": NOON,
        "is_acknowledged": False,
        "is_muted": False,
    }
    return follow_up(spec, NOON, **{**values, **changes})


def test_the_first_look_is_at_the_escalation() -> None:
    found = first_follow_up(SPEC, NOON)
    assert (found.repeat_at, found.escalate_at, found.next_at) == (NOON + HOUR, NOON + FIVE, NOON + FIVE)


def test_what_isnt_acknowledged_in_time_is_escalated_once() -> None:
    found = followed()
    assert found.escalates
    assert not found.repeats
    assert found.escalate_at is None


def test_an_acknowledgement_stops_escalation_and_reminders_until_it_lapses() -> None:
    found = followed(is_acknowledged=True, repeat_at=NOON)
    assert (found.escalates, found.repeats) == (False, False)
    assert found.escalate_at == NOON + FIVE
    assert found.repeat_at == NOON + HOUR


def test_a_muted_alert_is_not_repeated() -> None:
    found = followed(is_muted=True, repeat_at=NOON)
    assert (found.escalates, found.repeats) == (False, False)


def test_a_reminder_is_repeated() -> None:
    found = followed(repeat_at=NOON, escalate_at=None)
    assert found.repeats
    assert found.repeat_at == NOON + HOUR


def test_without_an_interval_nothing_is_repeated() -> None:
    quiet = SPEC.model_copy(update={"repeat_minutes": 0, "escalation": None})
    assert first_follow_up(quiet, NOON).next_at is None


def test_an_alertmanager_is_told_each_minute_also_of_what_is_acknowledged() -> None:
    spec = ReceiverSpec(type=Channel.ALERTMANAGER, url="http://alertmanager:9093", repeat_minutes=600)
    assert first_follow_up(spec, NOON).repeat_at == NOON + timedelta(minutes=1)
    assert followed(spec, repeat_at=NOON, escalate_at=None, is_acknowledged=True).repeats
    assert not followed(spec, repeat_at=NOON, escalate_at=None, is_muted=True).repeats
