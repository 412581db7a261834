"""Takes measurements by REST and says them as `metrics.collected`.

Through the outbox like all that the gateway says: an accepted measurement is on disk, whether NATS is there or not.
A list becomes few events, each with many moments, so that a long one holds nothing up. An event's id follows from what
was measured: a repeated call is no second sample.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from services.gateway.http import request_context
from services.gateway.http.errors import tenant_not_found
from services.gateway.idempotency.calls import Once, claim, remember
from services.gateway.monitoring.schemas import MetricsAccepted, MetricsPoint
from services.gateway.monitoring.series import by_time
from services.gateway.outbox import repository as outbox_store
from services.gateway.tenants import repository as store
from services.gateway.tenants.transactions import SERVICE
from shared.bus import derived_id, encode
from shared.bus.envelope import Encoded
from shared.database import Databases
from shared.database.partitions import homeless
from shared.errors import Refused
from shared.events import MetricsCollected, Moment
from shared.measuring import OLDEST, time_problem
from shared.subjects import Mode

SOURCE = "api"
MOST_VALUES = 2000
"""In one event, as long as it isn't a single moment: at most 200 kB, and a few milliseconds to store."""
_NO_PARTITION = (
    "no partition of monitoring_data has it, and one that isn't ours has a part of that day; make one for the rest"
    " of the day by CREATE TABLE ... PARTITION OF monitoring_data"
)


class Recorder:
    """Posted measurements."""

    def __init__(self, databases: Databases, retention: timedelta = OLDEST) -> None:
        """What is older than `retention` wouldn't be kept, and is refused."""
        self._databases = databases
        self._retention = retention

    def check(self, points: Sequence[MetricsPoint], *, several: bool) -> None:
        """Raise Refused with one error for each point that wouldn't be kept. `several` if they came as a list."""
        now = datetime.now(UTC)
        problems = [
            time_problem(point.timestamp, now, self._retention) if point.timestamp else None for point in points
        ]
        _refuse(enumerate(problems), several)

    async def record(
        self, mode: Mode, tenant_id: str, points: Sequence[MetricsPoint], call: Once | None = None, *, several: bool
    ) -> MetricsAccepted:
        """Accept all points, or none. Raises Refused, or DependencyUnavailable while PostgreSQL is away."""
        now = datetime.now(UTC)
        moments = by_time((point.timestamp or now, point.metrics) for point in points)
        answer = MetricsAccepted(
            tenant_id=tenant_id,
            accepted=sum(len(each.values) for each in moments),
            timestamp=moments[-1].time,
            metrics=moments[-1].values,
        )
        with request_context.timed("database"):
            async with self._databases[mode].begin() as connection:
                row = await store.find_tenant(connection, tenant_id)
                if row is None:
                    raise tenant_not_found(tenant_id)
                request_context.current().tenant_id = tenant_id
                if answered := await claim(connection, call, MetricsAccepted):
                    return answered
                without = await homeless(connection, {point.timestamp or now for point in points})
                problems = (_NO_PARTITION if (point.timestamp or now) in without else None for point in points)
                _refuse(enumerate(problems), several)
                events = [_event(tenant_id, each) for each in _portions(moments)]
                await outbox_store.add_events(connection, [_encoded(mode, row.id, each) for each in events])
                return await remember(connection, call, answer)


def _refuse(problems: Iterable[tuple[int, str | None]], several: bool) -> None:
    errors = [
        {"field": f"{index}.timestamp" if several else "timestamp", "message": problem}
        for index, problem in problems
        if problem
    ]
    if errors:
        raise Refused(f"{errors[0]['field']}: {errors[0]['message']}", details={"errors": errors})


def _portions(moments: Sequence[Moment]) -> Iterator[Sequence[Moment]]:
    begin = count = 0
    for index, each in enumerate(moments):
        if count and count + len(each.values) > MOST_VALUES:
            yield moments[begin:index]
            begin, count = index, 0
        count += len(each.values)
    yield moments[begin:]


def _event(tenant_id: str, moments: Sequence[Moment]) -> MetricsCollected:
    *earlier, latest = moments
    return MetricsCollected(
        tenant_id=tenant_id, time=latest.time, values=latest.values, source=SOURCE, earlier=tuple(earlier)
    )


def _encoded(mode: Mode, row_id: int, event: MetricsCollected) -> Encoded:
    return encode(
        event,
        mode=mode,
        # The row's id, since a tenant's may be used again: what is measured of the next one is something else.
        event_id=derived_id(mode, event.subject, str(row_id), event.model_dump_json()),
        correlation_id=request_context.current().request_id,
        source=SERVICE,
        time=event.time,
    )
