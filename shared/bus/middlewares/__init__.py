"""One policy per file. `shared.bus` documents their order; `stack` and `chain` establish it, for two ways to read."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from faststream.nats.prometheus import NatsPrometheusMiddleware
from nats.aio.msg import Msg
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from shared.bus.envelope import read_delivery
from shared.bus.middlewares.context import DeliveryContext, delivering
from shared.bus.middlewares.failures import FailurePolicy, FailureRules, GuardedCall
from shared.bus.middlewares.idempotence import Finished, Idempotence, unless_finished
from shared.bus.middlewares.metrics import PREFIX, BusMetrics, HandlingMetrics
from shared.bus.middlewares.tracing import tracing
from shared.bus.middlewares.validation import Validation, invalid_event, read_event
from shared.settings import BusSettings

__all__ = [
    "BusMetrics",
    "DeliveryContext",
    "FailurePolicy",
    "FailureRules",
    "Finished",
    "HandlingMetrics",
    "Idempotence",
    "Validation",
]


def stack(service: str, settings: BusSettings, registry: CollectorRegistry, rules: FailureRules) -> Sequence[object]:
    """The middlewares of an event for FastStream, the outermost first."""
    return (
        NatsPrometheusMiddleware(registry=registry, app_name=service, metrics_prefix=PREFIX),
        *tracing(service, settings.otel_exporter_otlp_endpoint),
        DeliveryContext,
        partial(FailurePolicy, rules=rules),
        partial(Idempotence, finished=Finished()),
        Validation,
    )


def chain(
    receive: Callable[[Any], Awaitable[None]], metrics: HandlingMetrics, rules: FailureRules
) -> Callable[[Msg], Awaitable[None]]:
    """The same policies in the same order as one function, which handles a message by `receive`; without tracing.

    It returns to acknowledge, or raises AckMessage, NackMessage or RejectMessage.
    """
    finished = Finished()

    async def handle(message: Msg) -> None:
        await metrics.observe(message, partial(in_context, message))

    async def in_context(message: Msg) -> None:
        with delivering(read_delivery(message)):
            await GuardedCall(message, rules).run(partial(unless_finished, partial(validated, message), finished))

    async def validated(message: Msg) -> None:
        try:
            await receive(read_event(message))
        except ValidationError as error:
            raise invalid_event(error) from error

    return handle
