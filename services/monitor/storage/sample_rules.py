"""Which samples the table `monitoring_data` can hold. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from services.monitor.metric_names import LONGEST_SERVICE
from shared.errors import InvalidEvent
from shared.events import MetricsCollected
from shared.measuring import OLDEST, name_problem, time_problem, value_problem

_LONGEST_SOURCE = 50
_MOST_PROBLEMS = 20
"""Problems in the reason of a dead letter: the first ones show the sender's mistake."""


def check_sample(sample: MetricsCollected, retention: timedelta = OLDEST) -> None:
    """Raise InvalidEvent, naming each field to change, for a sample that can't be stored or is past the retention."""
    problems = list(_moment_problems("", sample.time, sample.values, retention))
    for index, moment in enumerate(sample.earlier):
        problems += _moment_problems(f"earlier.{index}.", moment.time, moment.values, retention)
    problems += _name_problems(sample)
    if problems:
        problems = problems[:_MOST_PROBLEMS]
        sentence = "; ".join(f"{each['field']}: {each['message']}" for each in problems)
        raise InvalidEvent(sentence, details={"errors": problems})


def _name_problems(sample: MetricsCollected) -> Iterator[dict[str, str]]:
    if any(not 0 < len(name) <= LONGEST_SERVICE or not name.isprintable() for name in sample.services):
        yield {"field": "services", "message": f"a name has 1 to {LONGEST_SERVICE} printable characters"}
    if not 0 < len(sample.source) <= _LONGEST_SOURCE or not sample.source.isprintable():
        yield {"field": "source", "message": f"must be 1 to {_LONGEST_SOURCE} printable characters"}


def _moment_problems(
    path: str, time: datetime, values: Mapping[str, float], retention: timedelta
) -> Iterator[dict[str, str]]:
    for name, value in values.items():
        wrong_value = value_problem(value)
        for problem in (name_problem(name), wrong_value and wrong_value.english):
            if problem is not None:
                yield {"field": f"{path}values.{name[:60]}", "message": problem}
    if wrong_time := time_problem(time, retention=retention):
        yield {"field": f"{path}time", "message": wrong_time.english}
