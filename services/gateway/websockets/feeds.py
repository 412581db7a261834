"""The two feeds of a mode, and everything else that its sockets share."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from prometheus_client import Gauge

from services.gateway.deployments.projection import Update, read_update
from services.gateway.metrics import GatewayMetrics
from services.gateway.mode_context import ModeContext
from services.gateway.monitoring.series import latest_values
from services.gateway.websockets.monitoring import Sample
from services.gateway.websockets.snapshots import SnapshotReader
from services.gateway.websockets.stream_feed import StreamFeed
from shared.database import Database
from shared.events import AlertEvent, Event, MetricsCollected, MetricsSampled
from shared.subjects import GATEWAY_PROJECTS, Stream, Subject

_ALERT_HISTORY = timedelta(hours=1)
"""Alerts of this last time are replayed to a client that reconnects, also after a restart of the gateway."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """What the sockets of one mode share."""

    snapshots: SnapshotReader
    deployments: StreamFeed[Update]
    """By deployment id."""
    samples: StreamFeed[Sample]
    """By tenant id."""
    alerts: StreamFeed[AlertEvent]
    """By tenant id."""
    open_sockets: Gauge
    recheck: float
    """Seconds between two checks of the rights of an open socket."""


def build_sockets(context: ModeContext, database: Database, metrics: GatewayMetrics) -> Sockets:
    """The feeds of one mode. `database` has a connection pool for sockets only."""
    return Sockets(
        snapshots=SnapshotReader(database, context.settings.socket_pool_size),
        deployments=_deployment_feed(context, metrics),
        samples=_sample_feed(context, metrics),
        alerts=_alert_feed(context, metrics),
        open_sockets=metrics.sockets,
        recheck=context.settings.socket_recheck,
    )


def _deployment_feed(context: ModeContext, metrics: GatewayMetrics) -> StreamFeed[Update]:
    def read(event: Event) -> Iterator[tuple[str, Update]]:
        update = read_update(event)
        if update is not None:
            yield update.deployment_id, update

    return StreamFeed(
        context.mode,
        Stream.ECP,
        read,
        subjects=GATEWAY_PROJECTS.subjects,
        behind=GATEWAY_PROJECTS.name,
        keep=context.settings.replay_messages,
        queue=context.settings.socket_queue,
        on_missed=metrics.missed.inc,
    )


def _sample_feed(context: ModeContext, metrics: GatewayMetrics) -> StreamFeed[Sample]:
    def read(event: Event) -> Iterator[tuple[str, Sample]]:
        for tenant_id, (time, values) in _samples(event):
            metrics.show_usage(context.mode, tenant_id, values, time)
            yield tenant_id, (time, values)

    return StreamFeed(
        context.mode,
        Stream.METRICS,
        read,
        subjects=[Subject.METRICS_COLLECTED, Subject.METRICS_SAMPLED],
        behind=None,
        keep=context.settings.replay_messages,
        queue=context.settings.socket_queue,
        on_missed=metrics.missed.inc,
    )


def _alert_feed(context: ModeContext, metrics: GatewayMetrics) -> StreamFeed[AlertEvent]:
    def read(event: Event) -> Iterator[tuple[str, AlertEvent]]:
        if isinstance(event, AlertEvent):
            yield event.tenant_id, event

    return StreamFeed(
        context.mode,
        Stream.ECP,
        read,
        subjects=[Subject.ALERT_RAISED, Subject.ALERT_RESOLVED],
        behind=None,
        keep=context.settings.replay_messages,
        queue=context.settings.socket_queue,
        on_missed=metrics.missed.inc,
        history=_ALERT_HISTORY,
    )


def _samples(event: Event) -> Iterator[tuple[str, Sample]]:
    """The sample of each tenant in an event, by tenant id."""
    if isinstance(event, MetricsCollected):
        yield event.tenant_id, (event.time, latest_values(event.moments))
    elif isinstance(event, MetricsSampled):
        for each in event.samples:
            yield each.tenant_id, (event.time, each.values)
