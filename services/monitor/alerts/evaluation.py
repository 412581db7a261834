"""The rules of one tenant, evaluated as its samples come. Pure: what isn't known of a tenant is given.

The time is the samples' own. Each distinct time of a sample is a point; at a point each metric has the value of the
latest sample that isn't older than `STALE_SECONDS`, and a condition is true, false or unknown, where the rule's policy
for missing data decides. A sample that comes late, by at most `LATEST_SECONDS`, counts as if it had come in time: the
points after it are evaluated again. A repeated sample changes nothing. What has been published stands: an alert that
has fired isn't undone by a late sample, but resolved if its condition doesn't hold at the latest point.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from services.monitor.alerts.state_machine import AlertMachine, Change, Status
from shared.alerts.conditions import Condition, parse
from shared.alerts.figures import FIGURES
from shared.alerts.rule import AlertRule, Missing

STALE_SECONDS = 300.0
"""A value counts for so long without another one, as with Prometheus."""
LATEST_SECONDS = 60.0
"""Samples that are later than this are stored, and not evaluated."""
MOST_KNOWN = 100
"""Metrics of a tenant whose values are kept, however old; of more only those that still count."""
LONG_AGO = float("-inf")

FiguresAt = Callable[[float], Mapping[str, float]]
"""The figures at a time; those that are unknown are absent."""


@dataclass(slots=True, order=True)
class Point:
    """What one source measured at one time. A tick has no source and no values."""

    time: float
    source: str
    values: Mapping[str, float] = field(compare=False)


@dataclass(slots=True)
class _Known:
    """A value, and when it was measured."""

    time: float
    value: float


class RuleTrack:
    """One rule: its condition, since when it holds or doesn't, and its alert."""

    __slots__ = ("condition", "flips", "machine", "metrics", "rule", "uses_figures")

    def __init__(self, rule: AlertRule, machine: AlertMachine | None = None) -> None:
        """`machine` is the alert as it was stored; its condition holds since it began."""
        self.rule = rule
        self.condition: Condition = parse(rule.condition)
        self.machine = machine or AlertMachine(rule.wait)
        self.metrics = frozenset(each.metric for each in self.condition.comparisons)
        self.uses_figures = bool(self.metrics & FIGURES)
        holds = self.machine.status is not Status.INACTIVE
        self.flips: list[tuple[float, bool]] = [(self.machine.began if holds else self.machine.changed, holds)]

    def note(self, time: float, *, holds: bool) -> None:
        """From `time` on, the condition holds or doesn't. What was before the stored beginning doesn't matter."""
        if self.flips[-1][1] != holds and time >= self.flips[0][0]:
            self.flips.append((time, holds))

    def rewind(self, time: float) -> None:
        """Forget what was noted at `time` and after it."""
        while len(self.flips) > 1 and self.flips[-1][0] >= time:
            self.flips.pop()

    def forget(self, before: float) -> None:
        """Keep of the flips before `before` the last one."""
        while len(self.flips) > 1 and self.flips[1][0] < before:
            del self.flips[0]


@dataclass(frozen=True, slots=True)
class AlertChange:
    """A change of the alert of a rule, with the values at that point."""

    rule: AlertRule
    condition: Condition
    change: Change
    values: Mapping[str, float]


class TenantEvaluation:
    """The rules of one tenant."""

    __slots__ = ("_current", "_figures", "_known", "_points", "_uses_figures", "latest", "tracks")

    def __init__(self, tracks: Sequence[RuleTrack], figures: FiguresAt) -> None:
        self._figures = figures
        self._known: dict[str, _Known] = {}
        """The last values before the first of `_points`."""
        self._current: dict[str, _Known] = {}
        """The last values at the latest point."""
        self._points: list[Point] = []
        self.latest = LONG_AGO
        """The time of the latest point."""
        self.tracks: dict[str, RuleTrack] = {}
        self.set_rules(tracks)

    @property
    def known(self) -> frozenset[str]:
        """The metrics whose last values are kept."""
        return frozenset(self._known.keys() | self._current.keys())

    def set_rules(self, tracks: Sequence[RuleTrack]) -> list[AlertChange]:
        """Evaluate these rules from now on; the changes that follow for new ones from the last samples."""
        before = self.tracks
        self.tracks = {each.rule.alert_name: each for each in tracks}
        self._uses_figures = any(each.uses_figures for each in tracks)
        new = [each for each in tracks if before.get(each.rule.alert_name) is not each]
        return self._evaluate_from(self._points[0].time, new) if self._points and new else []

    def observe(
        self, time: float, source: str, values: Mapping[str, float], *, evaluate: bool = True
    ) -> list[AlertChange]:
        """A sample, and the changes that follow from it; without `evaluate`, only its values are kept."""
        if time < self.latest - LATEST_SECONDS:
            return []
        if not self._add(Point(time, source, values)):
            return []
        self.latest = max(self.latest, time)
        changes = self._evaluate_from(time, self.tracks.values()) if evaluate else self._remember()
        self._forget(self.latest - LATEST_SECONDS)
        return changes

    def _add(self, point: Point) -> bool:
        """False if nothing of it is new."""
        index = bisect_left(self._points, point)
        if index < len(self._points) and self._points[index] == point:
            known = self._points[index].values
            self._points[index].values = {**point.values, **known}
            return len(self._points[index].values) > len(known)
        insort(self._points, point)
        return True

    def _evaluate_from(self, time: float, tracks: Collection[RuleTrack]) -> list[AlertChange]:
        """Evaluate the points at `time` and after it, and advance the alerts to the latest one."""
        for track in tracks:
            track.rewind(time)
        values: dict[str, float] = {}
        known: list[RuleTrack] = []
        for at, values in self._values_from(time):
            known = [track for track in tracks if _note(track, at, values)]
        return list(self._advanced(values, known))

    def _remember(self) -> list[AlertChange]:
        """Note the last values without evaluating anything."""
        self._current = dict(self._known)
        for point in self._points:
            _keep(self._current, point)
        return []

    def _advanced(self, values: Mapping[str, float], tracks: Iterable[RuleTrack]) -> Iterator[AlertChange]:
        for track in tracks:
            since, holds = track.flips[-1]
            if change := track.machine.advance(self.latest, since, holds=holds):
                yield AlertChange(track.rule, track.condition, change, values)

    def _values_from(self, time: float) -> Iterator[tuple[float, dict[str, float]]]:
        """Each distinct time from `time` on, with its values and figures."""
        points = self._points
        if points[-1].time == time and (len(points) == 1 or points[-2].time < time):
            # The usual case: a sample that is later than all others.
            _keep(self._current, points[-1])
            yield time, self._values_at(time, self._current)
            return
        known = dict(self._known)
        for index, point in enumerate(points):
            _keep(known, point)
            is_last_of_its_time = index + 1 == len(points) or points[index + 1].time > point.time
            if point.time >= time and is_last_of_its_time:
                yield point.time, self._values_at(point.time, known)
        self._current = known

    def _values_at(self, time: float, known: Mapping[str, _Known]) -> dict[str, float]:
        fresh = time - STALE_SECONDS
        values = {name: each.value for name, each in known.items() if each.time >= fresh}
        return {**values, **self._figures(time)} if self._uses_figures else values

    def _forget(self, before: float) -> None:
        """Fold the points before `before` into the known values."""
        count = bisect_left(self._points, before, key=attrgetter("time"))
        for point in self._points[:count]:
            _keep(self._known, point)
        del self._points[:count]
        if len(self._current) > MOST_KNOWN:
            oldest = before - STALE_SECONDS
            self._known = {name: each for name, each in self._known.items() if each.time >= oldest}
            self._current = {name: each for name, each in self._current.items() if each.time >= oldest}
        for track in self.tracks.values():
            track.forget(before)


def _keep(known: dict[str, _Known], point: Point) -> None:
    for name, value in point.values.items():
        known[name] = _Known(point.time, value)


def _note(track: RuleTrack, time: float, values: Mapping[str, float]) -> bool:
    """Note whether the condition holds at `time`; False if that is unknown, and the alert is kept as it is."""
    holds = track.condition.holds(values)
    if holds is None:
        if track.rule.missing is Missing.KEEP:
            return False
        holds = track.rule.missing is Missing.ALERT
    track.note(time, holds=holds)
    return True
