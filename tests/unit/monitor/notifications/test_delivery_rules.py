"""What follows from an attempt to deliver."""

from datetime import timedelta

import pytest

from services.monitor.notifications.delivery_rules import (
    CONTENT_ATTEMPTS,
    GIVE_UP_AFTER,
    Failure,
    Verdict,
    failure_of_status,
    next_attempt,
    shortened,
    verdict,
)
from tests.support.notices import NOON


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_delivery(status: int) -> None:
    assert failure_of_status(status, None) is None


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure(status: int) -> None:
    found = failure_of_status(status, None)
    assert found is not None
    assert "redirects" in found.reason


@pytest.mark.parametrize("status", [401, 403, 404, 408, 410, 429, 500, 502, 503])
def test_a_receiver_that_fails_as_a_whole_gets_all_later(status: int) -> None:
    found = failure_of_status(status, None)
    assert found is not None
    assert verdict(found, 1000, timedelta(hours=23)) is Verdict.RETRY
    assert verdict(found, 1, GIVE_UP_AFTER) is Verdict.DEAD


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_refused_content_doesnt_hold_up_the_next(status: int) -> None:
    found = failure_of_status(status, None)
    assert found is not None
    assert verdict(found, CONTENT_ATTEMPTS - 1, timedelta()) is Verdict.RETRY
    assert verdict(found, CONTENT_ATTEMPTS, timedelta()) is Verdict.DEAD


def test_pauses_grow_to_a_minute() -> None:
    failure = Failure("away")
    pauses = [(next_attempt(failure, each, NOON, spread=1) - NOON).total_seconds() for each in range(1, 9)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert next_attempt(failure, 8, NOON, spread=0) == NOON + timedelta(seconds=48)


@pytest.mark.parametrize(
    ("header", "seconds"), [("120", 120), ("999999", 3600), ("Wed, 21 Oct", 1), ("-5", 1), ("²", 1)]
)
def test_a_receiver_may_ask_for_time(header: str, seconds: int) -> None:
    found = failure_of_status(429, header)
    assert found is not None
    assert next_attempt(found, 1, NOON, spread=1) == NOON + timedelta(seconds=seconds)


def test_a_reason_is_a_short_line() -> None:
    assert shortened("a\r\nb" + "c" * 1000) == "a  b" + "c" * 296
