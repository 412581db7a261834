"""Tracing, where an OTLP endpoint is configured: FastStream's OpenTelemetry middleware.

It is optional because it costs about half of the throughput, and its packages are an extra of their own.
"""

from collections.abc import Sequence


def tracing(service: str, endpoint: str | None) -> Sequence[object]:
    """The tracing middleware, or nothing without an endpoint."""
    if endpoint is None:
        return ()
    # Not at the top: a worker without tracing doesn't have these packages.
    from faststream.nats.opentelemetry import NatsTelemetryMiddleware
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": f"ecp-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    return (NatsTelemetryMiddleware(tracer_provider=provider),)
