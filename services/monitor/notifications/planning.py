"""Which pending notices become which notifications now. Pure; the time is an argument.

A group is sent when its first notice is due; the others of the group come along. If the rate doesn't allow a
notification for each group, the groups that are left share the last ones, so that a flood of alerts becomes a bounded
number of notifications. No notice overtakes an earlier one of its alert.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from services.monitor.notifications.rate import Bucket


class PendingNotice(NamedTuple):
    """A row of `pending_notices`, in the order of `id`."""

    id: int
    alert_id: str
    group_key: str
    due_at: datetime
    """When its group is to be sent; not before the end of its quiet hours."""
    held_until: datetime | None
    """The end of its quiet hours: until then it doesn't come along with others of its group."""


class Plan(NamedTuple):
    """What to do now, and when to plan again."""

    batches: tuple[tuple[int, ...], ...]
    """The ids of each notification to make."""
    bucket: Bucket
    deferred: tuple[tuple[int, datetime], ...]
    """Notices that would overtake an earlier one of their alert, and when that one is due."""
    not_before: datetime | None
    """When the rate allows the next notification, if something due is left."""


def plan(
    notices: Sequence[PendingNotice], bucket: Bucket, now: datetime, *, most_alerts: int, most_per_minute: int
) -> Plan:
    """Divide what is due into at most as many notifications as there are tokens, of at most `most_alerts` notices."""
    bucket = bucket.at_time(now, most_per_minute)
    due, deferred = _due(notices, now)
    batches = tuple(_batches(due, bucket.whole, most_alerts))
    bucket = bucket.less(len(batches))
    is_complete = sum(map(len, batches)) == len(due)
    return Plan(batches, bucket, deferred, None if is_complete else bucket.next_at(most_per_minute))


def _due(
    notices: Iterable[PendingNotice], now: datetime
) -> tuple[list[PendingNotice], tuple[tuple[int, datetime], ...]]:
    """The notices of groups that are due, without those in quiet hours; and what would overtake one of its alert."""
    notices = list(notices)
    groups = {each.group_key for each in notices if each.due_at <= now}
    waits: dict[str, datetime] = {}
    due, deferred = [], []
    for each in notices:
        is_held = each.held_until is not None and each.held_until > now
        if each.alert_id in waits:
            waits[each.alert_id] = max(waits[each.alert_id], each.due_at)
            if each.due_at <= now:
                deferred.append((each.id, waits[each.alert_id]))
        elif is_held or each.group_key not in groups:
            waits[each.alert_id] = each.due_at
        else:
            due.append(each)
    return due, tuple(deferred)


def _batches(due: Sequence[PendingNotice], most: int, size: int) -> Iterable[tuple[int, ...]]:
    """A notification for each group, and for parts of a large one; the last ones share all that is left."""
    groups: dict[str, list[int]] = {}
    group_of: dict[str, str] = {}
    for each in due:
        # An alert stays in one group, also if the receiver's grouping was changed since it fired.
        groups.setdefault(group_of.setdefault(each.alert_id, each.group_key), []).append(each.id)
    parts = [part for ids in groups.values() for part in _parts(ids, size)]
    if len(parts) <= most:
        return parts
    alone = max(0, most - -(-len(due) // size))
    taken = {each for part in parts[:alone] for each in part}
    rest = [each.id for each in due if each.id not in taken]
    return [*parts[:alone], *_parts(rest, size)][:most]


def _parts(ids: Sequence[int], size: int) -> list[tuple[int, ...]]:
    return [tuple(ids[start : start + size]) for start in range(0, len(ids), size)]
