"""Names and summaries of measurements."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.monitoring.series import (
    INTERVALS,
    MOST_POINTS,
    SeriesHour,
    by_time,
    latest_values,
    most_hours,
    renamed,
    series_name,
    series_of,
    too_many,
)
from shared.events import Moment

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("cpu_usage", "cpu"),
        ("CPU", "cpu"),
        ("cpu", "cpu"),
        ("network_in", "network_in"),
        ("storage_used", "storage_used"),
        ("_usage", "_usage"),
    ],
)
def test_a_series_has_one_name(name: str, series: str) -> None:
    assert series_name(name) == series


def test_of_two_names_of_a_series_the_last_one_counts() -> None:
    assert renamed({"cpu_usage": 1.0, "cpu": 2.0}) == {"cpu": 2.0}


def test_points_of_one_time_are_one_moment_and_moments_are_in_order() -> None:
    later = START + timedelta(seconds=5)
    points = [(later, {"cpu": 1.0}), (START, {"cpu": 2.0}), (later, {"cpu_usage": 3.0, "gpu": 4.0})]
    assert by_time(points) == [
        Moment(time=START, values={"cpu": 2.0}),
        Moment(time=later, values={"cpu": 3.0, "gpu": 4.0}),
    ]


def test_the_latest_values_are_those_of_the_last_minute_in_whatever_order_they_come() -> None:
    moments = [
        Moment(time=START + timedelta(seconds=seconds), values=values)
        for seconds, values in ((70, {"cpu": 1.0}), (50, {"cpu": 2.0, "gpu": 3.0}), (5, {"disk": 4.0}))
    ]
    assert latest_values(moments) == {"cpu": 1.0, "gpu": 3.0}


def hour_of(values: dict[int, list[float]], *, name: str = "cpu", hours: int = 0, whole: bool = True) -> SeriesHour:
    """An hour of minutes with these values."""
    numbers = sorted(values)
    everything = [value for number in numbers for value in values[number]]
    return SeriesHour(
        name,
        START + timedelta(hours=hours),
        None if len(numbers) == 60 else numbers,
        [sum(values[number]) / len(values[number]) for number in numbers],
        None if whole else [max(values[number]) for number in numbers],
        None if whole else [len(values[number]) for number in numbers],
        sum(everything) / len(everything),
        max(everything),
        len(everything),
    )


_VALUES = st.dictionaries(
    st.integers(0, 59), st.lists(st.floats(0, 1e6), min_size=1, max_size=5), min_size=1, max_size=60
)


@given(st.lists(_VALUES, min_size=1, max_size=5), st.integers(0, 59))
def test_the_summary_is_over_all_samples_since_the_start_however_they_fall_into_intervals(
    hours: list[dict[int, list[float]]], minute: int
) -> None:
    stretches = [hour_of(values, hours=index, whole=index > 0) for index, values in enumerate(hours)]
    found = series_of(stretches, start=START + timedelta(minutes=minute), step=60)
    shown = {
        START + timedelta(hours=index, minutes=number): values
        for index, each in enumerate(hours)
        for number, values in sorted(each.items())
        if index or number >= minute
    }
    points = found.metrics.get("cpu", [])
    assert [datetime.fromisoformat(point["timestamp"]) for point in points] == list(shown)
    assert [point["value"] for point in points] == [sum(each) / len(each) for each in shown.values()]
    everything = [value for values in shown.values() for value in values]
    if everything:
        assert found.summary["avg_cpu"] == pytest.approx(sum(everything) / len(everything), abs=1e-5)
        assert found.summary["max_cpu"] == pytest.approx(max(everything), abs=1e-5)


def test_a_full_hour_needs_no_numbers_and_series_are_in_order_of_their_names() -> None:
    full = {minute: [float(minute)] for minute in range(60)}
    found = series_of([hour_of(full, name="gpu"), hour_of({5: [1.0]})], start=START, step=60)
    assert list(found.metrics) == ["cpu", "gpu"]
    assert [point["value"] for point in found.metrics["gpu"]] == [float(minute) for minute in range(60)]
    assert found.metrics["cpu"] == [{"timestamp": "2026-01-01T00:05:00Z", "value": 1.0}]


def test_two_stretches_of_one_name_and_hour_are_shown_in_the_order_of_time() -> None:
    found = series_of([hour_of({5: [1.0], 20: [2.0]}), hour_of({7: [3.0]})], start=START, step=60)
    assert [point["value"] for point in found.metrics["cpu"]] == [1.0, 3.0, 2.0]
    assert found.summary == {"avg_cpu": 2.0, "max_cpu": 3.0}


@pytest.mark.parametrize("interval", ["1m", "5m"])
def test_too_many_points_are_answered_with_a_coarser_interval(interval: str) -> None:
    assert most_hours(INTERVALS[interval]) * 3600 // INTERVALS[interval] <= MOST_POINTS
    coarser = {"1m": "interval=5m", "5m": "interval=1h"}[interval]
    assert f"ask for {coarser}, one metric by metric_type, or fewer hours" in too_many(interval, 720).english


def test_a_month_of_one_metric_by_the_minute_and_of_six_by_five_minutes_fit() -> None:
    assert most_hours(60) >= 720 + 1
    assert most_hours(300) >= 6 * 721


def test_nothing_gives_nothing() -> None:
    assert series_of([], start=START, step=60) == ({}, {})
