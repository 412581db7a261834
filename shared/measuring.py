"""What may be measured: names, values and times that the table of measurements can hold, wherever they come from."""

import math
import re
from datetime import UTC, datetime, timedelta

from shared.messages import Sentence, sentence

METRIC_NAME = r"^[A-Za-z][A-Za-z0-9_.:/-]{0,49}$"
NAME_RULE = "a name has 1 to 50 letters, digits or any of _ . : / -, and begins with a letter"
LARGEST = 1e30
"""Larger than anything that is measured; a sum of as many as there may be still fits a float."""
OLDEST = timedelta(days=3653)
"""Ten years, the longest retention: what is older is a wrong clock or a wrong unit."""
NEWEST = timedelta(minutes=5)
"""Ahead of our clock: clocks differ, but not by more."""

_NAME = re.compile(METRIC_NAME)


def name_problem(name: str) -> str | None:
    """What to change about a metric's name, or None."""
    return None if _NAME.match(name) and not name.endswith("\n") else NAME_RULE


def value_problem(value: float) -> Sentence | None:
    """What to change about a value, or None."""
    if not math.isfinite(value):
        return sentence("value-finite_number", "must be a finite number")
    if abs(value) <= LARGEST:
        return None
    return sentence("value-too_far_from_zero", "must be at most {largest} from zero", largest=f"{LARGEST:g}")


def time_problem(time: datetime, now: datetime | None = None, retention: timedelta = OLDEST) -> Sentence | None:
    """What to change about a time (aware), or None. What is older than the retention wouldn't be kept."""
    now = now or datetime.now(UTC)
    if time > now + NEWEST:
        english = "lies in the future: at most {minutes} minutes ahead of {now}"
        return sentence("value-in_the_future", english, minutes=NEWEST.seconds // 60, now=f"{now:%Y-%m-%dT%H:%M:%SZ}")
    if time < now - OLDEST:
        return sentence("value-ten_years_ago", "lies too far in the past: at most ten years")
    if time < now - retention:
        return sentence(
            "value-before_the_retention",
            "lies too far in the past: samples are kept for {days} days, which RETENTION_DAYS sets, so that the oldest "
            "possible is {oldest}",
            days=retention.days,
            oldest=f"{now - retention:%Y-%m-%dT%H:%M:%SZ}",
        )
    return None
