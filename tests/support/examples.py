"""How many examples a property is tried with: its own number, or the few of the profile `quick` (`make test-unit`)."""

from typing import Any

from hypothesis import settings


def examples(most: int, **options: Any) -> settings:
    """Settings of a property that is tried `most` times, and by `make test-unit` no more often than every other one."""
    if settings.get_current_profile_name() == "quick":
        most = min(most, settings().max_examples)
    return settings(max_examples=most, **options)
