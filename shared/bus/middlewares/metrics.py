"""Counters of the failure policy, and handling times and totals: `ecp_bus_*`.

FastStream's middleware writes the latter; `HandlingMetrics` writes the same series for events that don't go through
FastStream.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from faststream.exceptions import IgnoredException
from faststream.prometheus.consts import PROCESSING_STATUS_BY_HANDLER_EXCEPTION_MAP
from faststream.prometheus.container import MetricsContainer
from faststream.prometheus.types import ProcessingStatus
from nats.aio.msg import Msg
from prometheus_client import CollectorRegistry, Counter

PREFIX = "ecp_bus"
_BROKER = "nats"
T = TypeVar("T")


class BusMetrics:
    """Counters by consumer. The number of consumers is fixed, and so is the cardinality."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.retries = Counter("ecp_bus_retries", "Attempts that are retried", ["consumer"], registry=registry)
        self.held = Counter(
            "ecp_bus_held",
            "Attempts that ended because a dependency is unavailable",
            ["consumer", "dependency"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "ecp_bus_dead_letters", "Events that became dead letters", ["consumer", "code"], registry=registry
        )
        self.expired = Counter(
            "ecp_rpc_expired", "Requests dropped because their sender had stopped waiting", registry=registry
        )


class _Series(NamedTuple):
    """The series of one subject: to look up its labels at each event takes longer than to count it."""

    received: Any
    size: Any
    running: Any
    seconds: Any
    by_status: dict[ProcessingStatus, Any]


class HandlingMetrics:
    """Totals and durations by subject, of which a consumer has few."""

    def __init__(self, registry: CollectorRegistry, service: str) -> None:
        self._container = MetricsContainer(registry, metrics_prefix=PREFIX, custom_label_names=())
        self._service = service
        self._by_subject: dict[str, _Series] = {}

    async def observe(self, message: Msg, handle: Callable[[], Awaitable[T]]) -> T:
        """Call `handle` and count what comes of it."""
        series = self._series(message.subject)
        series.received.inc()
        series.size.observe(len(message.data))
        series.running.inc()
        status, began = ProcessingStatus.acked, time.perf_counter()
        try:
            return await handle()
        except Exception as error:
            status = PROCESSING_STATUS_BY_HANDLER_EXCEPTION_MAP.get(type(error), ProcessingStatus.error)
            if not isinstance(error, IgnoredException):
                self._count_exception(message.subject, error)
            raise
        finally:
            series.seconds.observe(time.perf_counter() - began)
            series.running.dec()
            series.by_status[status].inc()

    def _series(self, subject: str) -> _Series:
        found = self._by_subject.get(subject)
        if found is None:
            labels = self._labels(subject)
            every, done = self._container, self._container.received_processed_messages_total
            found = self._by_subject[subject] = _Series(
                every.received_messages_total.labels(**labels),
                every.received_messages_size_bytes.labels(**labels),
                every.received_messages_in_process.labels(**labels),
                every.received_processed_messages_duration_seconds.labels(**labels),
                {status: done.labels(**labels, status=status.value) for status in ProcessingStatus},
            )
        return found

    def _count_exception(self, subject: str, error: Exception) -> None:
        name = type(error).__name__
        exceptions = self._container.received_processed_messages_exceptions_total
        exceptions.labels(**self._labels(subject), exception_type=name).inc()

    def _labels(self, subject: str) -> dict[str, str]:
        return {"app_name": self._service, "broker": _BROKER, "handler": subject}
