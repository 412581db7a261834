"""What the monitor does with an event."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta

from services.monitor.collect.readings import SOURCE
from services.monitor.collect.sampler import sample_id
from services.monitor.storage.sample_writer import SampleWriter
from shared.bus import Delivery, derived_id
from shared.errors import InvalidEvent
from shared.events import MetricsCollected
from shared.measuring import OLDEST, name_problem, time_problem, value_problem
from shared.subjects import Mode

Publish = Callable[..., Awaitable[None]]
_LONGEST_SOURCE = 50
_LONGEST_SERVICE = 100
_MOST_PROBLEMS = 20
"""In a dead letter's reason: who sends thousands of bad values sees the fault in the first ones."""


async def store_sample(event: MetricsCollected, delivery: Delivery, writers: Mapping[Mode, SampleWriter]) -> None:
    """Store each value, whoever says it: we, the gateway for a post, another system. Raises InvalidEvent."""
    check_sample(event)
    if delivery.event_id != sample_id(delivery.mode, event.tenant_id, event.time):
        _refuse_our_name(event)
    await writers[delivery.mode].write(event)


async def take_in_sample(
    event: MetricsCollected, delivery: Delivery, *, publish: Publish, retention: timedelta = OLDEST
) -> None:
    """Say another system's sample again as our own, for the table and for sockets. Raises InvalidEvent.

    Its new id is that of its place in the stream: senders give theirs as they like, and one may use another's.
    """
    check_sample(event, retention)
    _refuse_our_name(event)
    await publish(
        event,
        mode=delivery.mode,
        event_id=derived_id(*delivery.place, delivery.durable),
        correlation_id=delivery.correlation_id,
        traceparent=delivery.traceparent,
    )


def _refuse_our_name(event: MetricsCollected) -> None:
    """What comes under our name counts as observed availability."""
    if event.source == SOURCE:
        raise InvalidEvent(f"source: {SOURCE!r} is what the monitor samples itself; choose another name")


def check_sample(sample: MetricsCollected, retention: timedelta = OLDEST) -> None:
    """Raise InvalidEvent, naming what to change, for what the table couldn't hold or wouldn't keep."""
    problems = list(_moment_problems("", sample.time, sample.values, retention))
    for index, moment in enumerate(sample.earlier):
        problems += _moment_problems(f"earlier.{index}.", moment.time, moment.values, retention)
    if any(not 0 < len(name) <= _LONGEST_SERVICE or not name.isprintable() for name in sample.services):
        problems.append({"field": "services", "message": f"a name has 1 to {_LONGEST_SERVICE} printable characters"})
    if not 0 < len(sample.source) <= _LONGEST_SOURCE or not sample.source.isprintable():
        problems.append({"field": "source", "message": f"must be 1 to {_LONGEST_SOURCE} printable characters"})
    if problems:
        problems = problems[:_MOST_PROBLEMS]
        sentence = "; ".join(f"{each['field']}: {each['message']}" for each in problems)
        raise InvalidEvent(sentence, details={"errors": problems})


def _moment_problems(
    path: str, time: datetime, values: Mapping[str, float], retention: timedelta
) -> Iterator[dict[str, str]]:
    for name, value in values.items():
        for problem in (name_problem(name), value_problem(value)):
            if problem is not None:
                yield {"field": f"{path}values.{name[:60]}", "message": problem}
    if problem := time_problem(time, retention=retention):
        yield {"field": f"{path}time", "message": problem}
