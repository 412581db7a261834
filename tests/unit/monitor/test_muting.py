"""What mutes an alert, and what a silence would have muted."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.monitor.silences.commands import checked
from services.monitor.silences.muting import MutableAlert, Muting, MutingWindow, SilenceRule
from services.monitor.silences.preview import Firing, preview
from services.monitor.silences.recurrence import occurrence_at
from shared.alerts.matchers import Matcher, all_match
from shared.errors import Refused
from shared.rpc.silences import NewSilence, Recurrence

NOW = datetime(2026, 11, 7, 12, tzinfo=UTC)
"""A Saturday."""
HOUR = timedelta(hours=1)
CPU = MutableAlert("acme", "cpu", "warning", {"service": "callbot"})
DISK = MutableAlert("acme", "disk", "critical", {})
WEEKENDS = Recurrence(days=("sat", "sun"), start="00:00", duration="24h")


def rule(*, recurrence: Recurrence | None = None, end: datetime | None = NOW + HOUR, **fields: Any) -> SilenceRule:
    given: dict[str, Any] = {
        "tenant_id": "acme",
        "matchers": (Matcher(label="alertname", value="cpu"),),
        "start": NOW,
    }
    return SilenceRule(silence_id="silence-1", end=end, recurrence=recurrence, zone="UTC", **(given | fields))


@pytest.mark.parametrize(
    ("alert", "at", "is_muted"),
    [
        (CPU, NOW, True),
        (CPU, NOW - timedelta(seconds=1), False),
        (CPU, NOW + HOUR, False),
        (DISK, NOW, False),
        (MutableAlert("other", "cpu", "warning", {}), NOW, False),
    ],
)
def test_a_silence_mutes_what_matches_of_its_tenant_while_it_lasts(
    alert: MutableAlert, at: datetime, *, is_muted: bool
) -> None:
    assert (Muting(at, silences=[rule()], windows=[]).muted_by(alert) is not None) is is_muted


def test_one_that_repeats_mutes_at_its_times_alone() -> None:
    weekends = rule(recurrence=WEEKENDS, end=None)
    assert Muting(NOW, silences=[weekends], windows=[]).muted_by(CPU) == "silence-1"
    assert Muting(NOW + 48 * HOUR, silences=[weekends], windows=[]).muted_by(CPU) is None


@pytest.mark.parametrize(("tenant", "name"), [("acme", "maintenance-7"), (None, "maintenance-7"), ("other", None)])
def test_maintenance_mutes_every_alert_of_its_tenant(tenant: str | None, name: str | None) -> None:
    window = MutingWindow(7, tenant, NOW - HOUR, NOW + HOUR)
    assert Muting(NOW, silences=[], windows=[window]).muted_by(DISK) == name


def test_a_flood_of_alerts_costs_no_look_at_the_calendar_or_at_other_tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Counter[str]()

    def count(function: Callable[..., Any]) -> None:
        def counted(*args: Any, **kwargs: Any) -> Any:
            calls[function.__name__] += 1
            return function(*args, **kwargs)

        monkeypatch.setattr(f"services.monitor.silences.muting.{function.__name__}", counted)

    count(occurrence_at)
    count(all_match)
    others = [rule(tenant_id=f"other-{number}", recurrence=WEEKENDS) for number in range(20)]
    muting = Muting(NOW, silences=[*others, rule(recurrence=WEEKENDS)], windows=[])
    assert {muting.muted_by(CPU) for _ in range(100)} == {"silence-1"}
    assert calls == {"occurrence_at": 21, "all_match": 100}


def test_of_two_windows_the_first_names_what_mutes() -> None:
    windows = [MutingWindow(number, "acme", NOW - HOUR, NOW + HOUR) for number in (3, 5)]
    assert Muting(NOW, silences=[rule()], windows=windows).muted_by(CPU) == "maintenance-3"
    assert Muting(NOW + HOUR, silences=[], windows=windows).muted_by(CPU) is None


def test_a_preview_counts_what_would_have_been_muted() -> None:
    # Three each on a Saturday and on the Monday after it, and one of another alert; one still fires.
    fired = [NOW, NOW + HOUR, NOW + 2 * HOUR, *(NOW + 48 * HOUR + number * HOUR for number in range(3))]
    firings = [Firing(CPU, at, None if at == fired[-1] else at + HOUR) for at in fired]
    firings.append(Firing(DISK, NOW, NOW + HOUR))
    shown = preview("acme", rule(), firings, days=30)
    assert (shown.firings, shown.muted, shown.firing_now) == (7, 6, 1)
    assert shown.summary == "would have muted 6 of the 7 alerts of the last 30 days"
    assert [(each.name, each.firings, each.muted) for each in shown.alerts] == [("cpu", 6, 6), ("disk", 1, 0)]
    assert preview("acme", rule(recurrence=WEEKENDS, end=None), firings, days=30).muted == 3


def new(**fields: Any) -> NewSilence:
    given = {"matchers": [{"label": "alertname", "value": "cpu"}], "reason": "known"}
    return NewSilence.model_validate(given | fields)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "is needed"),
        ({"end": NOW - HOUR}, "must be in the future"),
        ({"start": NOW + 2 * HOUR, "end": NOW + HOUR}, "must be in the future and after start"),
        ({"end": NOW + timedelta(days=400)}, "more than 366 days"),
        ({"end": NOW + HOUR, "recurrence": {"days": ["mon"], "start": "02:00", "duration": "1h"}}, "never in effect"),
        ({"recurrence": {"start": "02:00", "duration": "1h", "last_day": "2020-01-01"}}, "never in effect"),
    ],
)
def test_a_silence_that_would_mute_nothing_or_for_ever_is_refused(fields: dict[str, Any], error: str) -> None:
    with pytest.raises(Refused, match=error):
        checked(new(**fields), NOW, "UTC")


def test_a_start_in_the_past_is_now() -> None:
    assert checked(new(start=NOW - HOUR, end=NOW + HOUR), NOW, "UTC").start == NOW
