"""What the monitor does with an event."""

from collections.abc import Mapping

from services.monitor.store import SampleWriter
from shared.bus import Delivery
from shared.errors import InvalidEvent
from shared.events import MetricsCollected
from shared.measuring import name_problem, time_problem, value_problem
from shared.subjects import Mode

_LONGEST_SOURCE = 50
_LONGEST_SERVICE = 100


async def store_sample(event: MetricsCollected, delivery: Delivery, writers: Mapping[Mode, SampleWriter]) -> None:
    """Store each value, whoever says it: we, the gateway for a post, another system. Raises InvalidEvent."""
    check_sample(event)
    await writers[delivery.mode].write(event)


def check_sample(sample: MetricsCollected) -> None:
    """Raise InvalidEvent, which says what to change, for names and values that the table couldn't hold."""
    problems = [
        {"field": f"values.{name[:60]}", "message": message}
        for name, value in sample.values.items()
        for message in _problems(name, value)
    ]
    if problem := time_problem(sample.time):
        problems.append({"field": "time", "message": problem})
    if any(not 0 < len(name) <= _LONGEST_SERVICE or not name.isprintable() for name in sample.services):
        problems.append({"field": "services", "message": f"a name has 1 to {_LONGEST_SERVICE} printable characters"})
    if not 0 < len(sample.source) <= _LONGEST_SOURCE or not sample.source.isprintable():
        problems.append({"field": "source", "message": f"must be 1 to {_LONGEST_SOURCE} printable characters"})
    if problems:
        sentence = "; ".join(f"{each['field']}: {each['message']}" for each in problems)
        raise InvalidEvent(sentence, details={"errors": problems})


def _problems(name: str, value: float) -> list[str]:
    return [problem for problem in (name_problem(name), value_problem(value)) if problem is not None]
