"""Which samples are refused before they reach the database."""

from datetime import UTC, datetime, timedelta

import pytest

from services.monitor.storage.sample_rules import check_sample
from shared.errors import InvalidEvent
from shared.events import MetricsCollected, Moment


def sample(values: dict[str, float], source: str = "api") -> MetricsCollected:
    return MetricsCollected(tenant_id="acme", time=datetime.now(UTC), values=values, source=source)


@pytest.mark.parametrize("name", ["cpu", "network_in", "sla/availability", "p99.latency", "a" * 50])
def test_common_names_are_accepted(name: str) -> None:
    check_sample(sample({name: 1.5}))


@pytest.mark.parametrize("name", ["", "a" * 51, "9lives", "cpu usage", "cpu\x00", "씨피유"])
def test_a_name_that_the_table_could_not_hold_is_refused(name: str) -> None:
    with pytest.raises(InvalidEvent, match="a name has 1 to 50"):
        check_sample(sample({name: 1.0}))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(InvalidEvent, match=r"values\.cpu: must be a finite number"):
        check_sample(sample({"cpu": value}))


@pytest.mark.parametrize("source", ["", "a" * 51, "a\x00b"])
def test_a_source_that_the_table_could_not_hold_is_refused(source: str) -> None:
    with pytest.raises(InvalidEvent, match="source: must be 1 to 50"):
        check_sample(sample({"cpu": 1.0}, source))


@pytest.mark.parametrize(
    ("ahead", "side"),
    [(timedelta(minutes=6), "future"), (timedelta(days=-3700), "past"), (timedelta(days=365_000), "future")],
)
def test_a_time_out_of_range_is_refused(ahead: timedelta, side: str) -> None:
    with pytest.raises(InvalidEvent, match=f"time: lies .*{side}"):
        check_sample(sample({"cpu": 1.0}).model_copy(update={"time": datetime.now(UTC) + ahead}))


@pytest.mark.parametrize("ahead", [timedelta(minutes=4), timedelta(days=-3600)])
def test_a_clock_may_be_some_minutes_ahead_and_history_may_be_old(ahead: timedelta) -> None:
    check_sample(sample({"cpu": 1.0}).model_copy(update={"time": datetime.now(UTC) + ahead}))


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(InvalidEvent) as refused:
        check_sample(sample({"": 1.0, "cpu": float("nan")}, ""))
    assert [each["field"] for each in refused.value.details["errors"]] == ["values.", "values.cpu", "source"]


def test_each_moment_of_a_list_is_checked() -> None:
    now = datetime.now(UTC)
    earlier = (Moment(time=now, values={"cpu": 1.0}), Moment(time=now - timedelta(days=4000), values={"9": 1.0}))
    with pytest.raises(InvalidEvent) as refused:
        check_sample(sample({"cpu": 1.0}).model_copy(update={"earlier": earlier}))
    assert [each["field"] for each in refused.value.details["errors"]] == ["earlier.1.values.9", "earlier.1.time"]
