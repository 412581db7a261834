"""What is due for an alert that a receiver was told of and that still fires: a reminder, or the next receiver. Pure."""

from datetime import datetime, timedelta
from typing import NamedTuple

from shared.rpc.receivers import Channel, ReceiverSpec

ALERTMANAGER_MINUTES = 1
"""Alertmanager resolves what isn't repeated to it, so it is told each minute, whatever the receiver's setting."""
RESENDS_UNTIL_RESOLVED = 4
"""Repetitions that Alertmanager may miss before it takes an alert for resolved, as with Prometheus."""


class FollowUp(NamedTuple):
    """What to do now, and the times of the next look."""

    repeats: bool
    escalates: bool
    repeat_at: datetime | None
    escalate_at: datetime | None

    @property
    def next_at(self) -> datetime | None:
        return min((each for each in (self.repeat_at, self.escalate_at) if each is not None), default=None)


def repeat_minutes(spec: ReceiverSpec) -> int:
    """Minutes between two reminders; 0: none."""
    return ALERTMANAGER_MINUTES if spec.type is Channel.ALERTMANAGER else spec.repeat_minutes


def first_follow_up(spec: ReceiverSpec, now: datetime) -> FollowUp:
    """For an alert of which the receiver is told now."""
    return FollowUp(False, False, _repeat_at(spec, now), _escalate_at(spec, now))


def follow_up(
    spec: ReceiverSpec,
    now: datetime,
    *,
    repeat_at: datetime | None,
    escalate_at: datetime | None,
    is_acknowledged: bool,
    is_muted: bool,
) -> FollowUp:
    """What is due at `now`.

    An acknowledged or muted alert is neither repeated nor escalated. The look is repeated, since both may end.
    Alertmanager is told all the same: it has silences of its own, and would take the alert for resolved.
    """
    is_quiet = is_acknowledged or is_muted
    repeat_due = repeat_at is not None and repeat_at <= now
    escalate_due = escalate_at is not None and escalate_at <= now
    repeats = repeat_due and (not is_quiet or (spec.type is Channel.ALERTMANAGER and not is_muted))
    escalates = escalate_due and not is_quiet
    if escalate_due:
        escalate_at = None if escalates else _escalate_at(spec, now)
    return FollowUp(repeats, escalates, _repeat_at(spec, now) if repeat_due else repeat_at, escalate_at)


def _repeat_at(spec: ReceiverSpec, now: datetime) -> datetime | None:
    minutes = repeat_minutes(spec)
    return now + timedelta(minutes=minutes) if minutes else None


def _escalate_at(spec: ReceiverSpec, now: datetime) -> datetime | None:
    return now + timedelta(minutes=spec.escalation.after_minutes) if spec.escalation else None
