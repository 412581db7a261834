"""The wall clock, which tests replace."""

from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]
"""The current time in UTC."""


def utc_now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)
