"""How much one test of rules may ask for. Pure.

A test has a value for each minute of each metric in memory, and a mask for each comparison: without a bound one
request could take all memory of the monitor.
"""

from collections.abc import Sequence

from shared.alerts.conditions import Condition
from shared.errors import Refused
from shared.messages import problem, sentence

MOST_COMPARISONS = 30_000_000
"""Different comparisons times minutes: 230 of ninety days."""
MOST_VALUES = 15_000_000
"""Different metrics times minutes: 115 of ninety days."""
_MINUTES = 60


def check_size(conditions: Sequence[Condition], hours: int) -> None:
    """Raise Refused for a test that is too large."""
    found = {(each.metric, each.op, each.threshold) for one in conditions for each in one.comparisons}
    metrics = {metric for metric, _, _ in found}
    most = min(MOST_COMPARISONS // len(found), MOST_VALUES // len(metrics)) // _MINUTES
    if hours <= most:
        return
    english = "is too long for {comparisons} comparisons of {metrics} metrics: {most} hours are possible"
    reason = sentence("alert-test-too-large", english, comparisons=len(found), metrics=len(metrics), most=most)
    errors = [problem("hours", reason)]
    raise Refused("; ".join(f"{each['field']}: {each['message']}" for each in errors), details={"errors": errors})
