"""What follows from an attempt to deliver: sent, another attempt after a pause, or a dead letter. Pure.

A receiver that is away, is overloaded or refuses our credentials fails as a whole: its notifications wait, in order,
until it answers or they are too old. An answer that refuses the content, such as 413 or 422, concerns one
notification; it is given up after a few attempts, so that it doesn't hold up the others for a day.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from shared.process.backoff import delay

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds. After an hour's outage a receiver is tried within a minute."""
GIVE_UP_AFTER = timedelta(hours=24)
"""The age at which a notification becomes a dead letter."""
CONTENT_ATTEMPTS = 4
"""Of a notification whose content is refused."""
_LONGEST_REASON = 300
_ABOUT_CONTENT = frozenset({400, 405, 406, 411, 413, 414, 415, 422, 431})
_LONGEST_WAIT = 3600.0
"""Seconds that a `Retry-After` may ask for."""


class Failure(NamedTuple):
    """A failed attempt. The reason has neither a secret nor more than a few characters of the answer."""

    reason: str
    concerns_content: bool = False
    retry_after: float | None = None
    """Seconds that the receiver asked for."""


class Verdict(StrEnum):
    """What becomes of the notification."""

    RETRY = "retry"
    DEAD = "dead"


def failure_of_status(status: int, retry_after: str | None) -> Failure | None:
    """The failure that an HTTP status is; None for success. Redirects are failures, since they aren't followed."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return Failure(f"HTTP {status}: redirects aren't followed; set the final address")
    seconds = (
        float(retry_after) if retry_after is not None and retry_after.isascii() and retry_after.isdigit() else None
    )
    wait = None if seconds is None else min(seconds, _LONGEST_WAIT)
    return Failure(f"HTTP {status}", concerns_content=status in _ABOUT_CONTENT, retry_after=wait)


def verdict(failure: Failure, attempts: int, age: timedelta) -> Verdict:
    """Whether to try again after `attempts` failed ones, `age` after the notification was made."""
    is_hopeless = failure.concerns_content and attempts >= CONTENT_ATTEMPTS
    return Verdict.DEAD if is_hopeless or age >= GIVE_UP_AFTER else Verdict.RETRY


def next_attempt(failure: Failure, failures: int, now: datetime, *, spread: float) -> datetime:
    """When to try the receiver again after `failures` in a row. `spread`, from 0 to 1, keeps receivers apart."""
    pause = delay(failures, first=FIRST_PAUSE, longest=LONGEST_PAUSE) * (0.8 + 0.2 * spread)
    return now + timedelta(seconds=max(pause, failure.retry_after or 0.0))


def shortened(text: str) -> str:
    """A reason on one line, of a bounded length."""
    return "".join(each if each.isprintable() else " " for each in text[:_LONGEST_REASON])
