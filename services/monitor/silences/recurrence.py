"""The occurrences of what repeats. Pure.

Days are those of the time zone. An occurrence lasts as long as its duration on the clock of UTC, so one over a change
to daylight saving time is not an hour shorter or longer. A start that the change leaves out is that much later.
"""

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.rpc.silences import Occurrence, Recurrence
from shared.tenants import parse_duration

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_SEARCH = timedelta(days=5 * 366)
"""How far ahead the next occurrence is looked for: the 29th of February that is a holiday is rare."""


def occurrences(recurrence: Recurrence, since: datetime, until: datetime, *, zone: str) -> Iterator[Occurrence]:
    """Those that are in effect at some time from `since` up to, not including, `until`, in their order.

    `zone` is the time zone of a recurrence that names none.
    """
    place = _zone(recurrence.time_zone or zone)
    length = timedelta(seconds=parse_duration(recurrence.duration))
    clock = time.fromisoformat(recurrence.start)
    day = _later(since.astimezone(place).date() - timedelta(days=length.days + 1), recurrence.first_day)
    last = _earlier(until.astimezone(place).date(), recurrence.last_day)
    while day <= last:
        if is_on(recurrence, day):
            start = datetime.combine(day, clock, place).astimezone(UTC)
            if start < until and start + length > since:
                yield Occurrence(start=start, end=start + length)
        day += timedelta(days=1)


def occurrence_at(recurrence: Recurrence, at: datetime, *, zone: str) -> Occurrence | None:
    """The one that is in effect at `at`; the last to end if several are."""
    found = list(occurrences(recurrence, at, at + timedelta(microseconds=1), zone=zone))
    return max(found, key=lambda each: each.end, default=None)


def next_occurrences(recurrence: Recurrence, at: datetime, count: int, *, zone: str) -> list[Occurrence]:
    """The present occurrence and those that follow, at most `count`."""
    found: list[Occurrence] = []
    for each in occurrences(recurrence, at, at + LONGEST_SEARCH, zone=zone):
        found.append(each)
        if len(found) == count:
            break
    return found


def is_on(recurrence: Recurrence, day: date) -> bool:
    """Whether an occurrence begins on this day."""
    chosen = _is_chosen(recurrence, day)
    if recurrence.holidays == "ignore":
        return chosen
    if recurrence.holidays == "include":
        return chosen or is_holiday(day)
    return chosen and is_holiday(day) is (recurrence.holidays == "only")


def is_holiday(day: date) -> bool:
    """Whether it is a public holiday of South Korea, or a substitute for one."""
    return day in _holidays(day.year)


def _is_chosen(recurrence: Recurrence, day: date) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    if recurrence.days_of_month:
        return day.day in recurrence.days_of_month or (day.day == length and -1 in recurrence.days_of_month)
    if recurrence.days and DAYS[day.weekday()] not in recurrence.days:
        return False
    if not recurrence.weeks:
        return True
    is_last = day.day + 7 > length
    return (day.day + 6) // 7 in recurrence.weeks or (is_last and -1 in recurrence.weeks)


@lru_cache(maxsize=32)
def _holidays(year: int) -> frozenset[date]:
    # Reading the calendars takes a second on a busy machine, which is paid only where they are used.
    from holidays import country_holidays  # noqa: PLC0415

    return frozenset(country_holidays("KR", years=year))


def _zone(name: str) -> ZoneInfo:
    """A time zone that was edited by hand into something else is UTC."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _later(day: date, other: date | None) -> date:
    return day if other is None else max(day, other)


def _earlier(day: date, other: date | None) -> date:
    return day if other is None else min(day, other)
