"""Which tests a worker of `make test` runs together, and which come first.

A file is the usual unit (`--dist loadfile`). Files that use one stack of processes are one unit, because each further
stack costs as much as a thousand unit tests. The longest units come first, so that no worker begins one at the end.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

LONGEST = (
    ("tests/e2e/test_make_run.py",),
    (
        "tests/e2e/test_secrets.py",
        "tests/e2e/test_faults.py",
        "tests/e2e/test_races.py",
        "tests/e2e/test_alert_rules.py",
        "tests/e2e/test_recovery_by_alertmanager.py",
    ),
    ("tests/e2e/test_copies.py",),
)
"""Each unit with its files, in the order in which they run."""
_RANK = {file: rank for rank, file in enumerate(file for unit in LONGEST for file in unit)}


def unit_of(test: str) -> str:
    """The unit of a test, by its id."""
    file = test.split("::", 1)[0]
    return next((unit[0] for unit in LONGEST if file in unit), file)


def longest_first(tests: list[pytest.Item]) -> None:
    """Sort the tests in place: the longest units are first, all others stay in their order."""
    tests.sort(key=lambda test: _RANK.get(test.nodeid.split("::", 1)[0], len(_RANK)))


def scheduler(config: pytest.Config, log: Any) -> Any:
    """pytest-xdist's scheduler by units instead of files; None with another `--dist`."""
    if config.getoption("dist") != "loadfile":
        return None
    return _ByUnit(config, log)


class _ByUnit(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
