"""Names, moments and series of measurements. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple

from shared.events import Moment

INTERVALS = {"1m": 60, "5m": 300, "1h": 3600}
"""Seconds of the documented intervals."""
MOST_POINTS = 100_000
"""In one answer, an hour of a series counted in full: 6 MB, and a tenth of a second in a browser."""
_HOUR = 3600
_SUFFIX = "_usage"
_DECIMALS = 6
_PRESENT = timedelta(minutes=1)


class Stretch(NamedTuple):
    """An hour of one series: the mean of each of its intervals, and figures of the whole hour."""

    name: str
    hour: datetime
    numbers: Sequence[int] | None
    """Which of the hour's intervals have a mean; None if all have."""
    means: Sequence[float]
    highs: Sequence[float] | None
    """Of each interval, and likewise `counts`; None where the whole hour is asked for, whose figures will do."""
    counts: Sequence[int] | None
    mean: float
    highest: float
    samples: int


class Series(NamedTuple):
    """`metrics` has points as the API shows them: `{"timestamp": "2024-01-20T14:00:00Z", "value": 65.5}`."""

    metrics: dict[str, list[dict[str, Any]]]
    summary: dict[str, float]


def series_name(name: str) -> str:
    """The one name of a series: `cpu_usage` is `cpu`, and case doesn't matter."""
    return name.lower().removesuffix(_SUFFIX) or name.lower()


def renamed(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics under their series' names. Where two names mean one series, the last one counts."""
    return {series_name(name): value for name, value in metrics.items()}


def by_time(points: Iterable[tuple[datetime, Mapping[str, float]]]) -> list[Moment]:
    """One moment a time, in their order, under the series' names. Of two values at one time the last one counts."""
    found: dict[datetime, dict[str, float]] = {}
    for time, metrics in points:
        found.setdefault(time, {}).update(renamed(metrics))
    return [Moment(time=time, values=found[time]) for time in sorted(found)]


def latest_values(moments: Sequence[Moment]) -> dict[str, float]:
    """The last value of each metric in the minute up to the last moment: what is older is history."""
    ordered = sorted(moments, key=lambda each: each.time)
    latest: dict[str, float] = {}
    for each in ordered:
        if each.time > ordered[-1].time - _PRESENT:
            latest |= each.values
    return latest


def most_hours(step: int) -> int:
    """How many stretches an answer may have, with intervals of `step` seconds."""
    return MOST_POINTS * step // _HOUR


def too_many(interval: str, hours: int) -> str:
    """What to ask for instead of more than `MOST_POINTS`."""
    coarser = {"1m": "interval=5m, ", "5m": "interval=1h, "}.get(interval, "")
    asked = f"{interval} over {hours} hours is more than {MOST_POINTS:,} points"
    return f"{asked}: ask for {coarser}one metric by metric_type, or fewer hours"


def series_of(stretches: Iterable[Stretch], *, start: datetime, step: int) -> Series:
    """Points by metric, and `avg_` and `max_` over all samples of each, not over its intervals.

    `stretches` are in the order of time. An interval that ends before `start` is left out.
    """
    found: defaultdict[str, list[Stretch]] = defaultdict(list)
    for each in stretches:
        stretch = each if each.highs is None else _since(each, start, step)
        if stretch.means:
            found[stretch.name].append(stretch)
    metrics: dict[str, list[dict[str, Any]]] = {}
    summary: dict[str, float] = {}
    stamps: dict[datetime, list[str]] = {}
    for name, hours in sorted(found.items()):
        metrics[name] = _points(hours, stamps, step)
        total = sum(each.mean * each.samples for each in hours)
        summary[f"avg_{name}"] = round(total / sum(each.samples for each in hours), _DECIMALS)
        summary[f"max_{name}"] = round(max(each.highest for each in hours), _DECIMALS)
    return Series(metrics, summary)


def merged(stretches: Sequence[Stretch]) -> list[Stretch]:
    """One stretch for each series and hour, where ours and others' samples have one each. All must have `counts`."""
    found: dict[tuple[str, datetime], Stretch] = {}
    for each in stretches:
        key = each.name, each.hour
        found[key] = _sum(found[key], each) if key in found else each
    return list(found.values())


def _sum(one: Stretch, other: Stretch) -> Stretch:
    intervals: dict[int, tuple[float, float, int]] = {}
    for each in (one, other):
        numbers = each.numbers if each.numbers is not None else range(len(each.means))
        for number, mean, high, count in zip(numbers, each.means, each.highs or (), each.counts or (), strict=True):
            total, highest, samples = intervals.get(number, (0.0, high, 0))
            intervals[number] = (total + mean * count, max(highest, high), samples + count)
    ordered = sorted(intervals.items())
    samples = one.samples + other.samples
    return one._replace(
        numbers=[number for number, _ in ordered],
        means=[total / count for _, (total, _, count) in ordered],
        highs=[high for _, (_, high, _) in ordered],
        counts=[count for _, (_, _, count) in ordered],
        mean=(one.mean * one.samples + other.mean * other.samples) / samples,
        highest=max(one.highest, other.highest),
        samples=samples,
    )


def _points(stretches: Sequence[Stretch], stamps: dict[datetime, list[str]], step: int) -> list[dict[str, Any]]:
    """Tens of thousands of them: a call more for each is seen in the answer's time. `stamps` are kept for the next."""
    times: list[str] = []
    values: list[float] = []
    for each in stretches:
        hour = stamps.get(each.hour) or stamps.setdefault(each.hour, _stamps(each.hour, step))
        times += hour if each.numbers is None else [hour[number] for number in each.numbers]
        values += each.means
    points = [{"timestamp": time, "value": value} for time, value in zip(times, values, strict=True)]
    # Rows by hand may be of one name and two types, each with a stretch of its own.
    is_mixed = any(one.hour >= other.hour for one, other in pairwise(stretches))
    return sorted(points, key=itemgetter("timestamp")) if is_mixed else points


def _since(stretch: Stretch, start: datetime, step: int) -> Stretch:
    """Those intervals of an hour that end after `start`."""
    numbers = stretch.numbers if stretch.numbers is not None else range(len(stretch.means))
    columns = (numbers, stretch.means, stretch.highs or (), stretch.counts or ())
    earliest = (start - stretch.hour).total_seconds() - step
    kept = [row for row in zip(*columns, strict=True) if row[0] * step > earliest]
    samples = sum(count for *_, count in kept)
    return stretch._replace(
        numbers=[number for number, *_ in kept],
        means=[mean for _, mean, *_ in kept],
        mean=sum(mean * count for _, mean, _, count in kept) / samples if samples else 0.0,
        highest=max((high for _, _, high, _ in kept), default=stretch.highest),
        samples=samples,
    )


def _stamps(hour: datetime, step: int) -> list[str]:
    """When each interval of an hour (UTC) begins, as JSON has it."""
    begin = f"{hour:%Y-%m-%dT%H}"
    return [f"{begin}:{second // 60:02}:00Z" for second in range(0, _HOUR, step)]
