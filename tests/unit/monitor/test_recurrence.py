"""What repeats: days of the week and of the month, Korean holidays, and changes to daylight saving time."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.monitor.silences.recurrence import (
    DAYS,
    is_holiday,
    is_on,
    next_occurrences,
    occurrence_at,
    occurrences,
)
from shared.rpc.silences import Recurrence
from tests.support.examples import examples

SEOUL = "Asia/Seoul"


def recurrence(**fields: Any) -> Recurrence:
    return Recurrence.model_validate({"start": "02:00", "duration": "4h", **fields})


def days_of(made: Recurrence, year: int, month: int) -> list[int]:
    first = date(year, month, 1)
    days = (first + timedelta(days=number) for number in range(31))
    return [day.day for day in days if day.month == month and is_on(made, day)]


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ({"days": ["sun"]}, [1, 8, 15, 22, 29]),
        ({"days": ["sun"], "weeks": [2]}, [8]),
        ({"days": ["sat", "sun"], "weeks": [1, -1]}, [1, 7, 28, 29]),
        ({"days_of_month": [1, 15, -1]}, [1, 15, 30]),
        ({"days_of_month": [31]}, []),
        ({"days": ["mon"], "holidays": "include"}, [2, 9, 16, 23, 30]),
    ],
)
def test_days_of_the_week_and_of_the_month_in_november_2026(fields: dict[str, Any], days: list[int]) -> None:
    assert days_of(recurrence(**fields), 2026, 11) == days


@pytest.mark.parametrize(
    ("holidays", "days"),
    [("skip", [4, 11, 18]), ("only", [25]), ("ignore", [4, 11, 18, 25]), ("include", [4, 11, 18, 24, 25, 26])],
)
def test_fridays_of_september_2026_around_chuseok(holidays: str, days: list[int]) -> None:
    assert days_of(recurrence(days=["fri"], holidays=holidays), 2026, 9) == days


def test_a_substitute_holiday_is_a_holiday() -> None:
    assert is_holiday(date(2026, 3, 2))
    assert not is_holiday(date(2026, 3, 3))


def test_an_occurrence_begins_at_the_time_of_day_of_its_zone() -> None:
    made = recurrence(days=["sun"], time_zone=SEOUL)
    [first] = next_occurrences(made, datetime(2026, 11, 2, tzinfo=UTC), 1, zone="UTC")
    assert (first.start, first.end) == (
        datetime(2026, 11, 7, 17, tzinfo=UTC),
        datetime(2026, 11, 7, 21, tzinfo=UTC),
    )


def test_a_zone_that_isn_t_named_is_the_tenants() -> None:
    made = recurrence(days=["sun"])
    assert next_occurrences(made, datetime(2026, 11, 2, tzinfo=UTC), 1, zone=SEOUL) == next_occurrences(
        recurrence(days=["sun"], time_zone=SEOUL), datetime(2026, 11, 2, tzinfo=UTC), 1, zone="UTC"
    )


def test_an_occurrence_includes_its_start_and_not_its_end() -> None:
    made = recurrence()
    start = datetime(2026, 11, 8, 2, tzinfo=UTC)
    found = [occurrence_at(made, start + timedelta(hours=hours), zone="UTC") for hours in (0, 3.999, 4)]
    assert [each is not None for each in found] == [True, True, False]
    assert occurrence_at(made, start - timedelta(microseconds=1), zone="UTC") is None


def test_one_that_crosses_midnight_is_in_effect_on_the_next_day() -> None:
    made = recurrence(days=["sat"], start="22:00", duration="8h")
    assert occurrence_at(made, datetime(2026, 11, 8, 5, tzinfo=UTC), zone="UTC") is not None


def test_first_and_last_day_are_included() -> None:
    made = recurrence(first_day="2026-11-03", last_day="2026-11-05")
    found = list(occurrences(made, datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), zone="UTC"))
    assert [each.start.day for each in found] == [3, 4, 5]


@pytest.mark.parametrize(
    ("day", "start"),
    [
        # The clock goes from 2:00 to 3:00, and from 3:00 back to 2:00.
        (date(2026, 3, 29), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (date(2026, 10, 25), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_change_to_daylight_saving_time_moves_a_start_and_never_the_length(day: date, start: datetime) -> None:
    made = recurrence(start="02:30", first_day=day, last_day=day, time_zone="Europe/Berlin")
    since = datetime(day.year, day.month, 1, tzinfo=UTC)
    [found] = occurrences(made, since, since + timedelta(days=40), zone="UTC")
    assert (found.start, found.end - found.start) == (start, timedelta(hours=4))


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"weeks": [2]}, "weeks needs days"),
        ({"days": ["sun"], "weeks": [0]}, "begin with 1"),
        ({"days": ["sun"], "days_of_month": [1]}, "not both"),
        ({"first_day": "2026-02-02", "last_day": "2026-02-01"}, "before first_day"),
        ({"start": "25:00"}, "pattern"),
        ({"duration": "200h"}, "out of range"),
        ({"days": ["sunday"]}, "sun"),
        ({"time_zone": "Seoul"}, "not a time zone"),
    ],
)
def test_what_can_t_be_meant_is_refused(fields: dict[str, Any], error: str) -> None:
    with pytest.raises(ValidationError, match=error):
        recurrence(**fields)


@examples(60)
@given(
    st.sets(st.sampled_from(DAYS)),
    st.integers(0, 23),
    st.integers(1, 60),
    st.integers(0, 3000),
    st.sampled_from([SEOUL, "UTC", "America/New_York"]),
)
def test_a_moment_is_in_effect_exactly_if_an_occurrence_covers_it(
    days: set[str], hour: int, length: int, minutes: int, zone: str
) -> None:
    made = recurrence(days=sorted(days), start=f"{hour:02}:00", duration=f"{length}h", time_zone=zone)
    at = datetime(2026, 3, 6, tzinfo=UTC) + timedelta(minutes=7 * minutes)
    wide = occurrences(made, at - timedelta(days=10), at + timedelta(days=10), zone="UTC")
    assert (occurrence_at(made, at, zone="UTC") is not None) is any(each.start <= at < each.end for each in wide)
