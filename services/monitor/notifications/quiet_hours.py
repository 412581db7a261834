"""When a receiver is not to be disturbed. Pure; the time is an argument."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.rpc.receivers import QuietHours

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST_CHAINED = 8
"""Stretches that follow each other without a gap: a week of whole days, and one more."""


def quiet_until(hours: QuietHours | None, severity: str, now: datetime) -> datetime | None:
    """The end of the quiet stretch in which `now` lies; None outside of one, or where `severity` doesn't wait.

    Times are wall-clock times of the zone: on a day on which clocks change, a stretch is an hour shorter or longer.
    Days without a break are left after a week, so that nothing waits for ever.
    """
    if hours is None or severity not in hours.severities:
        return None
    end = None
    moment = now
    for _ in range(_MOST_CHAINED):
        found = _end(hours, moment)
        if found is None:
            break
        end = moment = found
    return end


def _end(hours: QuietHours, now: datetime) -> datetime | None:
    """The latest end of the stretches that began today or yesterday and contain `now`."""
    zone = ZoneInfo(hours.time_zone)
    today = now.astimezone(zone).date()
    ends = []
    for day in (today - timedelta(days=1), today):
        if _DAYS[day.weekday()] in hours.days:
            start, end = _stretch(hours, day, zone)
            if start <= now < end:
                ends.append(end)
    return max(ends, default=None)


def _stretch(hours: QuietHours, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    start, end = time.fromisoformat(hours.start), time.fromisoformat(hours.end)
    next_day = day + timedelta(days=1) if end <= start else day
    return _moment(day, start, zone), _moment(next_day, end, zone)


def _moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """In UTC, since aware datetimes of one zone are compared by their wall-clock time."""
    return datetime.combine(day, clock, zone).astimezone(ZoneInfo("UTC"))
