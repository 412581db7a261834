"""The order of the middlewares is part of the design (`shared.bus`): a change of it must be meant."""

from functools import partial
from unittest.mock import sentinel

from prometheus_client import CollectorRegistry

from shared.bus.middlewares import BusMetrics, FailureRules, stack
from shared.bus.publishing import stream_of
from shared.settings import BusSettings


def names(settings: BusSettings) -> list[str]:
    registry = CollectorRegistry()
    rules = FailureRules(sentinel.publisher, BusMetrics(registry), max_attempts=8, attempts=sentinel.attempts)
    middlewares = stack("test", settings, registry, rules)
    return [
        getattr(each.func if isinstance(each, partial) else each, "__name__", type(each).__name__)
        for each in middlewares
    ]


def test_metrics_are_outermost_and_validation_is_innermost() -> None:
    assert names(BusSettings()) == [
        "NatsPrometheusMiddleware",
        "DeliveryContext",
        "FailurePolicy",
        "Idempotence",
        "Validation",
    ]


def test_tracing_comes_after_metrics_where_it_is_configured() -> None:
    with_tracing = names(BusSettings(otel_exporter_otlp_endpoint="http://127.0.0.1:4318"))
    assert with_tracing[:3] == ["NatsPrometheusMiddleware", "NatsTelemetryMiddleware", "DeliveryContext"]


def test_each_subject_has_one_stream_in_its_mode() -> None:
    assert stream_of("deploy.requested") == "ECP"
    assert stream_of("demo.deploy.requested") == "DEMO_ECP"
    assert stream_of("demo.metrics.collected") == "DEMO_METRICS"
    assert stream_of("dlq.metrics.collected") == "DLQ"
    assert stream_of("demo.outside.metrics.collected") == "DEMO_OUTSIDE"
    assert stream_of("dlq.outside.metrics.collected") == "DLQ"
