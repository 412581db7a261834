"""Handlers of events and requests. They serve both modes, and use what belongs to the mode of the delivery."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from services.monitor.metric_names import KUBERNETES
from services.monitor.notifications.service import Notifications
from services.monitor.publisher import sample_id
from services.monitor.recovery.intake import AlertIntake
from services.monitor.reports.sla_report import SlaReports
from services.monitor.sample_senders import SampleSenders
from services.monitor.storage.maintenance_windows import MaintenanceStore
from services.monitor.storage.sample_rules import check_sample
from services.monitor.storage.sample_writer import SampleWriter
from shared.bus import Delivery, ModePublisher, derived_id
from shared.errors import InvalidEvent
from shared.events import MetricsCollected, MetricsSampled
from shared.measuring import OLDEST
from shared.rpc import (
    MaintenanceReply,
    MaintenanceRequest,
    ReceiveAlertsReply,
    ReceiveAlertsRequest,
    SlaReport,
    SlaReportRequest,
)
from shared.rpc.receivers import NotificationsReply, NotificationsRequest, ReceiversReply, ReceiversRequest
from shared.subjects import Mode

_MOST_PROBLEMS = 20
"""Tenants that the reason of a dead letter names."""


async def store_sample(event: MetricsCollected, delivery: Delivery, writers: Mapping[Mode, SampleWriter]) -> None:
    """Store a sample from the gateway, from another system, or from an earlier monitor. Raises InvalidEvent."""
    check_sample(event)
    if delivery.event_id != sample_id(delivery.mode, event.tenant_id, event.time):
        _refuse_own_source(event)
    await writers[delivery.mode].write(event)


async def store_samples(event: MetricsSampled, delivery: Delivery, writers: Mapping[Mode, SampleWriter]) -> None:
    """Store the monitor's own samples: the valid ones even if others aren't, which InvalidEvent then names."""
    valid, problems = [], []
    for sample in samples_of(event):
        try:
            check_sample(sample)
            valid.append(sample)
        except InvalidEvent as error:
            problems.append(f"{sample.tenant_id}: {error.message}")
    await writers[delivery.mode].write(*valid)
    if problems:
        raise InvalidEvent("; ".join(problems[:_MOST_PROBLEMS]))


def samples_of(event: MetricsSampled) -> Iterator[MetricsCollected]:
    """Each sample in the form of one tenant."""
    for each in event.samples:
        yield MetricsCollected(
            tenant_id=each.tenant_id, time=event.time, values=each.values, source=event.source, services=each.services
        )


async def ingest_sample(
    event: MetricsCollected,
    delivery: Delivery,
    *,
    buses: Mapping[Mode, ModePublisher],
    senders: SampleSenders,
    retention: timedelta = OLDEST,
) -> None:
    """Publish another system's sample as an event of ours, for the table and for WebSockets.

    Raises InvalidEvent, or Refused for a sender that may not measure this tenant.

    The new id derives from the message's place in its stream, since senders choose their own ids freely.
    """
    await senders.check(delivery.mode, delivery.system, event.tenant_id)
    check_sample(event, retention)
    _refuse_own_source(event)
    await buses[delivery.mode].publish(
        event,
        event_id=derived_id(*delivery.place, delivery.durable),
        correlation_id=delivery.correlation_id,
        traceparent=delivery.traceparent,
    )


def _refuse_own_source(event: MetricsCollected) -> None:
    """Samples with the monitor's own source count as observed availability, so others must not use it."""
    if event.source == KUBERNETES:
        raise InvalidEvent(f"source: {KUBERNETES!r} is reserved for the monitor's own samples; choose another name")


async def answer_sla_report(request: SlaReportRequest, mode: Mode, *, reports: Mapping[Mode, SlaReports]) -> SlaReport:
    """Answer `rpc.sla_report`. Raises Refused, DependencyUnavailable."""
    return await reports[mode].answer(request)


async def answer_receivers(
    request: ReceiversRequest, mode: Mode, *, notified: Mapping[Mode, Notifications]
) -> ReceiversReply:
    """Answer `rpc.receivers`. Raises Refused, DependencyUnavailable."""
    return await notified[mode].receivers.answer(request)


async def answer_notifications(
    request: NotificationsRequest, mode: Mode, *, notified: Mapping[Mode, Notifications]
) -> NotificationsReply:
    """Answer `rpc.notifications`. Raises Refused, DependencyUnavailable."""
    return await notified[mode].sent.answer(request)


async def answer_maintenance(
    request: MaintenanceRequest, mode: Mode, *, windows: Mapping[Mode, MaintenanceStore]
) -> MaintenanceReply:
    """Answer `rpc.maintenance`. Raises Refused, DependencyUnavailable."""
    return await windows[mode].answer(request)


async def answer_received_alerts(
    request: ReceiveAlertsRequest, mode: Mode, intakes: Mapping[Mode, AlertIntake]
) -> ReceiveAlertsReply:
    """Record the alerts of another system."""
    return await intakes[mode].receive(request)
