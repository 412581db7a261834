"""Names, buckets and summaries of measurements. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from shared.events import Moment

INTERVALS = {"1m": 60.0, "5m": 300.0, "1h": 3600.0}
"""Seconds of the documented intervals."""
_SUFFIX = "_usage"
_DECIMALS = 6
_PRESENT = timedelta(minutes=1)


class Bucket(NamedTuple):
    """One interval of one metric."""

    name: str
    bucket: datetime
    value: float
    """The mean."""
    highest: float
    samples: int


class Summary(NamedTuple):
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


def summarize(buckets: Iterable[Any]) -> Summary:
    """Series by name, and `avg_` and `max_` over all samples of each, not over its buckets."""
    metrics: dict[str, list[dict[str, Any]]] = {}
    totals: dict[str, tuple[float, int, float]] = {}
    for each in buckets:
        point = {"timestamp": each.bucket, "value": round(each.value, _DECIMALS)}
        metrics.setdefault(each.name, []).append(point)
        total, samples, highest = totals.get(each.name, (0.0, 0, each.highest))
        totals[each.name] = (total + each.value * each.samples, samples + each.samples, max(highest, each.highest))
    summary: dict[str, float] = {}
    for name, (total, samples, highest) in totals.items():
        summary[f"avg_{name}"] = round(total / samples, _DECIMALS)
        summary[f"max_{name}"] = round(highest, _DECIMALS)
    return Summary(metrics, summary)
