"""Alerts of one cause are one incident: as a naive model groups them, whatever comes in whatever order."""

import itertools
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.alerts.transition import AlertState, Transition, fingerprint_of
from services.monitor.incidents.grouping import REOPENS_WITHIN, Grouping
from services.monitor.incidents.model import MOST_ALERT_ENTRIES, Incident, Journal
from shared.alerts.rule import SEVERITIES, Severity
from shared.messages import sentence
from tests.support.examples import examples
from tests.support.naive_incidents import NaiveIncidents

START = datetime(2031, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def transition(
    name: str = "cpu",
    state: AlertState = "firing",
    *,
    severity: Severity = "warning",
    at: datetime = START,
    kind: str = "custom",
    **labels: str,
) -> Transition:
    fingerprint = fingerprint_of("acme", name, labels)
    return Transition(
        alert_id=f"alert-{fingerprint[:8]}",
        fingerprint=fingerprint,
        tenant_id="acme",
        name=name,
        severity=severity,
        state=state,
        at=at,
        value=1.0,
        condition="",
        summary=sentence("test", name),
        labels=labels,
        type=kind,
    )


class Tenant:
    """A tenant's incidents in memory, as the store would keep them from one transaction to the next."""

    def __init__(self) -> None:
        self.incidents: dict[str, Incident] = {}
        self.journal = Journal()
        self._ids: Iterator[str] = (f"incident-{number:06}" for number in itertools.count(1))

    def apply(self, *batch: Transition) -> tuple[list[Transition], set[str]]:
        self.journal = Journal()
        answer = Grouping(self.incidents.values(), lambda: next(self._ids), self.journal).apply(batch)
        self.incidents.update(self.journal.touched)
        return answer

    @property
    def open(self) -> list[Incident]:
        return [each for each in self.incidents.values() if not each.is_closed]

    @property
    def events(self) -> list[str]:
        return [kind for kind, *_ in self.journal.events]

    def inhibited(self) -> dict[str, str | None]:
        """What inhibits each alert that fires."""
        return {m.alert.fingerprint: m.inhibited_by for incident in self.open for m in incident.firing}

    def firing(self) -> list[set[str]]:
        return [{member.alert.name for member in each.firing} for each in self.open]


NODE_DOWN = {"name": "NodeDown", "severity": "critical", "node": "n1"}


def test_alerts_about_one_service_are_one_incident_and_others_are_others() -> None:
    tenant = Tenant()
    tenant.apply(transition("slow", service="callbot"), transition("errors", service="callbot"), transition("disk"))
    assert tenant.firing() == [{"disk"}, {"slow", "errors"}] or tenant.firing() == [{"slow", "errors"}, {"disk"}]
    assert tenant.events == ["opened", "opened"]


def test_pods_of_one_workload_are_one_incident_with_its_service() -> None:
    tenant = Tenant()
    pods = ("callbot-7d4b9c6f5-x2x4z", "callbot-7d4b9c6f5-abcde", "callbot-0", "callbot")
    tenant.apply(transition("slow", service="callbot"), *(transition("restarts", pod=pod) for pod in pods))
    assert len(tenant.open) == 1
    tenant.apply(transition("restarts", pod="stt-0"))
    assert len(tenant.open) == 2


def test_a_label_of_the_rules_author_groups_whatever_has_it() -> None:
    tenant = Tenant()
    tenant.apply(transition("a", incident="billing", service="x"), transition("b", incident="billing", pod="y"))
    assert tenant.firing() == [{"a", "b"}]


def test_the_same_transition_twice_changes_nothing() -> None:
    tenant = Tenant()
    tenant.apply(transition())
    tenant.apply(transition())
    assert (tenant.events, tenant.journal.entries) == ([], [])
    tenant.apply(transition(state="resolved"))
    tenant.apply(transition(state="resolved"))
    assert (tenant.events, tenant.open) == ([], [])


def test_a_node_that_is_down_inhibits_what_fires_on_it_and_later_frees_it() -> None:
    tenant = Tenant()
    pods = [transition(f"pod-{number}", node="n1", pod=f"p{number}") for number in range(3)]
    tenant.apply(*pods, transition("other", node="n2", pod="p9"))
    down = transition("NodeDown", severity="critical", node="n1")
    [marked], changed = tenant.apply(down)
    assert changed == {each.fingerprint for each in pods}
    assert marked.inhibited_by is None
    assert sorted(map(len, tenant.firing())) == [1, 4]
    assert tenant.events.count("closed") == 2
    late, _ = tenant.apply(transition("late", node="n1", pod="p4", at=START + MINUTE))
    assert late[0].inhibited_by == down.fingerprint
    assert late[0].incident_id == marked.incident_id
    _, freed = tenant.apply(transition("NodeDown", "resolved", severity="critical", node="n1", at=START + 2 * MINUTE))
    assert freed == changed | {late[0].fingerprint}
    assert len(tenant.open) == 2


def test_what_is_resolved_together_frees_nothing() -> None:
    tenant = Tenant()
    tenant.apply(transition("NodeDown", severity="critical", node="n1"), transition("pod", node="n1", pod="p"))
    _, freed = tenant.apply(
        transition("NodeDown", "resolved", severity="critical", node="n1", at=START + MINUTE),
        transition("pod", "resolved", node="n1", pod="p", at=START + MINUTE),
    )
    assert freed == set()
    assert tenant.open == []


@pytest.mark.parametrize(("source", "is_inhibited"), [("critical", True), ("warning", False)])
def test_a_page_is_never_inhibited_by_a_ticket_but_has_the_same_incident(source: Severity, is_inhibited: bool) -> None:
    tenant = Tenant()
    burn = transition("error-budget-burn-1h", severity="critical", kind="error_budget_burn")
    tenant.apply(transition("service_down", severity=source, service="callbot", kind="service_down"))
    [marked], _ = tenant.apply(burn)
    assert (marked.inhibited_by is not None) is is_inhibited
    assert len(tenant.open) == 1


def test_what_fires_about_all_services_is_of_the_incident_of_the_burning_budget() -> None:
    tenant = Tenant()
    tenant.apply(transition("service-down", kind="service_down"))
    tenant.apply(transition("service-down", "resolved", kind="service_down", at=START + MINUTE))
    tenant.apply(transition("burn-rate-1h", severity="critical", kind="error_budget_burn", at=START + 2 * MINUTE))
    assert tenant.events == ["reopened", "severity"]


def test_a_spent_budget_is_of_the_incident_and_is_notified() -> None:
    tenant = Tenant()
    tenant.apply(transition("ECPTenantDown", severity="critical"))
    [spent], _ = tenant.apply(transition("budget-exhausted", severity="critical", kind="sla_violated"))
    assert (spent.inhibited_by, len(tenant.open)) == (None, 1)


def test_an_incident_that_fires_again_soon_is_reopened_and_later_a_new_one() -> None:
    tenant = Tenant()
    tenant.apply(transition())
    tenant.apply(transition(state="resolved", at=START + MINUTE))
    tenant.apply(transition(at=START + MINUTE + REOPENS_WITHIN))
    assert (tenant.events, len(tenant.incidents)) == (["reopened"], 1)
    again = START + 60 * MINUTE
    tenant.apply(transition(state="resolved", at=again))
    tenant.apply(transition(at=again + REOPENS_WITHIN + MINUTE))
    assert (tenant.events, len(tenant.incidents)) == (["opened"], 2)


def test_a_more_urgent_alert_raises_the_severity_and_has_to_be_acknowledged_again() -> None:
    tenant = Tenant()
    tenant.apply(transition("slow", service="callbot"))
    [incident] = tenant.open
    incident.status, incident.acknowledged_by = "acknowledged", "kim"
    tenant.apply(transition("slower", service="callbot", at=START + MINUTE))
    assert incident.status == "acknowledged"
    tenant.apply(transition("down", service="callbot", severity="critical", at=START + 2 * MINUTE))
    assert (incident.severity, incident.status, tenant.events) == ("critical", "open", ["severity"])


def test_a_severity_that_a_person_set_stands_until_an_alert_is_more_urgent_than_all_before() -> None:
    tenant = Tenant()
    tenant.apply(transition("a", service="callbot"))
    [incident] = tenant.open
    incident.severity, incident.severity_by = "info", "kim"
    tenant.apply(transition("b", service="callbot"))
    assert incident.severity == "info"
    tenant.apply(transition("c", service="callbot", severity="critical"))
    assert (incident.severity, incident.severity_by) == ("critical", None)


def test_the_title_is_that_of_the_largest_cause() -> None:
    tenant = Tenant()
    tenant.apply(transition("pod", node="n1", pod="p"))
    tenant.apply(transition("NodeDown", severity="critical", node="n1"))
    assert [each.title.english for each in tenant.open] == ["NodeDown"]


def test_lines_of_incidents_that_merge_at_once_are_in_the_timeline_that_goes_on() -> None:
    tenant = Tenant()
    nodes = [transition("NodeDown", severity="critical", node=node) for node in ("n1", "n2")]
    tenant.apply(*nodes, *(transition("slow", service="callbot", node=node) for node in ("n1", "n2")))
    [incident] = tenant.open
    assert {each.incident_id for each in tenant.journal.entries} == {incident.incident_id}
    kinds = sorted(each.kind for each in tenant.journal.entries)
    assert kinds == ["fired"] * 4 + ["merged"] + ["opened"] * 2


def test_a_flood_of_alerts_is_one_incident_with_a_bounded_timeline() -> None:
    tenant = Tenant()
    count = MOST_ALERT_ENTRIES + 500
    tenant.apply(*(transition(f"a{number}", service="callbot") for number in range(count)))
    [incident] = tenant.open
    assert len(incident.firing) == count
    assert len([each for each in tenant.journal.entries if each.kind == "fired"]) == MOST_ALERT_ENTRIES


_LABELS: list[Mapping[str, str]] = [
    {"service": "callbot"},
    {"service": "stt"},
    {"node": "n1", "pod": "p1"},
    {"node": "n1", "pod": "p2", "service": "callbot"},
    {"node": "n2", "pod": "p3", "namespace": "other"},
    {},
]
_Subject = tuple[str, str, Mapping[str, str]]
_Step = tuple[_Subject, bool, Severity, int]
"""Name, type and labels of an alert; whether it fires; its severity; and the seconds since the step before."""
_SUBJECTS: list[_Subject] = [
    *(("cpu", "custom", labels) for labels in _LABELS),
    ("NodeDown", "custom", {"node": "n1"}),
    ("NodeDown", "custom", {"node": "n2"}),
    ("ECPTenantDown", "custom", {"namespace": "ecp-ai-acme"}),
    ("service_down", "service_down", {"service": "callbot"}),
    ("service_down", "service_down", {"service": "stt", "node": "n2"}),
    ("service-down", "service_down", {}),
    ("burn-1h", "error_budget_burn", {}),
    ("spent", "sla_violated", {}),
]
_STEPS = st.lists(
    st.lists(
        st.tuples(st.sampled_from(_SUBJECTS), st.booleans(), st.sampled_from(SEVERITIES), st.integers(0, 400)),
        min_size=1,
        max_size=5,
        unique_by=lambda step: (step[0][0], tuple(sorted(step[0][2].items()))),
    ),
    max_size=30,
)


def batch_of(step: list[_Step], now: datetime, severities: dict[str, Severity]) -> list[Transition]:
    """The transitions of a step. An alert keeps its first severity, as it does while it fires."""
    batch = []
    for (name, kind, labels), fires, severity, seconds in step:
        now += timedelta(seconds=seconds)
        known = severities.setdefault(fingerprint_of("acme", name, labels), severity)
        state: AlertState = "firing" if fires else "resolved"
        batch.append(transition(name, state, severity=known, at=now, kind=kind, **labels))
    return batch


@examples(100)
@given(_STEPS)
def test_random_transitions_are_grouped_as_by_the_naive_model(steps: list[list[_Step]]) -> None:
    tenant, naive, now = Tenant(), NaiveIncidents(), START
    severities: dict[str, Severity] = {}
    for step in steps:
        batch = batch_of(step, now, severities)
        now = batch[-1].at
        before = tenant.inhibited()
        marked, changed = tenant.apply(*batch)
        naive.apply(batch)
        assert {frozenset(m.alert.fingerprint for m in each.firing) for each in tenant.open} == naive.partition()
        inhibited, possible = tenant.inhibited(), naive.inhibited()
        assert {name for name, source in inhibited.items() if source} == possible.keys()
        assert all(source in possible[name] for name, source in inhibited.items() if source)
        assert [each.fingerprint for each in marked] == [each.fingerprint for each in batch]
        kept = before.keys() & inhibited.keys() - {each.fingerprint for each in batch}
        assert {name for name in kept if before[name] != inhibited[name]} <= changed
        assert all(not each.members for each in tenant.incidents.values() if each.merged_into)
