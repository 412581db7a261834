"""Names and summaries of measurements."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.measurements import Bucket, by_time, latest_values, renamed, series_name, summarize
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


@given(st.lists(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), min_size=1, max_size=10))
def test_the_summary_is_over_all_samples_however_they_fall_into_buckets(buckets: list[list[float]]) -> None:
    rows = [
        Bucket("cpu", START + timedelta(minutes=index), sum(values) / len(values), max(values), len(values))
        for index, values in enumerate(buckets)
    ]
    found = summarize(rows)
    everything = [value for values in buckets for value in values]
    assert found.summary["avg_cpu"] == pytest.approx(sum(everything) / len(everything), abs=1e-5)
    assert found.summary["max_cpu"] == pytest.approx(max(everything), abs=1e-5)
    assert len(found.metrics["cpu"]) == len(buckets)


def test_nothing_gives_nothing() -> None:
    assert summarize([]) == ({}, {})
