"""The period of a report: a day, week or month in a time zone, or a rolling window that ends now. Pure.

A calendar period begins at local midnight, so a day has 23 or 25 hours when the clocks change. Its parts (hours of a
day, days of a week or month) follow the same calendar.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise

from shared.messages import Sentence, sentence
from shared.sla.history import SLICE_SECONDS, Span, slice_of

_ROLLING = re.compile(r"([1-9]\d{0,3})([hd])")
_LONGEST = timedelta(days=366)
_DAYS = {"day": 1, "week": 7, "month": 30}
_MOST_PARTS = 48


class UnknownPeriod(ValueError):
    """The text isn't a period; `reason` lists the possible ones."""

    def __init__(self, reason: Sentence) -> None:
        super().__init__(reason.english)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Period:
    """A span of whole slices, and its parts in order and without gaps."""

    span: Span
    parts: tuple[Span, ...]
    is_rolling: bool


def read_period(name: str, *, now: datetime, zone: tzinfo, day: date | None = None, rolling: bool = False) -> Period:
    """Read `day`, `week` (from Monday) or `month`: the one that contains `day` (default: today).

    With `rolling` it is a window of 1, 7 or 30 days that ends now, as `24h` or `7d` always are, up to 366 days.
    Raises UnknownPeriod.
    """
    if name in _DAYS and not rolling:
        return _calendar(name, day or now.astimezone(zone).date(), zone)
    match = _ROLLING.fullmatch(name)
    if name in _DAYS:
        length = timedelta(days=_DAYS[name])
    elif match:
        length = timedelta(hours=int(match[1])) if match[2] == "h" else timedelta(days=int(match[1]))
    else:
        english = "{name} is not a period: use day, week, month, or hours or days such as 24h, 7d, 30d"
        raise UnknownPeriod(sentence("period-unknown", english, name=repr(name)))
    if length > _LONGEST:
        raise UnknownPeriod(
            sentence("period-too-long", "{name} is too long: at most {days}d", name=repr(name), days=_LONGEST.days)
        )
    if day is not None:
        english = "a rolling period ends now: leave the date out, or ask for day, week or month"
        raise UnknownPeriod(sentence("period-with-a-date", english))
    return _rolling(length, now)


def _calendar(name: str, day: date, zone: tzinfo) -> Period:
    try:
        if name == "day":
            first, last = day, day + timedelta(days=1)
        elif name == "week":
            first = day - timedelta(days=day.weekday())
            last = first + timedelta(days=7)
        else:
            first = day.replace(day=1)
            last = (first + timedelta(days=32)).replace(day=1)
        span = Span(_midnight(first, zone), _midnight(last, zone))
        days = [_midnight(first + timedelta(days=number), zone) for number in range((last - first).days + 1)]
    except (OverflowError, ValueError) as error:
        raise UnknownPeriod(sentence("day-out-of-range", "{day} is out of the calendar's range", day=day)) from error
    edges = _hours(span) if name == "day" else days
    return Period(span, tuple(Span(*pair) for pair in pairwise(edges)), is_rolling=False)


def _rolling(length: timedelta, now: datetime) -> Period:
    end = slice_of(now)
    span = Span(end - int(length.total_seconds()) // SLICE_SECONDS, end)
    step = 3600 if span.seconds <= _MOST_PARTS * 3600 else 86_400
    if span.seconds > _MOST_PARTS * step:
        step = 7 * 86_400
    edges = [*range(span.start, span.end, step // SLICE_SECONDS), span.end]
    return Period(span, tuple(Span(*pair) for pair in pairwise(edges)), is_rolling=True)


def _hours(span: Span) -> list[int]:
    return [*range(span.start, span.end, 3600 // SLICE_SECONDS), span.end]


def _midnight(day: date, zone: tzinfo) -> int:
    """The first slice of a local day, also if midnight doesn't exist or exists twice."""
    return slice_of(datetime.combine(day, time(0), zone).astimezone(UTC))
