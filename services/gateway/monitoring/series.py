"""Names of metrics, moments, and series. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple

from shared.events import Moment
from shared.messages import Sentence, sentence

INTERVALS = {"1m": 60, "5m": 300, "1h": 3600}
"""Seconds of the documented intervals."""
MOST_POINTS = 100_000
"""Points in one answer, with every hour of a series counted as complete: 6 MB, and 0.1 s in a browser."""
_HOUR = 3600
_SUFFIX = "_usage"
_DECIMALS = 6
_PRESENT = timedelta(minutes=1)


class SeriesHour(NamedTuple):
    """An hour of one series: the mean of each of its intervals, and the figures of the whole hour."""

    name: str
    hour: datetime
    numbers: Sequence[int] | None
    """The indexes of the intervals that have a mean; None if all have one."""
    means: Sequence[float]
    highs: Sequence[float] | None
    """The maximum of each interval. Like `counts` it is None if the figures of the whole hour are enough."""
    counts: Sequence[int] | None
    mean: float
    highest: float
    samples: int


class MetricSeries(NamedTuple):
    """`metrics` has points in the API's form: `{"timestamp": "2024-01-20T14:00:00Z", "value": 65.5}`."""

    metrics: dict[str, list[dict[str, Any]]]
    summary: dict[str, float]


def series_name(name: str) -> str:
    """The stored name of a metric: `cpu_usage` becomes `cpu`, upper case becomes lower case."""
    return name.lower().removesuffix(_SUFFIX) or name.lower()


def renamed(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics under their stored names. If two names mean the same series, the last one counts."""
    return {series_name(name): value for name, value in metrics.items()}


def by_time(points: Iterable[tuple[datetime, Mapping[str, float]]]) -> list[Moment]:
    """One moment for each time, in order, under stored names. Of two values at one time the last one counts."""
    found: dict[datetime, dict[str, float]] = {}
    for time, metrics in points:
        found.setdefault(time, {}).update(renamed(metrics))
    return [Moment(time=time, values=found[time]) for time in sorted(found)]


def latest_values(moments: Sequence[Moment]) -> dict[str, float]:
    """The last value of each metric within the minute before the last moment."""
    ordered = sorted(moments, key=lambda each: each.time)
    latest: dict[str, float] = {}
    for each in ordered:
        if each.time > ordered[-1].time - _PRESENT:
            latest |= each.values
    return latest


def most_hours(step: int) -> int:
    """How many hours of series an answer may have, with intervals of `step` seconds."""
    return MOST_POINTS * step // _HOUR


def too_many(interval: str, hours: int) -> Sentence:
    """The error for more than `MOST_POINTS`, with what to request instead."""
    coarser = {"1m": "interval=5m, ", "5m": "interval=1h, "}.get(interval, "")
    return sentence(
        "too-many-points",
        "{interval} over {hours} hours is more than {most} points: ask for {coarser}one metric by metric_type, or "
        "fewer hours",
        interval=interval,
        hours=hours,
        most=f"{MOST_POINTS:,}",
        coarser=coarser,
    )


def series_of(stored: Iterable[SeriesHour], *, start: datetime, step: int) -> MetricSeries:
    """Points by metric, and `avg_` and `max_` of each over its samples, not over its intervals.

    `stored` is in the order of time. Intervals that end before `start` are left out.
    """
    found: defaultdict[str, list[SeriesHour]] = defaultdict(list)
    for each in stored:
        hour = each if each.highs is None else _since(each, start, step)
        if hour.means:
            found[hour.name].append(hour)
    metrics: dict[str, list[dict[str, Any]]] = {}
    summary: dict[str, float] = {}
    stamps: dict[datetime, list[str]] = {}
    for name, hours in sorted(found.items()):
        metrics[name] = _points(hours, stamps, step)
        total = sum(each.mean * each.samples for each in hours)
        summary[f"avg_{name}"] = round(total / sum(each.samples for each in hours), _DECIMALS)
        summary[f"max_{name}"] = round(max(each.highest for each in hours), _DECIMALS)
    return MetricSeries(metrics, summary)


def merged(stored: Sequence[SeriesHour]) -> list[SeriesHour]:
    """One entry for each series and hour, although samples of several sources have one each. All need `counts`."""
    found: dict[tuple[str, datetime], SeriesHour] = {}
    for each in stored:
        key = each.name, each.hour
        found[key] = _sum(found[key], each) if key in found else each
    return list(found.values())


def _sum(one: SeriesHour, other: SeriesHour) -> SeriesHour:
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


def _points(hours: Sequence[SeriesHour], stamps: dict[datetime, list[str]], step: int) -> list[dict[str, Any]]:
    """The points of one series; `stamps` caches time stamps by hour. Written for speed: there are tens of thousands."""
    times: list[str] = []
    values: list[float] = []
    for each in hours:
        stamp = stamps.get(each.hour) or stamps.setdefault(each.hour, _stamps(each.hour, step))
        times += stamp if each.numbers is None else [stamp[number] for number in each.numbers]
        values += each.means
    points = [{"timestamp": time, "value": value} for time, value in zip(times, values, strict=True)]
    # Rows inserted by hand may have one name and two types, and thus an hour twice.
    is_mixed = any(one.hour >= other.hour for one, other in pairwise(hours))
    return sorted(points, key=itemgetter("timestamp")) if is_mixed else points


def _since(hour: SeriesHour, start: datetime, step: int) -> SeriesHour:
    """The intervals of an hour that end after `start`."""
    numbers = hour.numbers if hour.numbers is not None else range(len(hour.means))
    columns = (numbers, hour.means, hour.highs or (), hour.counts or ())
    earliest = (start - hour.hour).total_seconds() - step
    kept = [row for row in zip(*columns, strict=True) if row[0] * step > earliest]
    samples = sum(count for *_, count in kept)
    return hour._replace(
        numbers=[number for number, *_ in kept],
        means=[mean for _, mean, *_ in kept],
        mean=sum(mean * count for _, mean, _, count in kept) / samples if samples else 0.0,
        highest=max((high for _, _, high, _ in kept), default=hour.highest),
        samples=samples,
    )


def _stamps(hour: datetime, step: int) -> list[str]:
    """The begin of each interval of an hour (UTC), as in JSON."""
    begin = f"{hour:%Y-%m-%dT%H}"
    return [f"{begin}:{second // 60:02}:00Z" for second in range(0, _HOUR, step)]
