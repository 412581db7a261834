"""How much one test of rules may ask for."""

import pytest

from services.monitor.alerts.backtest_size import check_size
from shared.alerts.conditions import parse
from shared.errors import Refused

_90_DAYS, _400_DAYS = 90 * 24, 400 * 24


def test_a_hundred_rules_over_ninety_days_are_possible() -> None:
    check_size([parse(f"m{number} > 1 and m{number} < 9") for number in range(100)], _90_DAYS)
    check_size([parse("cpu > 80")], _400_DAYS)


@pytest.mark.parametrize(
    "conditions",
    [
        [" or ".join(f"cpu > {rule}.{number}1" for number in range(30)) for rule in range(1, 90)],
        [f"m{number} > 1" for number in range(100)],
    ],
    ids=["comparisons", "metrics"],
)
def test_more_than_memory_can_hold_is_refused_with_what_is_possible(conditions: list[str]) -> None:
    with pytest.raises(Refused, match=r"hours: is too long for .* hours are possible"):
        check_size([parse(each) for each in conditions], _400_DAYS)
