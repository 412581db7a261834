"""Alertmanager's webhook: what is passed to the monitor, and what is refused."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.monitor.settings import MonitorSettings
from shared.bus import Worker
from shared.identity.caller import Role
from shared.rpc import MOST_ALERTS, IgnoredAlert, ReceiveAlertsReply, ReceiveAlertsRequest
from shared.subjects import Mode, Rpc
from tests.support.gateway import DEMO, Gateway, error_of
from tests.support.token_issuer import TokenIssuer

PATH = "/webhooks/tenant-alert"


def alert(**changes: Any) -> dict[str, Any]:
    """An alert as Alertmanager 0.25 sends it."""
    return {
        "status": "firing",
        "labels": {"alertname": "ECPTenantDown", "tenant_id": "acme", "severity": "critical"},
        "annotations": {"summary": "acme is down", "runbook_url": "https://runbooks.example/down"},
        "startsAt": "2026-03-01T12:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
        "fingerprint": "c8a1c0f0b1a2d3e4",
    } | changes


def payload(*alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="ECPTenantDown"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "tenant-alerts",
        "groupLabels": {"alertname": "ECPTenantDown"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "alerts": list(alerts),
    } | changes


class Monitor:
    """Answers as the monitor would, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Mode, ReceiveAlertsRequest]] = []

    async def answer(self, request: ReceiveAlertsRequest, mode: Mode) -> ReceiveAlertsReply:
        self.asked.append((mode, request))
        ignored = tuple(
            IgnoredAlert(index=index, reason="no tenant")
            for index, each in enumerate(request.alerts)
            if "tenant_id" not in each.labels
        )
        return ReceiveAlertsReply(recorded=len(request.alerts) - len(ignored), repeated=0, ignored=ignored)


@pytest.fixture
async def monitor(gateway: Gateway) -> AsyncIterator[Monitor]:
    """The monitor's part, played for one test."""
    worker = Worker("monitor", MonitorSettings(nats_url=gateway.settings.nats_url))
    part = Monitor()
    worker.answer(Rpc.RECEIVE_ALERTS, ReceiveAlertsRequest, part.answer)
    await worker.start()
    yield part
    await worker.stop()


async def test_alerts_are_passed_to_the_monitor_of_their_mode(gateway: Gateway, monitor: Monitor) -> None:
    demo = alert(labels={"alertname": "ECPTenantDown", "tenant_id": "acme", "mode": "demo"})
    without = alert(labels={"alertname": "ECPTenantDown"}, status="resolved", endsAt="2026-03-01T12:05:00Z")
    answer = await gateway.http.post(PATH, json=payload(alert(), demo, without))
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "status": "processed",
        "recorded": 2,
        "repeated": 0,
        "ignored": [{"index": 2, "reason": "no tenant"}],
        "recoveries": [],
    }
    asked = dict(monitor.asked)
    assert {mode: len(each.alerts) for mode, each in asked.items()} == {Mode.PRODUCTION: 2, Mode.DEMO: 1}
    first, second = asked[Mode.PRODUCTION].alerts
    assert (first.status, first.summary, first.runbook) == ("firing", "acme is down", "https://runbooks.example/down")
    assert (first.ends_at, first.starts_at.isoformat()) == (None, "2026-03-01T12:00:00.123456+00:00")
    assert second.ends_at is not None
    assert asked[Mode.PRODUCTION].tenants is None


async def test_a_header_chooses_the_mode_of_all_alerts(gateway: Gateway, monitor: Monitor) -> None:
    production = alert(labels={"alertname": "ECPTenantDown", "tenant_id": "acme", "mode": "production"})
    answer = await gateway.http.post(PATH, json=payload(production), headers=DEMO)
    assert answer.status_code == 200, answer.text
    assert [mode for mode, _ in monitor.asked] == [Mode.DEMO]


async def test_a_bound_caller_reaches_no_tenant_of_another_mode_by_a_label(
    secured: Gateway, issuer: TokenIssuer, monitor: Monitor
) -> None:
    demo = alert(labels={"alertname": "ECPTenantDown", "tenant_id": "acme", "mode": "demo"})
    headers = issuer.as_role(Role.OPERATOR, "acme")
    answer = await secured.http.post(PATH, json=payload(alert(), demo), headers=headers)
    assert answer.status_code == 200, answer.text
    assert [each["index"] for each in answer.json()["ignored"]] == [1]
    assert "demo mode" in answer.json()["ignored"][0]["reason"]
    assert [(mode, len(each.alerts)) for mode, each in monitor.asked] == [(Mode.PRODUCTION, 1)]


async def test_fields_of_later_versions_are_ignored_and_addresses_that_are_no_pages_too(
    gateway: Gateway, monitor: Monitor
) -> None:
    strange = alert(annotations={"runbook_url": "javascript:alert(1)"}, notificationReason="first")
    answer = await gateway.http.post(PATH, json=payload(strange, newField={"a": 1}))
    assert answer.status_code == 200, answer.text
    assert monitor.asked[0][1].alerts[0].runbook is None


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (payload(alert(), version="3"), "version"),
        (payload(alert(status="pending")), "alerts.0.status"),
        (payload(alert(startsAt="yesterday")), "alerts.0.startsAt"),
        (payload(alert(labels={"": "x"})), "alerts.0.labels"),
        (payload(alert(labels={f"l{number}": "" for number in range(65)})), "alerts.0.labels"),
        (payload(alert(annotations={"summary": "x" * 10_001})), "alerts.0.annotations.summary"),
        (
            payload(*[{"status": "firing", "labels": {}, "startsAt": "2026-03-01T12:00:00Z"}] * (MOST_ALERTS + 1)),
            "alerts",
        ),
        ({"alerts": []}, "version"),
    ],
)
async def test_a_payload_that_can_t_be_read_is_refused_with_the_place(
    gateway: Gateway, monitor: Monitor, body: dict[str, Any], place: str
) -> None:
    error = error_of(await gateway.http.post(PATH, json=body), 422, "VALIDATION_ERROR")
    assert any(each["field"].startswith(place) for each in error["details"]["errors"]), error
    assert monitor.asked == []


async def test_without_a_monitor_alertmanager_is_told_to_send_again(gateway: Gateway) -> None:
    answer = await gateway.http.post(PATH, json=payload(alert()))
    error_of(answer, 503, "WORKER_UNAVAILABLE")
