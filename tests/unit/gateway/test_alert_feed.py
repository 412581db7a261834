"""What a socket shows of a tenant's alerts: the snapshot first, then each change once."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.gateway.active_alerts.schemas import ActiveAlert
from services.gateway.http.language import Translator
from services.gateway.websockets.alerts import AlertFeedState, Snapshot
from services.gateway.websockets.stream_feed import FeedMessage
from shared.events import AlertEvent, AlertRaised, AlertResolved
from shared.messages import Message

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIELDS: dict[str, Any] = {
    "tenant_id": "acme",
    "severity": "warning",
    "type": "resource_usage",
    "message": "CPU use is above 80 %",
    "metric": "cpu",
    "current_value": 85.2,
    "threshold": 80.0,
    "name": "high_cpu_usage",
    "condition": "cpu_usage > 80",
    "labels": {},
    "runbook": None,
    "incident_id": None,
    "muted_by": None,
    "inhibited_by": None,
}


def stored(alert_id: str) -> ActiveAlert:
    return ActiveAlert(alert_id=alert_id, timestamp=NOW, source="rule", **FIELDS)


def message(
    alert_id: str, seq: int, *, resolved: bool = False, after: float = 0, **changes: Any
) -> FeedMessage[AlertEvent]:
    """A message that the stream stored `after` seconds after the snapshot."""
    model = AlertResolved if resolved else AlertRaised
    event = model(alert_id=alert_id, fingerprint="f", time=NOW, **(FIELDS | changes))
    return FeedMessage(seq, "acme", NOW + timedelta(seconds=after), "req-1", event)


def opened(*alert_ids: str) -> tuple[AlertFeedState, list[dict[str, Any]]]:
    state = AlertFeedState("acme", Translator("en"))
    return state, list(state.load(Snapshot([stored(each) for each in alert_ids], NOW), 7))


def test_the_snapshot_has_each_alert_in_the_documented_fields_and_then_their_ids() -> None:
    _, [first, ready] = opened("alert-1")
    documented = {"alert_id", "tenant_id", "severity", "type", "message", "metric", "current_value", "threshold"}
    assert documented | {"timestamp"} <= first.keys()
    assert (first["kind"], first["state"], first["type"], first["seq"]) == ("snapshot", "firing", "resource_usage", 7)
    assert ready == {"kind": "ready", "tenant_id": "acme", "active": 1, "alert_ids": ["alert-1"], "seq": 7}


def test_a_snapshot_without_alerts_is_ready_at_once() -> None:
    _, [ready] = opened()
    assert (ready["kind"], ready["active"]) == ("ready", 0)


def test_an_alert_is_raised_once_and_resolved_once() -> None:
    state, _ = opened()
    raised, again = state.apply(message("alert-1", 8)), state.apply(message("alert-1", 9))
    resolved, over = (
        state.apply(message("alert-1", 10, resolved=True)),
        state.apply(message("alert-1", 11, resolved=True)),
    )
    assert raised is not None
    assert resolved is not None
    assert (raised["kind"], raised["state"], raised["seq"], raised["correlation_id"]) == (
        "raised",
        "firing",
        8,
        "req-1",
    )
    assert (resolved["kind"], resolved["state"]) == ("resolved", "resolved")
    assert again is None
    assert over is None


def test_an_alert_of_the_snapshot_is_not_raised_again_unless_its_marks_change() -> None:
    state, _ = opened("alert-1")
    assert state.apply(message("alert-1", 8)) is None
    muted = state.apply(message("alert-1", 9, muted_by="silence-1"))
    assert muted is not None
    assert (muted["kind"], muted["muted_by"]) == ("changed", "silence-1")


def test_what_the_stream_had_long_before_the_snapshot_is_in_it() -> None:
    state, _ = opened()
    assert state.apply(message("alert-0", 3, after=-61)) is None
    assert state.apply(message("alert-1", 4, after=-59)) is not None


def test_a_new_snapshot_replaces_what_was_shown() -> None:
    state, _ = opened("alert-1")
    list(state.load(Snapshot([], NOW), 20))
    assert state.apply(message("alert-1", 21, resolved=True)) is None


def test_texts_are_in_the_language_of_the_client() -> None:
    state = AlertFeedState("acme", Translator("ko"))
    told = Message(id="alert-without-tenant")
    shown = state.replayed(message("alert-1", 8, message="it has no label", message_id=told))
    assert shown["message"] == "tenant_id 레이블이 없습니다. 알림 규칙에 추가하세요"
