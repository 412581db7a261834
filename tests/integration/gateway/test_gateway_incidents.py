"""Incidents and silences over REST, with a real monitor that answers."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.support.answering_workers import answering_monitor
from tests.support.gateway import DEMO, Gateway, error_of
from tests.support.incident_rows import insert_incident

NOW = datetime.now(UTC)
KOREAN = DEMO | {"Accept-Language": "ko"}


@pytest.fixture(scope="module")
async def monitored(gateway: Gateway) -> AsyncIterator[Gateway]:
    """The shared gateway, with a monitor that answers."""
    async with answering_monitor(gateway):
        yield gateway


@pytest.fixture
async def tenant(monitored: Gateway) -> str:
    """A tenant of the test's own."""
    created = await monitored.create(tenant_id=f"t-{uuid4().hex[:12]}")
    return str(created["tenant_id"])


async def incident_of(gateway: Gateway, tenant_id: str, **fields: Any) -> str:
    async with gateway.as_monitor() as connection:
        return await insert_incident(connection, tenant_id, **({"opened_at": NOW - timedelta(hours=1)} | fields))


async def send(gateway: Gateway, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """The body of a successful answer."""
    answer = await gateway.http.request(method, path, json=body, headers=DEMO | headers)
    assert answer.is_success, answer.text
    return answer.json()


async def test_incidents_are_listed_by_tenant_status_and_time(monitored: Gateway, tenant: str) -> None:
    firing = await incident_of(monitored, tenant)
    old = await incident_of(monitored, tenant, opened_at=NOW - timedelta(days=3), closed_at=NOW - timedelta(days=2))
    listed = await send(monitored, "GET", f"/incidents?tenant_id={tenant}")
    assert [each["incident_id"] for each in listed["incidents"]] == [firing, old]
    assert (listed["total_count"], listed["incidents"][0]["firing"]) == (2, 1)
    since = (NOW - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for query, found in (("status=closed", [old]), ("severity=info", []), (f"since={since}", [firing])):
        listed = await send(monitored, "GET", f"/incidents?tenant_id={tenant}&{query}")
        assert [each["incident_id"] for each in listed["incidents"]] == found, query


async def test_an_incident_is_shown_in_the_callers_language(monitored: Gateway, tenant: str) -> None:
    incident = await incident_of(monitored, tenant)
    answer = await monitored.http.get(f"/incidents/{incident}", headers=KOREAN)
    shown = answer.json()
    assert shown["timeline"][0]["text"] == "심각도 critical(으)로 인시던트가 열렸습니다"
    assert shown["alert_list"][0]["labels"] == {"service": "callbot"}
    missing = await monitored.http.get("/incidents/incident-none", headers=KOREAN)
    error_of(missing, 404, "INCIDENT_NOT_FOUND")


async def test_what_people_do_is_done_once_and_recorded(monitored: Gateway, tenant: str) -> None:
    incident = await incident_of(monitored, tenant)
    path = f"/incidents/{incident}"
    assert (await send(monitored, "POST", f"{path}/acknowledge", {"comment": "mine"}))["acknowledged_by"] == "local"
    key = {"Idempotency-Key": f"key-{incident}"}
    first = await send(monitored, "POST", f"{path}/comments", {"comment": "disk"}, **key)
    assert await send(monitored, "POST", f"{path}/comments", {"comment": "disk"}, **key) == first
    other = await monitored.http.post(f"{path}/comments", json={"comment": "cpu"}, headers=DEMO | key)
    error_of(other, 409, "CONFLICT")
    await send(monitored, "PUT", f"{path}/assignee", {"assignee": "kim@example.com"})
    await send(monitored, "PUT", f"{path}/severity", {"severity": "info"})
    shown = await send(monitored, "DELETE", f"{path}/acknowledge")
    assert (shown["status"], shown["assignee"], shown["severity"]) == ("open", "kim@example.com", "info")
    kinds = [each["kind"] for each in shown["timeline"]]
    assert kinds == ["opened", "acknowledged", "comment", "assigned", "severity", "unacknowledged"]
    assert shown["timeline"][1]["comment"] == "mine"
    fires = await monitored.http.post(f"{path}/close", headers=KOREAN)
    assert "알림 1개가 아직 발생 중입니다" in error_of(fires, 409, "CONFLICT")["message"]
    trail = await send(monitored, "GET", f"/audit?tenant_id={tenant}&operation=commentOnIncident")
    assert [each["outcome"] for each in trail["events"]].count("done") == 1


async def test_an_incident_is_opened_and_closed_by_hand(monitored: Gateway, tenant: str) -> None:
    body = {"tenant_id": tenant, "title": "No voice", "severity": "critical"}
    key = {"Idempotency-Key": f"open-{tenant}"}
    opened = await send(monitored, "POST", "/incidents", body, **key)
    assert (await send(monitored, "POST", "/incidents", body, **key))["incident_id"] == opened["incident_id"]
    closed = await send(monitored, "POST", f"/incidents/{opened['incident_id']}/close", {"comment": "false alarm"})
    assert (closed["status"], closed["closed_by"], closed["title"]) == ("closed", "local", "No voice")
    unknown = await monitored.http.post("/incidents", json=body | {"tenant_id": "nothing-here"}, headers=DEMO)
    error_of(unknown, 404, "TENANT_NOT_FOUND")


async def test_a_post_mortem_has_what_fired_what_was_done_and_its_cost(monitored: Gateway, tenant: str) -> None:
    incident = await incident_of(monitored, tenant, opened_at=NOW)
    found = await send(monitored, "GET", f"/incidents/{incident}/post-mortem")
    assert found["incident"]["alert_list"][0]["name"] == "cpu"
    assert [each["operation"] for each in found["operations"]] == ["deploy"]
    assert (found["cost"]["downtime_minutes"], found["cost"]["budget_percent"]) == (0, 0)
    page = await monitored.http.get(f"/incidents/{incident}/post-mortem?format=html", headers=KOREAN)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "사후 분석" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    wrong = await monitored.http.get(f"/incidents/{incident}/post-mortem?time_zone=Seoul", headers=DEMO)
    assert wrong.status_code == 422


SILENCE = {"matchers": [{"label": "alertname", "op": "=~", "value": "cpu|disk"}], "reason": "Load test"}


async def test_a_silence_is_previewed_created_listed_and_ended(monitored: Gateway, tenant: str) -> None:
    body = SILENCE | {"end": (NOW + timedelta(hours=2)).isoformat()}
    path = f"/tenants/{tenant}/silences"
    answer = await monitored.http.post(f"{path}/preview?days=7", json=body, headers=KOREAN)
    assert answer.json()["summary"] == "최근 7일의 알림 0개 중 0개를 알리지 않았을 것입니다"
    key = {"Idempotency-Key": f"silence-{tenant}"}
    created = await send(monitored, "POST", path, body, **key)
    assert await send(monitored, "POST", path, body, **key) == created
    assert (created["status"], created["author"], created["muted"]) == ("active", "local", 0)
    listed = await send(monitored, "GET", path)
    assert [each["silence_id"] for each in listed["silences"]] == [created["silence_id"]]
    ended = await send(monitored, "DELETE", f"{path}/{created['silence_id']}")
    assert (ended["status"], ended["ended_by"]) == ("ended", "local")
    assert (await send(monitored, "GET", f"{path}/{created['silence_id']}"))["status"] == "ended"
    missing = await monitored.http.get(f"{path}/silence-none", headers=DEMO)
    error_of(missing, 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "is needed: a silence without an end"),
        ({"end": "2020-01-01T00:00:00Z"}, "must be in the future"),
        ({"end": "2099-01-01T00:00:00Z"}, "more than 366 days"),
        ({"reason": " "}, "reason"),
        ({"matchers": []}, "matchers"),
        ({"matchers": [{"label": "pod", "op": "=~", "value": "(a+)+b"}]}, "column 1"),
        ({"matchers": [{"label": "pod", "value": "x" * 201}]}, "matchers"),
        ({"matchers": [{"label": "pod", "operator": "=", "value": "x"}]}, "unknown field"),
        ({"recurrence": {"start": "2:00", "duration": "1h"}}, "recurrence.start"),
        ({"recurrence": {"start": "02:00", "duration": "1h", "weeks": [2]}}, "weeks needs days"),
        ({"recurrence": {"start": "02:00", "duration": "1h", "last_day": "2020-01-01"}}, "never in effect"),
    ],
)
async def test_a_silence_that_can_t_be_meant_is_refused_with_what_to_change(
    monitored: Gateway, tenant: str, change: dict[str, Any], text: str
) -> None:
    answer = await monitored.http.post(f"/tenants/{tenant}/silences", json=SILENCE | change, headers=DEMO)
    assert answer.status_code == 422
    assert text in answer.text
    assert (await send(monitored, "GET", f"/tenants/{tenant}/silences"))["silences"] == []


async def test_recurring_maintenance_is_announced_as_windows(monitored: Gateway, tenant: str) -> None:
    # From the day after tomorrow on, so that no window begins while the test runs.
    recurrence: dict[str, Any] = {"days": ["sun"], "start": "02:00", "duration": "4h", "time_zone": "Asia/Seoul"}
    recurrence["first_day"] = (NOW + timedelta(days=2)).date().isoformat()
    path = f"/tenants/{tenant}/maintenance"
    made = await send(monitored, "POST", f"{path}/recurring", {"recurrence": recurrence, "reason": "Upgrade"})
    assert [each["recurring_id"] for each in (await send(monitored, "GET", f"{path}/recurring"))["recurring"]] == [
        made["recurring_id"]
    ]
    windows = (await send(monitored, "GET", path))["windows"]
    assert {each["start"] for each in made["next"]} <= {each["start"] for each in windows}
    await send(monitored, "DELETE", f"{path}/recurring/{made['recurring_id']}")
    assert (await send(monitored, "GET", path))["windows"] == []
