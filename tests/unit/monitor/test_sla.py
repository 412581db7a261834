"""The SLA's arithmetic, against a count slice by slice over random histories, windows and calendars."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.reports.periods import UnknownPeriod, read_period
from shared.sla import (
    SLICE_SECONDS,
    AvailabilityHistory,
    Figures,
    Run,
    Span,
    budget_of,
    burn_rates,
    figures_of,
    slice_of,
    slice_start,
)
from shared.sla.requests import Minute, requests_of

BEGIN = slice_of(datetime(2026, 11, 1, tzinfo=UTC))
TARGET = Fraction("0.995")
ZONES = (
    "UTC",
    "Asia/Seoul",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Beirut",
)

# One letter a slice: up, down, or unknown.
timelines = st.text(alphabet="ud?", max_size=60)
runs_of_letters = st.lists(st.tuples(st.sampled_from("ud?"), st.integers(1, 30)), max_size=12).map(
    lambda parts: "".join(letter * length for letter, length in parts)
)
spans = st.tuples(st.integers(-5, 70), st.integers(0, 40)).map(
    lambda pair: Span(BEGIN + pair[0], BEGIN + pair[0] + pair[1])
)


def history_of(timeline: str) -> AvailabilityHistory:
    history = AvailabilityHistory()
    for offset, letter in enumerate(timeline):
        if letter != "?":
            history.observe(BEGIN + offset, up=letter == "u")
    return history


def figures(timeline: str, window: Span | None = None, maintenance: tuple[Span, ...] = ()) -> Figures | None:
    end = BEGIN + len(timeline)
    return figures_of(history_of(timeline).runs, window or Span(0, end), now=end, maintenance=maintenance)


def counted(timeline: str, window: Span, maintenance: tuple[Span, ...]) -> str:
    """One letter a slice of the window, from the first one that was ever up: `m` for maintenance."""
    first = BEGIN + timeline.find("u") if "u" in timeline else None
    if first is None:
        return ""
    return "".join(
        "m" if any(each.start <= number < each.end for each in maintenance) else timeline[number - BEGIN]
        for number in range(max(window.start, first), min(window.end, BEGIN + len(timeline)))
    )


@given(timelines | runs_of_letters, spans, st.lists(spans, max_size=3).map(tuple))
def test_figures_are_what_counting_slice_by_slice_gives(
    timeline: str, window: Span, maintenance: tuple[Span, ...]
) -> None:
    found, letters = figures(timeline, window, maintenance), counted(timeline, window, maintenance)
    if found is None:
        assert not letters
        return
    assert found.window.seconds == SLICE_SECONDS * len(letters)
    assert found.up_seconds == SLICE_SECONDS * letters.count("u")
    assert found.down_seconds == SLICE_SECONDS * letters.count("d")
    assert found.unknown_seconds == SLICE_SECONDS * letters.count("?")
    assert found.maintenance_seconds == SLICE_SECONDS * letters.count("m")
    known = letters.replace("?", "").replace("m", "")
    stretches = [(letter, len(list(group))) for letter, group in groupby(known)]
    assert [each.seconds for each in found.failures] == [SLICE_SECONDS * n for letter, n in stretches if letter == "d"]
    assert found.is_up == (known[-1] == "u" if known else None)
    assert found.availability == (pytest.approx(100 * known.count("u") / len(known)) if known else None)


@given(timelines | runs_of_letters)
def test_availability_follows_from_the_times_between_failures_and_to_repair(timeline: str) -> None:
    found = figures(timeline)
    if found and found.mtbf_seconds is not None and found.mttr_seconds is not None:
        ratio = found.mtbf_seconds / (found.mtbf_seconds + found.mttr_seconds)
        assert 100 * ratio == pytest.approx(found.availability)


@given(runs_of_letters, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_of_the_samples_matters(timeline: str, random: object) -> None:
    samples = [(BEGIN + offset, letter == "u") for offset, letter in enumerate(timeline) if letter != "?"] * 2
    random.shuffle(samples)  # type: ignore[attr-defined]
    history = AvailabilityHistory()
    for number, up in samples:
        history.observe(number, up=up)
    assert history.runs == history_of(timeline).runs


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20), st.booleans()), max_size=12))
def test_of_runs_that_overlap_the_first_one_stands_slice_by_slice(parts: list[tuple[int, int, bool]]) -> None:
    history, known = AvailabilityHistory(), {}
    for start, length, up in parts:
        history.add(Run(BEGIN + start, BEGIN + start + length, up))
        for number in range(BEGIN + start, BEGIN + start + length):
            known.setdefault(number, up)
    assert {number: run.up for run in history.runs for number in range(run.start, run.end)} == known
    for before, run in pairwise(history.runs):
        assert before.end < run.start or (before.end == run.start and before.up != run.up)


@given(runs_of_letters, st.integers(1, 9_999_999))
def test_the_status_is_exact_at_the_target(timeline: str, millionths: int) -> None:
    target = Fraction(millionths, 10_000_000)
    found = figures(f"u{timeline}")
    assert found is not None
    is_met = Fraction(found.up_seconds, found.observed_seconds) >= target
    assert found.status(target) == ("meeting" if is_met else "violated")


@given(runs_of_letters, st.integers(1, 5), st.lists(spans, max_size=2).map(tuple))
def test_a_budget_is_exhausted_with_the_slice_that_goes_beyond_it(
    timeline: str, tenths: int, maintenance: tuple[Span, ...]
) -> None:
    timeline = f"u{timeline}"
    period = Span(BEGIN, BEGIN + len(timeline))
    target = 1 - Fraction(tenths, 10)
    budget = budget_of(history_of(timeline).runs, period, target, now=period.end, maintenance=maintenance)
    letters = counted(timeline, period, maintenance)
    allowed = Fraction(tenths, 10) * SLICE_SECONDS * sum(letter != "m" for letter in letters)
    assert budget.allowed_seconds == pytest.approx(float(allowed))
    assert budget.spent_seconds == SLICE_SECONDS * letters.count("d")
    downs = [offset for offset, letter in enumerate(letters) if letter == "d"]
    over = next((offset for rank, offset in enumerate(downs, 1) if SLICE_SECONDS * rank > allowed), None)
    if over is not None:
        assert budget.exhausts_at == slice_start(BEGIN + over + 1)


def test_a_month_at_99_5_percent_allows_216_minutes() -> None:
    runs = [Run(BEGIN, BEGIN + 17_280, True)]
    budget = budget_of(runs, Span(BEGIN, BEGIN + 30 * 17_280), TARGET, now=BEGIN + 17_280)
    assert budget.allowed_seconds == 216 * 60
    assert (budget.left, budget.exhausts_at) == (1.0, None)


def test_at_a_steady_burn_rate_the_exhaustion_is_projected() -> None:
    day = 17_280
    down = day // 100  # 1 % of a day: twice what 99.5 % allows
    runs = [Run(BEGIN, BEGIN + day - down, True), Run(BEGIN + day - down, BEGIN + day, False)]
    rates = burn_rates(runs, TARGET, now=BEGIN + day)
    assert rates["1d"] == pytest.approx(2, rel=0.01)
    assert rates["5m"] == 200
    budget = budget_of(runs, Span(BEGIN, BEGIN + 30 * day), TARGET, now=BEGIN + day)
    assert budget.exhausts_at is not None
    assert budget.exhausts_at - slice_start(BEGIN) == pytest.approx(timedelta(days=15), abs=timedelta(hours=3))


def test_where_nothing_is_known_there_is_no_burn_rate_and_no_availability() -> None:
    found = figures("u???", Span(BEGIN + 1, BEGIN + 4))
    assert found is not None
    assert (found.availability, found.status(TARGET), found.unknown_seconds) == (None, "unknown", 15)
    assert set(burn_rates([], TARGET, now=BEGIN).values()) == {None}


def test_a_failure_that_was_going_on_when_the_window_began_is_one_of_its_own() -> None:
    found = figures("uddduud?du", Span(BEGIN + 2, BEGIN + 10))
    assert found is not None
    assert [(each.start - BEGIN, each.end and each.end - BEGIN) for each in found.failures] == [(2, 4), (6, 9)]


def test_a_tenant_that_never_ran_has_no_figures() -> None:
    assert figures("ddd?d") is None
    assert figures("") is None


def test_unknown_time_since_the_last_sample_is_shown() -> None:
    found = figures_of(history_of("uu").runs, Span(0, BEGIN + 10), now=BEGIN + 10)
    assert found is not None
    assert (found.observed_seconds, found.unknown_seconds) == (10, 40)


def test_exactly_the_promised_availability_meets_the_target() -> None:
    found = figures("u" * 199 + "d")
    assert found is not None
    assert found.availability == 99.5
    assert found.status(TARGET) == "meeting"
    assert found.status(Fraction("0.99500001")) == "violated"


@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1)),
    st.sampled_from(["day", "week", "month"]),
)
def test_a_calendar_s_period_has_just_the_moments_of_its_local_days(zone: str, moment: datetime, name: str) -> None:
    now, local = moment.replace(tzinfo=UTC), ZoneInfo(zone)
    period = read_period(name, now=now, zone=local)
    today = now.astimezone(local).date()

    def is_inside(number: int) -> bool:
        day = slice_start(number).astimezone(local).date()
        if name == "day":
            return day == today
        same_week = day.isocalendar()[:2] == today.isocalendar()[:2]
        return same_week if name == "week" else (day.year, day.month) == (today.year, today.month)

    assert period.span.start <= slice_of(now) < period.span.end
    for edge in (period.span.start, period.span.end):
        # A minute, an hour and a bit around each edge, where clocks change.
        for offset in (-1000, -720, -361, -12, -1, 0, 1, 12, 361, 720, 1000):
            number = edge + offset
            assert is_inside(number) == (period.span.start <= number < period.span.end)
    assert [period.parts[0].start, *(each.end for each in period.parts)] == [each.start for each in period.parts] + [
        period.span.end
    ]
    assert all(each.start < each.end for each in period.parts)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 7, 1), 24)])
def test_a_day_with_a_clock_change_has_its_own_length(day: date, hours: int) -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    period = read_period("day", now=now, zone=ZoneInfo("Europe/Berlin"), day=day)
    assert (period.span.seconds, len(period.parts)) == (hours * 3600, hours)


def test_rolling_periods_end_now() -> None:
    now = datetime(2026, 11, 20, 12, 0, 3, tzinfo=UTC)
    for name, rolling, days in (("month", True, 30), ("30d", False, 30), ("24h", False, 1), ("week", True, 7)):
        period = read_period(name, now=now, zone=ZoneInfo("UTC"), rolling=rolling)
        assert period.span == Span(slice_of(now) - days * 17_280, slice_of(now))
        assert sum(part.seconds for part in period.parts) == period.span.seconds


@pytest.mark.parametrize("name", ["", "year", "0d", "1000d", "24", "-1h", "24H", "9999999h", "day "])
def test_what_is_no_period_is_refused_with_advice(name: str) -> None:
    with pytest.raises(UnknownPeriod, match=r"day, week, month|at most 366d"):
        read_period(name, now=datetime(2026, 11, 20, tzinfo=UTC), zone=ZoneInfo("UTC"))


def test_the_calendar_s_end_is_refused() -> None:
    with pytest.raises(UnknownPeriod, match="range"):
        read_period("month", now=datetime(2026, 11, 20, tzinfo=UTC), zone=ZoneInfo("UTC"), day=date.max)


def test_requests_in_maintenance_do_not_count_and_few_requests_are_not_judged() -> None:
    minutes = [Minute(BEGIN + 12 * number, 100.0, float(number)) for number in range(4)]
    window = Span(BEGIN, BEGIN + 48)
    found = requests_of(minutes, window, maintenance=[Span(BEGIN + 36, BEGIN + 48)])
    assert (found.total, found.bad, found.availability) == (300.0, 3.0, 99.0)
    assert (found.status(Fraction("0.99")), found.status(TARGET)) == ("meeting", "violated")
    assert found.burn_rate(TARGET) == pytest.approx(2)
    few = requests_of(minutes[:1], Span(BEGIN + 1, BEGIN + 48))
    assert (few.availability, few.status(TARGET), few.burn_rate(TARGET)) == (None, "unknown", None)
    assert requests_of([Minute(BEGIN, 10.0, 1.0)], window).status(TARGET) == "unknown"
