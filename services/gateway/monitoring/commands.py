"""Publishes posted measurements as `metrics.collected`.

They go through the outbox like every event of the gateway: an accepted measurement is on disk, also while NATS is away.
A list becomes a few events with many moments each, so that a long one delays nothing else. The id of an event follows
from what was measured, so a repeated call adds no second sample.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from services.gateway.http import request_context
from services.gateway.http.errors import found_tenant
from services.gateway.idempotency.transaction import CallKey, idempotent
from services.gateway.mode_context import ModeContext
from services.gateway.monitoring.schemas import MetricsAccepted, MetricsPoint
from services.gateway.monitoring.series import by_time
from services.gateway.outbox.repository import OUTBOX
from services.gateway.tenants.repository import find_tenant
from shared.bus.envelope import Encoded
from shared.database.partitions import homeless
from shared.errors import Refused
from shared.events import MetricsCollected, Moment
from shared.measuring import time_problem
from shared.messages import Sentence, problem, sentence

SOURCE = "api"
MOST_VALUES = 2000
"""Values in one event, unless it is a single moment: at most 200 kB, and a few milliseconds to store."""
_NO_PARTITION = sentence(
    "no-partition",
    "no partition of monitoring_data has it, and one that was created by hand has a part of that day; create one for"
    " the rest of the day by CREATE TABLE ... PARTITION OF monitoring_data",
)


class MetricsCommands:
    """Posted measurements of one mode."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database
        self._outbox = context.outbox
        self._retention = timedelta(days=context.settings.retention_days)

    async def record(
        self, tenant_id: str, points: Sequence[MetricsPoint], key: CallKey | None = None, *, is_list: bool
    ) -> MetricsAccepted:
        """Accept all points, or none. `is_list` if they were sent as a list.

        Raises Refused with an error for each point that can't be stored, DependencyUnavailable while PostgreSQL is
        away.
        """
        now = datetime.now(UTC)
        moments = by_time((point.timestamp or now, point.metrics) for point in points)
        with request_context.timed("database"):
            async with idempotent(self._database, key, MetricsAccepted) as call:
                row = found_tenant(await find_tenant(call.connection, tenant_id), tenant_id)
                if call.first_answer is not None:
                    return call.first_answer
                without_partition = await homeless(call.connection, {point.timestamp or now for point in points})
                problems = (
                    _NO_PARTITION if (point.timestamp or now) in without_partition else None for point in points
                )
                _refuse(problems, is_list)
                events = [self._encode(tenant_id, row.id, each) for each in _portions(moments)]
                await OUTBOX.add(call.connection, events)
                return call.keep(_accepted(tenant_id, moments))

    def check(self, points: Sequence[MetricsPoint], *, is_list: bool) -> None:
        """Raise Refused with an error for each point that is older than the retention, or in the future."""
        now = datetime.now(UTC)
        problems = (
            time_problem(point.timestamp, now, self._retention) if point.timestamp else None for point in points
        )
        _refuse(problems, is_list)

    def _encode(self, tenant_id: str, row_id: int, moments: Sequence[Moment]) -> Encoded:
        *earlier, latest = moments
        event = MetricsCollected(
            tenant_id=tenant_id, time=latest.time, values=latest.values, source=SOURCE, earlier=tuple(earlier)
        )
        # The row's id, because a later tenant may have the same tenant id and measure the same.
        return self._outbox.encode(event, identity=(str(row_id), event.model_dump_json()), time=event.time)


def _accepted(tenant_id: str, moments: Sequence[Moment]) -> MetricsAccepted:
    return MetricsAccepted(
        tenant_id=tenant_id,
        accepted=sum(len(each.values) for each in moments),
        timestamp=moments[-1].time,
        metrics=moments[-1].values,
    )


def _refuse(problems: Iterable[Sentence | None], is_list: bool) -> None:
    """Raise Refused if a point has a problem; `problems` has one entry for each point."""
    errors = [
        problem(f"{index}.timestamp" if is_list else "timestamp", each) for index, each in enumerate(problems) if each
    ]
    if errors:
        raise Refused(f"{errors[0]['field']}: {errors[0]['message']}", details={"errors": errors})


def _portions(moments: Sequence[Moment]) -> Iterator[Sequence[Moment]]:
    """The moments in groups of at most MOST_VALUES values."""
    begin = count = 0
    for index, each in enumerate(moments):
        if count and count + len(each.values) > MOST_VALUES:
            yield moments[begin:index]
            begin, count = index, 0
        count += len(each.values)
    yield moments[begin:]
