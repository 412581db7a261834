"""Alerts of other systems become ours once, whatever they carry."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.recovery.outside_alerts import OURS, SortedAlerts, severity_of, sort_alerts
from shared.rpc import OutsideAlert
from tests.support.examples import examples

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEGAN = NOW - timedelta(minutes=3)


def alert(status: str = "firing", *, tenant: str = "acme", minutes: float = 3, **changes: Any) -> OutsideAlert:
    labels = {"alertname": "ECPTenantDown", "tenant_id": tenant, "severity": "critical"}
    fields = {"status": status, "labels": labels, "summary": "acme is down", "starts_at": NOW - minutes * _MINUTE}
    return OutsideAlert.model_validate(fields | changes)


_MINUTE = timedelta(minutes=1)


def sort(*alerts: OutsideAlert, known: dict[str, str] | None = None) -> SortedAlerts:
    return sort_alerts(alerts, "alertmanager", tenants={"acme"}, known=known or {}, now=NOW)


def test_a_firing_alert_is_ours_with_its_labels_and_since_when_it_fires() -> None:
    [found] = sort(alert()).transitions
    assert (found.tenant_id, found.name, found.severity, found.type) == (
        "acme",
        "ECPTenantDown",
        "critical",
        "service_down",
    )
    assert (found.state, found.at, found.source, found.value) == ("firing", BEGAN, "alertmanager", None)
    assert (found.labels, found.summary.english) == ({"severity": "critical"}, "ECPTenantDown: acme is down")


def test_the_same_alert_from_two_senders_is_one_whatever_its_time_zone() -> None:
    seoul = alert(starts_at=BEGAN.astimezone(timezone(timedelta(hours=9))))
    found = sort(alert(), seoul)
    assert (len(found.transitions), found.repeated) == (1, 1)


def test_a_resolution_has_the_id_of_its_firing_and_a_next_firing_another_one() -> None:
    firing, resolved, again = sort(alert(), alert("resolved"), alert(minutes=1)).transitions
    assert firing.alert_id == resolved.alert_id != again.alert_id
    assert firing.fingerprint == resolved.fingerprint == again.fingerprint
    assert resolved.at == NOW


def test_a_firing_that_arrives_after_its_resolution_is_a_repeated_one() -> None:
    found = sort(alert("resolved"), alert())
    assert [each.state for each in found.transitions] == ["resolved"]
    assert found.repeated == 1


def test_what_is_stored_already_is_no_news() -> None:
    [stored] = sort(alert()).transitions
    assert sort(alert(), known={stored.alert_id: "firing"}).repeated == 1
    assert sort(alert("resolved"), known={stored.alert_id: "firing"}).transitions != []
    assert sort(alert("resolved"), known={stored.alert_id: "resolved"}).repeated == 1


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({"alertname": "ECPTenantDown"}, "it has no label tenant_id; add one to the rule that it is from"),
        ({"alertname": "ECPTenantDown", "tenant_id": "globex"}, "there is no tenant 'globex'"),
        ({"tenant_id": "acme"}, "its label alertname must have 1 to 100 visible characters"),
        ({"alertname": "a\nb", "tenant_id": "acme"}, "its label alertname must have 1 to 100 visible characters"),
        (
            {"alertname": "a", "tenant_id": "acme", OURS: "alert-1"},
            "this system sent it to Alertmanager itself, and has it",
        ),
    ],
)
def test_an_alert_that_is_not_recorded_tells_why(labels: dict[str, str], reason: str) -> None:
    [(index, why)] = sort(alert(labels=labels)).ignored
    assert (index, why.english) == (0, reason)


def test_an_alert_of_the_future_is_not_recorded() -> None:
    [(_, why)] = sort(alert(minutes=-11)).ignored
    assert "check the clock" in why.english


@pytest.mark.parametrize(
    ("labels", "severity"),
    [
        ({"severity": "page"}, "critical"),
        ({"severity": "Warning"}, "warning"),
        ({"severity": "none"}, "info"),
        ({"severity": "p4"}, "warning"),
        ({"alertname": "ECPTenantDown"}, "critical"),
    ],
)
def test_other_severities_have_one_of_ours(labels: dict[str, str], severity: str) -> None:
    assert severity_of(labels) == severity


@examples(200)
@given(
    sent=st.lists(st.tuples(st.sampled_from(["firing", "resolved"]), st.integers(1, 3)), min_size=1, max_size=12),
    cut=st.integers(0, 12),
)
def test_alerts_in_one_request_or_in_several_are_the_same_news(sent: list[tuple[str, int]], cut: int) -> None:
    alerts = [alert(status, minutes=minutes) for status, minutes in sent]
    whole = sort(*alerts).transitions
    first = sort(*alerts[:cut]).transitions
    known = {each.alert_id: each.state for each in first}
    assert first + sort(*alerts[cut:], known={**known}).transitions == whole
    assert len({(each.alert_id, each.state) for each in whole}) == len(whole)
