"""The alerts of one tenant: its rules, its availability, and its samples as they come. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.monitor.alerts.availability_window import AvailabilityWindow
from services.monitor.alerts.evaluation import (
    LATEST_SECONDS,
    LONG_AGO,
    STALE_SECONDS,
    AlertChange,
    RuleTrack,
    TenantEvaluation,
)
from services.monitor.alerts.state_machine import AlertMachine, Status
from services.monitor.metric_names import AVAILABLE, KUBERNETES
from shared.alerts.figures import FIGURES, SERVICES_DOWN, UNOBSERVED, stored_name
from shared.alerts.rule import AlertRule
from shared.sla import Run, Span, slice_of

SILENT_SECONDS = 60.0
"""A tenant without a sample for so long is evaluated all the same, for what is missing."""
_SHORTEST = 1e-6
"""Seconds between the beginnings of two alerts: ids have microseconds."""
_USUAL = frozenset({"cpu", "memory", "gpu", AVAILABLE})


@dataclass(frozen=True, slots=True)
class Terms:
    """What is known of a tenant besides its samples."""

    is_running: bool
    """Whether it should be observed."""
    since: float
    """Since when, if it was never observed."""
    target: float
    """Between 0 and 1."""
    maintenance: Sequence[Span] = ()


class TenantAlerts:
    """One tenant of this process's share."""

    __slots__ = ("_begun", "_observed", "_window", "evaluation", "tenant_id", "terms")

    def __init__(self, tenant_id: str, terms: Terms, runs: Sequence[Run], tracks: Sequence[RuleTrack]) -> None:
        self.tenant_id = tenant_id
        self.terms = terms
        self._window = AvailabilityWindow(terms.target, runs, terms.maintenance)
        self._observed = self._window.last * 5.0
        self._begun: dict[str, float] = {}
        """After the beginning of the last alert of each rule that is gone since the last samples, by its name."""
        self.evaluation = TenantEvaluation(tracks, self.figures)

    def set_terms(self, terms: Terms) -> None:
        """What has become of the tenant."""
        self.terms = terms
        self._window.set_terms(terms.target, terms.maintenance)

    def observe(
        self,
        time: datetime,
        source: str,
        values: Mapping[str, float],
        services: Mapping[str, bool] | None = None,
        *,
        evaluate: bool = True,
    ) -> list[AlertChange]:
        """A sample, and the changes that follow from it; without `evaluate`, only its values are kept."""
        at = time.timestamp()
        if source == KUBERNETES:
            self._observed = max(self._observed, at)
            if (available := values.get(AVAILABLE)) is not None:
                self._window.observe(slice_of(time), up=available > 0)
            values = {**values, SERVICES_DOWN: float(sum(not up for up in (services or {}).values()))}
        elif not values.keys() <= _USUAL:
            named = {stored_name(name): value for name, value in values.items()}
            values = {name: value for name, value in named.items() if name not in FIGURES}
        return self.evaluation.observe(at, source, values, evaluate=evaluate)

    def tick(self, now: float) -> list[AlertChange]:
        """Evaluate at `now` if no sample has come for long, since what is missing may matter."""
        if now - self.evaluation.latest < SILENT_SECONDS:
            return []
        if not self.terms.is_running and self.evaluation.latest == LONG_AGO and not self._has_alerts():
            return []
        return self.evaluation.observe(now, "", {})

    def figures(self, time: float) -> dict[str, float]:
        """The figures at a time. Of a tenant that rests nothing is missed, and all else is unknown after a while."""
        unobserved = time - (self._observed or self.terms.since)
        if not self.terms.is_running and unobserved > STALE_SECONDS:
            return {UNOBSERVED: 0.0}
        found = self._window.figures(int(time // 5))
        found[UNOBSERVED] = max(0.0, unobserved) / 60 if self.terms.is_running else 0.0
        return found

    def set_rules(self, rules: Sequence[AlertRule], now: float) -> tuple[list[AlertChange], list[AlertChange]]:
        """Evaluate these rules: the ends of the alerts of others, and what new ones find in the last samples.

        The alert of a rule that comes again begins after the last one of that name: one that began at the same sample
        would have the same id, and be taken for the one that has just ended.
        """
        tracks = [self.track(rule) for rule in rules]
        kept = set(map(id, tracks))
        gone = [each for each in self.evaluation.tracks.values() if id(each) not in kept]
        oldest = self.evaluation.latest - LATEST_SECONDS
        self._begun = {name: began for name, began in self._begun.items() if began >= oldest}
        self._begun |= {each.rule.alert_name: _after(each.machine) for each in gone}
        ended = [change for each in gone for change in _end(each, now)]
        new = [track or self._new_track(rule) for track, rule in zip(tracks, rules, strict=True)]
        return ended, self.evaluation.set_rules(new)

    def _new_track(self, rule: AlertRule) -> RuleTrack:
        return RuleTrack(rule, AlertMachine(rule.wait, changed=self._begun.get(rule.alert_name, LONG_AGO)))

    def track(self, rule: AlertRule) -> RuleTrack | None:
        """The track of a rule, if it has the same condition, duration, labels and policy."""
        track = self.evaluation.tracks.get(rule.alert_name)
        if track is None or _identity(track.rule) != _identity(rule):
            return None
        track.rule = rule
        return track

    def forget(self, before: int) -> None:
        """Drop the availability before slice `before`."""
        self._window.forget(before)

    def _has_alerts(self) -> bool:
        return any(each.machine.status is not Status.INACTIVE for each in self.evaluation.tracks.values())


def _identity(rule: AlertRule) -> tuple[object, ...]:
    return rule.condition, rule.wait, rule.labels, rule.missing


def _after(machine: AlertMachine) -> float:
    """The earliest time at which another alert may begin."""
    return max(machine.began + _SHORTEST, machine.changed)


def _end(track: RuleTrack, now: float) -> Iterator[AlertChange]:
    """The end of an alert whose rule is gone."""
    if change := track.machine.end(now):
        yield AlertChange(track.rule, track.condition, change, {})
