"""The bus: NATS JetStream through FastStream, with the reliability that handlers don't have to implement.

A handler takes an event and returns events. Middlewares surround it, from the outermost to the innermost:

    acknowledgement   FastStream's: acknowledges, or maps the exception to a negative acknowledgement
    metrics           counters and durations (FastStream's Prometheus middleware)
    tracing           only where OTEL_EXPORTER_OTLP_ENDPOINT is set
    DeliveryContext   reads the envelope, binds the log context
    FailurePolicy     attempts, back-off, holding during an outage, dead letters
    Idempotence       skips events that this process has already finished
    Validation        turns a body that its model refuses into a permanent failure

The order is pinned by tests/unit/bus/test_middleware_order.py. The durables with most of the events (samples, the
gateway's projection) and the steps of a deployment are read in batches without FastStream, through the same policies
(`batch_reader`). Streams and consumers are made once, by `python -m shared.bus bootstrap`; services declare nothing.
"""

from shared.bus.batch_reader import SMALL_BATCH
from shared.bus.envelope import Delivery, Encoded, derived_id, encode
from shared.bus.mode_bus import ModeBuckets, ModeBus, ModePublisher
from shared.bus.publishing import EventPublisher
from shared.bus.rpc import RpcClient
from shared.bus.serving import run_worker
from shared.bus.worker import EventHandler, Worker
from shared.settings import BusSettings

__all__ = [
    "SMALL_BATCH",
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
