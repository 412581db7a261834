"""How a process on the bus is: the answers of its `/health` and `/ready`."""

from shared.bus.worker import Worker
from shared.fresh import Fresh
from shared.status import AVAILABLE, HEALTHY, Health, Readiness, checks_of

_PING_TIMEOUT = 2.0
"""Seconds."""
_NATS = "NATS"
_NO_CONNECTION = "no connection to NATS"


class StatusChecks:
    """Checks a worker once for all who ask at the same time.

    Everyone may ask, without a limit, as a supervisor must always get an answer. So a flood of questions must not
    become one to NATS and PostgreSQL, whose connections calls need.
    """

    def __init__(self, worker: Worker) -> None:
        self._health: Fresh[Worker, Health] = Fresh(health_of, 0.0)
        self._readiness: Fresh[Worker, Readiness] = Fresh(readiness_of, 0.0)
        self._worker = worker

    async def health(self) -> Health:
        """Whether it works."""
        return await self._health.get(self._worker)

    async def readiness(self) -> Readiness:
        """Whether it can serve."""
        return await self._readiness.get(self._worker)


async def health_of(worker: Worker) -> Health:
    """Pings NATS: a client that was refused at a reconnect is alive but receives nothing."""
    if not worker.started:
        return Health(service=worker.service, status=HEALTHY, checks={_NATS: "not connected yet"})
    answers = await worker.broker.ping(timeout=_PING_TIMEOUT)
    return Health(
        service=worker.service,
        status=HEALTHY if answers else _NO_CONNECTION,
        checks={_NATS: AVAILABLE if answers else _NO_CONNECTION},
    )


async def readiness_of(worker: Worker) -> Readiness:
    """Checks each dependency."""
    missing = await worker.dependencies.missing()
    ready = worker.started and not missing
    return Readiness(
        service=worker.service,
        status="ready" if ready else "not ready",
        ready=ready,
        missing=missing,
        checks=checks_of(worker.dependencies.names, missing),
    )
