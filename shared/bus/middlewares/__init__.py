"""One policy per file. `shared.bus` documents their order, and `stack` establishes it."""

from collections.abc import Sequence
from functools import partial

from faststream.nats.prometheus import NatsPrometheusMiddleware
from prometheus_client import CollectorRegistry

from shared.bus.middlewares.context import DeliveryContext
from shared.bus.middlewares.failures import FailurePolicy, FailureRules
from shared.bus.middlewares.idempotence import Finished, Idempotence
from shared.bus.middlewares.metrics import BusMetrics
from shared.bus.middlewares.tracing import tracing
from shared.bus.middlewares.validation import Validation
from shared.settings import BusSettings

__all__ = ["BusMetrics", "DeliveryContext", "FailurePolicy", "FailureRules", "Finished", "Idempotence", "Validation"]


def stack(service: str, settings: BusSettings, registry: CollectorRegistry, rules: FailureRules) -> Sequence[object]:
    """The middlewares of an event, the outermost first."""
    return (
        NatsPrometheusMiddleware(registry=registry, app_name=service, metrics_prefix="ecp_bus"),
        *tracing(service, settings.otel_exporter_otlp_endpoint),
        DeliveryContext,
        partial(FailurePolicy, rules=rules),
        partial(Idempotence, finished=Finished()),
        Validation,
    )
