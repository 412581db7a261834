"""What is shown of a tenant's services, by the monitor's last report."""

from datetime import UTC, datetime, timedelta

from services.gateway.deployments.observed import health_of, services_lately

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CALLBOT = {"up": True, "ready": 2, "needed": 2, "wanted": 2}


def test_health_is_unknown_when_the_monitor_has_not_reported_for_long() -> None:
    """A monitor that is gone must not leave a tenant up for ever."""
    for minutes, health in ((0, "up"), (4, "up"), (6, "unknown")):
        report = {"time": (NOW - timedelta(minutes=minutes)).isoformat(), "services": {"callbot": CALLBOT}}
        assert health_of(services_lately(report, NOW)) == health
    assert services_lately(None, NOW) == {}
