"""When a receiver is not to be disturbed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.monitor.notifications.quiet_hours import quiet_until
from shared.rpc.receivers import QuietHours
from tests.support.examples import examples

NIGHT = QuietHours(start="22:00", end="07:00", time_zone="Asia/Seoul")


def seoul(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2031, 7, day, hour, minute, tzinfo=ZoneInfo("Asia/Seoul"))


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (seoul(7, 21, 59), None),
        (seoul(7, 22), seoul(8, 7)),
        (seoul(8, 6, 59), seoul(8, 7)),
        (seoul(8, 7), None),
        (seoul(8, 12), None),
    ],
)
def test_a_night_ends_on_the_next_morning(now: datetime, end: datetime | None) -> None:
    assert quiet_until(NIGHT, "warning", now) == end


def test_urgent_alerts_dont_wait() -> None:
    assert quiet_until(NIGHT, "critical", seoul(7, 23)) is None
    assert quiet_until(None, "info", seoul(7, 23)) is None


def test_a_weekend_of_whole_days_is_one_stretch() -> None:
    """12 July 2031 is a Saturday."""
    saturday = QuietHours(start="00:00", end="23:59", time_zone="Asia/Seoul", days=("sat", "sun"))
    assert quiet_until(saturday, "info", seoul(12, 10)) == seoul(12, 23, 59)
    friday = QuietHours(start="18:00", end="17:59", time_zone="Asia/Seoul", days=("fri", "sat"))
    assert quiet_until(friday, "info", seoul(11, 20)) == seoul(12, 17, 59)


def test_days_that_follow_each_other_without_a_gap_end_with_the_last() -> None:
    nights = QuietHours(start="08:00", end="08:00", time_zone="Asia/Seoul", days=("sat", "sun"))
    assert quiet_until(nights, "info", seoul(12, 9)) == seoul(14, 8)


def test_a_week_without_a_break_is_left_after_eight_days_at_most() -> None:
    always = QuietHours(start="08:00", end="08:00")
    now = datetime(2031, 7, 7, 9, tzinfo=UTC)
    end = quiet_until(always, "info", now)
    assert end is not None
    assert end - now <= timedelta(days=8)


def test_a_night_in_which_clocks_change_ends_at_its_wall_clock_time() -> None:
    """In Berlin clocks go forward on 30 March 2031, and back on 26 October."""
    berlin = ZoneInfo("Europe/Berlin")
    hours = QuietHours(start="22:00", end="07:00", time_zone="Europe/Berlin")
    spring = quiet_until(hours, "info", datetime(2031, 3, 29, 23, tzinfo=berlin))
    autumn = quiet_until(hours, "info", datetime(2031, 10, 25, 23, tzinfo=berlin))
    assert spring == datetime(2031, 3, 30, 5, tzinfo=UTC)
    assert autumn == datetime(2031, 10, 26, 6, tzinfo=UTC)


clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))


@given(
    start=clocks,
    end=clocks,
    zone=st.sampled_from(["UTC", "Asia/Seoul", "Europe/Berlin", "America/Sao_Paulo"]),
    now=st.datetimes(datetime(2030, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC)),
)
@examples(100)
def test_the_end_is_later_and_not_quiet_itself(start: str, end: str, zone: str, now: datetime) -> None:
    hours = QuietHours(start=start, end=end, time_zone=zone, days=("mon", "wed", "sat"))
    until = quiet_until(hours, "info", now)
    if until is not None:
        assert until > now
        assert quiet_until(hours, "info", until) is None


@pytest.mark.parametrize("clock", ["1\u0663:00", "0\uff17:30", "24:00", "7:00", "07:60"])
def test_only_a_clock_time_that_can_be_read_is_stored(clock: str) -> None:
    """What is stored is read in each transaction of alerts, where an error would end the monitor."""
    with pytest.raises(ValidationError):
        QuietHours(start=clock, end="09:00")
