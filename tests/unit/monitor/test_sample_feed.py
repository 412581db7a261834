"""When a heartbeat of the server means that no sample comes."""

from services.monitor.alerts.sample_feed import MOST_BEATS, Backlog


def test_a_heartbeat_is_silence_only_when_everything_has_come() -> None:
    backlog = Backlog(2)
    assert not backlog.is_silent()
    backlog.received(1)
    assert not backlog.is_silent()
    backlog.received(0)
    assert backlog.is_silent()


def test_heartbeats_in_a_row_are_silence_whatever_the_server_has_counted() -> None:
    backlog = Backlog(7)
    assert [backlog.is_silent() for _ in range(MOST_BEATS)] == [*[False] * (MOST_BEATS - 1), True]
