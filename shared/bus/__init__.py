"""The bus: NATS JetStream through FastStream, with the reliability that every handler gets for free.

A handler takes an event and returns events. What happens around it is middleware, from the outside to the inside:

    acknowledgement   FastStream's: acknowledges, or does what the exception says
    metrics           counts and times (FastStream's Prometheus middleware)
    tracing           only where OTEL_EXPORTER_OTLP_ENDPOINT is set
    DeliveryContext   reads the envelope, binds the log's context
    FailurePolicy     attempts, back-off, holding during an outage, dead letters
    Idempotence       leaves out what this process has finished already
    Validation        a body that its model refuses becomes a permanent failure

The order is pinned by tests/unit/bus/test_middleware_order.py. Streams and consumers are made once, by
`python -m shared.bus bootstrap`; services declare nothing.
"""

from shared.bus.envelope import Delivery, Encoded, derived_id, encode
from shared.bus.mode_bus import ModeBuckets, ModeBus, ModePublisher
from shared.bus.publishing import EventPublisher
from shared.bus.rpc import RpcClient
from shared.bus.serving import run_worker
from shared.bus.worker import EventHandler, Worker
from shared.settings import BusSettings

__all__ = [
    "BusSettings",
    "Delivery",
    "Encoded",
    "EventHandler",
    "EventPublisher",
    "ModeBuckets",
    "ModeBus",
    "ModePublisher",
    "RpcClient",
    "Worker",
    "derived_id",
    "encode",
    "run_worker",
]
