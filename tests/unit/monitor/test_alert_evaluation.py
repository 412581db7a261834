"""The evaluation of a tenant's rules against a naive model: all samples that came, sorted, from the beginning."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from services.monitor.alerts.evaluation import (
    LATEST_SECONDS,
    MOST_KNOWN,
    STALE_SECONDS,
    AlertChange,
    RuleTrack,
    TenantEvaluation,
)
from services.monitor.alerts.state_machine import AlertMachine, Status
from shared.alerts.conditions import parse
from shared.alerts.rule import AlertRule, Missing
from tests.support.examples import examples

Sample = tuple[float, str, Mapping[str, float]]


def rule(condition: str = "cpu > 80", duration: str = "30s", missing: Missing = Missing.KEEP) -> AlertRule:
    return AlertRule(alert_name="r", condition=condition, duration=duration, missing=missing)


def no_figures(time: float) -> Mapping[str, float]:
    return {}


def tenant(*rules: AlertRule) -> TenantEvaluation:
    return TenantEvaluation([RuleTrack(each) for each in rules], no_figures)


def statuses(changes: list[AlertChange]) -> list[Status]:
    return [each.change.after for each in changes]


@dataclass
class Naive:
    """Keeps every sample, and works all out again whenever one comes."""

    rule: AlertRule
    samples: dict[tuple[float, str], dict[str, float]] = field(default_factory=dict)
    status: str = "inactive"
    began: float = 0.0
    fired: list[float] = field(default_factory=list)
    resolved: float = float("-inf")

    def observe(self, sample: Sample) -> None:
        time, source, values = sample
        latest = max((each for each, _ in self.samples), default=-1e9)
        if time < latest - LATEST_SECONDS:
            return
        known = self.samples.setdefault((time, source), {})
        before = (dict(known), len(self.samples))
        self.samples[time, source] = {**values, **known}
        del before
        self._publish()

    def _values(self, at: float) -> dict[str, float]:
        found = {}
        for (time, _), values in sorted(self.samples.items()):
            if time <= at:
                found |= {name: (time, value) for name, value in values.items()}
        return {name: value for name, (time, value) in found.items() if time >= at - STALE_SECONDS}

    def _publish(self) -> None:
        condition = parse(self.rule.condition)
        held, since, is_known = False, float("-inf"), False
        for at in sorted({time for time, _ in self.samples}):
            holds = condition.holds(self._values(at))
            is_known = holds is not None or self.rule.missing is not Missing.KEEP
            if holds is None:
                holds = held if self.rule.missing is Missing.KEEP else self.rule.missing is Missing.ALERT
            if holds != held:
                held, since = holds, at
        if is_known:
            self._advance(max(time for time, _ in self.samples), since, held)

    def _advance(self, now: float, since: float, held: bool) -> None:
        if self.status == "firing":
            recent = self.fired[-3:]
            is_flapping = len(recent) == 3 and since - recent[0] <= 3600
            if not held and now - since >= (600 if is_flapping else 0):
                self.status, self.resolved = "inactive", now
        elif not held:
            self.status = "inactive"
        elif now - max(since, self.resolved) >= self.rule.wait:
            self.status, self.began = "firing", max(since, self.resolved)
            self.fired.append(now)
        else:
            self.status, self.began = "pending", max(since, self.resolved)


times = st.integers(0, 60).map(lambda number: 1_000_000.0 + 5 * number)
samples = st.tuples(
    times,
    st.sampled_from(["kubernetes", "rest"]),
    st.dictionaries(st.sampled_from(["cpu", "memory", "other"]), st.sampled_from([50.0, 90.0]), max_size=2),
)
rules = st.builds(
    rule,
    st.sampled_from(["cpu > 80", "cpu > 80 and memory > 80", "cpu > 80 or memory > 80", "cpu < 80"]),
    st.sampled_from(["0s", "10s", "30s", "1m"]),
    st.sampled_from(list(Missing)),
)


@examples(300, deadline=None)
@given(rules, st.lists(samples, max_size=40))
def test_late_and_repeated_samples_give_what_the_naive_model_gives(checked: AlertRule, arrivals: list[Sample]) -> None:
    evaluation, naive = tenant(checked), Naive(checked)
    machine = evaluation.tracks["r"].machine
    for each in arrivals:
        evaluation.observe(*each)
        naive.observe(each)
        assert machine.status == naive.status
        if naive.status != "inactive":
            assert machine.began == naive.began


@examples(100, deadline=None)
@given(rules, st.lists(samples, min_size=1, max_size=30), st.data())
def test_a_repetition_of_everything_changes_nothing(
    checked: AlertRule, arrivals: list[Sample], data: st.DataObject
) -> None:
    evaluation = tenant(checked)
    for each in arrivals:
        evaluation.observe(*each)
    again = data.draw(st.permutations(arrivals))

    assert [change for each in again for change in evaluation.observe(*each)] == []


def test_an_alert_is_pending_for_its_duration_and_then_fires_once() -> None:
    evaluation = tenant(rule(duration="10s"))

    assert statuses(evaluation.observe(100, "k", {"cpu": 90})) == [Status.PENDING]
    assert evaluation.observe(105, "k", {"cpu": 91}) == []
    assert statuses(evaluation.observe(110, "k", {"cpu": 92})) == [Status.FIRING]
    assert evaluation.observe(115, "k", {"cpu": 92}) == []
    assert statuses(evaluation.observe(120, "k", {"cpu": 10})) == [Status.INACTIVE]


def test_a_late_sample_that_breaks_a_pending_run_starts_it_again() -> None:
    evaluation = tenant(rule(duration="30s"))
    for at in (100, 105, 115, 120, 125):
        evaluation.observe(at, "k", {"cpu": 90})

    (change,) = evaluation.observe(110, "k", {"cpu": 10})

    assert (change.change.after, change.change.began) == (Status.PENDING, 115)
    assert evaluation.observe(130, "k", {"cpu": 90}) == []
    assert statuses(evaluation.observe(145, "k", {"cpu": 90})) == [Status.FIRING]


def test_a_stored_alert_that_fires_goes_on_without_firing_again() -> None:
    track = RuleTrack(rule(), AlertMachine(30.0, status=Status.FIRING, began=100.0, fired=[130.0]))
    evaluation = TenantEvaluation([track], no_figures)

    evaluation.observe(135, "k", {"cpu": 10}, evaluate=False)
    assert evaluation.observe(140, "k", {"cpu": 95}) == []
    assert statuses(evaluation.observe(145, "k", {"cpu": 20})) == [Status.INACTIVE]


def test_without_data_the_policy_decides() -> None:
    found = {}
    for policy in Missing:
        evaluation = tenant(rule(duration="0s", missing=policy))
        evaluation.observe(100, "k", {"cpu": 90 if policy is not Missing.ALERT else 10})
        found[policy] = statuses(evaluation.observe(100 + STALE_SECONDS + 5, "", {}))

    assert found == {Missing.ALERT: [Status.FIRING], Missing.KEEP: [], Missing.IGNORE: [Status.INACTIVE]}


def test_a_flapping_alert_is_resolved_only_after_ten_quiet_minutes() -> None:
    evaluation = tenant(rule(duration="0s"))
    changes = [
        (at, each.change.after)
        for at in range(0, 1500, 5)
        for each in evaluation.observe(float(at), "k", {"cpu": 90.0 if at < 600 and at % 60 < 30 else 10.0})
    ]

    fired = [at for at, status in changes if status is Status.FIRING]
    resolved = [at for at, status in changes if status is Status.INACTIVE]
    assert fired == [0, 60, 120]
    assert resolved == [30, 90, 570 + 600]


def test_a_late_sample_that_undoes_a_resolution_begins_another_alert() -> None:
    evaluation = tenant(rule("cpu > 80 or memory > 80", duration="0s"))
    (fired,) = evaluation.observe(100, "k", {"cpu": 90, "memory": 10})
    (resolved,) = evaluation.observe(110, "k", {"cpu": 10})

    (again,) = evaluation.observe(105, "rest", {"memory": 90})

    assert statuses([fired, resolved, again]) == [Status.FIRING, Status.INACTIVE, Status.FIRING]
    assert (fired.change.began, again.change.began) == (100, 110)


def test_metrics_with_ever_new_names_are_forgotten_once_they_count_no_more() -> None:
    evaluation = tenant(rule(duration="0s"))
    for number in range(2000):
        evaluation.observe(5.0 * number, "rest", {f"m{number}": 1.0})

    assert len(evaluation.known) <= MOST_KNOWN
