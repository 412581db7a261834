"""Wiring: settings -> a context for each mode -> samplers, reporters, rollups, and the handlers."""

import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from prometheus_client import Gauge
from structlog.contextvars import bind_contextvars

from services.monitor.alerts.alert_store import AlertStore
from services.monitor.alerts_wiring import alert_store, intake, outbox_drainer, recovery_runner
from services.monitor.clock import utc_now
from services.monitor.collect.kubernetes import KubernetesCluster
from services.monitor.collect.prometheus import Prometheus
from services.monitor.collect.sampler import ObservedCluster, Sampler
from services.monitor.collect.scraper import Scraper
from services.monitor.handlers import (
    answer_maintenance,
    answer_notifications,
    answer_received_alerts,
    answer_receivers,
    answer_sla_report,
    ingest_sample,
    store_sample,
    store_samples,
)
from services.monitor.incident_wiring import IncidentParts, incident_events, run_incidents
from services.monitor.mode_context import SAMPLING, ModeContext, mode_context, observed_endpoint, observed_target
from services.monitor.notifications.service import NotificationCounter, notifications
from services.monitor.reports.reporter import Reporter
from services.monitor.reports.sla_report import SlaReports
from services.monitor.rules_wiring import AlertSources, alert_rules_of, answer_about_rules
from services.monitor.sample_senders import SampleSenders
from services.monitor.settings import MonitorSettings
from services.monitor.storage.availability_store import AvailabilityStore
from services.monitor.storage.housekeeping import Housekeeping
from services.monitor.storage.maintenance_windows import MaintenanceStore
from services.monitor.storage.request_counts import RequestCounts
from services.monitor.storage.rollups import Rollups
from services.monitor.storage.sample_writer import SampleWriter
from services.monitor.storage.statistics import Statistics
from shared.bus import Worker
from shared.bus.shares import SHARDS, Shares
from shared.database import Databases
from shared.identity.systems import OutsideSystems
from shared.process.periodic import repeat
from shared.rpc import MaintenanceRequest, ReceiveAlertsRequest, SlaReportRequest
from shared.rpc.receivers import NotificationsRequest, ReceiversRequest
from shared.subjects import MONITOR_INGESTS_OUTSIDE, MONITOR_STORES, MONITOR_STORES_SLICES, Mode, Rpc

_CONCURRENT_WRITES = 4
"""Samples of a mode that are handled concurrently; they share a transaction."""
_BATCH, _BATCH_OF_SLICES = 16, 4
"""Events of a mode that are requested at once; those of slices have the samples of many tenants."""
_HOUSEKEEPING_SECONDS = 3600.0
_STATISTICS_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class ModeStores:
    """The monitor's tables in one mode's database."""

    samples: SampleWriter
    availability: AvailabilityStore
    maintenance: MaintenanceStore
    rollups: Rollups
    requests: RequestCounts
    alerts: AlertStore


def build(
    settings: MonitorSettings,
    *,
    clusters: Mapping[Mode, ObservedCluster] | None = None,
    databases: Databases | None = None,
) -> Worker:
    """Wire the monitor. Tests may pass adapters of their own."""
    worker = Worker("monitor", settings)
    databases = databases or Databases(settings, "monitor")
    holder = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4()}"
    contexts = _contexts(worker, settings, clusters, databases, holder=holder)
    stores = {mode: _stores(context, settings) for mode, context in contexts.items()}
    for mode, context in contexts.items():
        worker.requires(context.database.name, context.database.check)
        sampler = _run_sampler(worker, context, stores[mode], settings)
        _run_reporter(worker, context, stores[mode], sampler, settings)
        _run_housekeeping(worker, context, stores[mode], settings)
        _run_alerts(worker, context, stores[mode], settings)
    _refresh_statistics(worker, contexts.values(), settings)
    _show_shares(worker, contexts.values())
    bases = {mode: context.database for mode, context in contexts.items()}
    senders = SampleSenders(OutsideSystems(settings.outside_roles_path), bases)
    _handle(worker, stores, senders, settings)
    _receive_alerts(worker, contexts, stores, settings)
    parts = {mode: _incident_parts(context, stores[mode]) for mode, context in contexts.items()}
    run_incidents(worker, parts, retention=timedelta(days=settings.retention_days))
    _notify(worker, contexts, settings, holder)
    _evaluate_alerts(worker, contexts, stores, settings)
    worker.closes(databases.dispose)
    return worker


def _contexts(
    worker: Worker,
    settings: MonitorSettings,
    clusters: Mapping[Mode, ObservedCluster] | None,
    databases: Databases,
    *,
    holder: str,
) -> dict[Mode, ModeContext]:
    return {
        mode: mode_context(
            mode,
            worker,
            databases[mode],
            clusters[mode] if clusters else _cluster(mode, settings),
            target=observed_target(mode, settings),
            holder=holder,
        )
        for mode in Mode
    }


def _cluster(mode: Mode, settings: MonitorSettings) -> KubernetesCluster:
    return KubernetesCluster(observed_endpoint(mode, settings), timeout=settings.cluster_timeout)


def _stores(context: ModeContext, settings: MonitorSettings) -> ModeStores:
    database = context.database
    rollups = Rollups(
        database,
        utc_now,
        raw_hours=settings.raw_hours,
        days=settings.rollup_days,
        retention_days=settings.retention_days,
    )
    return ModeStores(
        samples=SampleWriter(database),
        availability=AvailabilityStore(database),
        maintenance=MaintenanceStore(database, utc_now),
        rollups=rollups,
        requests=RequestCounts(database),
        alerts=alert_store(context, settings),
    )


def _run_sampler(worker: Worker, context: ModeContext, stores: ModeStores, settings: MonitorSettings) -> Sampler:
    """Sample the mode's cluster; in production also Prometheus, which doesn't scrape the demo's virtual cluster."""
    publish = context.publisher.publish_samples
    sampler = Sampler(
        context.cluster,
        context.share,
        publish,
        deployed=context.promises.read,
        expected=partial(stores.availability.expected, [context.target]),
    )
    _background(worker, context, "sample", sampler.run)
    if settings.monitoring_endpoint and context.mode is Mode.PRODUCTION:
        prometheus = Prometheus(settings.monitoring_endpoint, settings.monitoring_queries)
        _background(worker, context, "scrape", Scraper(prometheus, publish, leads=sampler.leads).run)
    return sampler


def _run_reporter(
    worker: Worker, context: ModeContext, stores: ModeStores, sampler: Sampler, settings: MonitorSettings
) -> None:
    reporter = Reporter(
        stores.availability,
        stores.maintenance,
        context.publisher.publish_report,
        includes=sampler.samples,
        changed=sampler.changed,
        interval=settings.sla_interval,
        services=sampler.services_of,
    )
    _background(worker, context, "report", reporter.run)


def _run_housekeeping(worker: Worker, context: ModeContext, stores: ModeStores, settings: MonitorSettings) -> None:
    """Roll up and remove samples, make partitions, and remove old availability."""
    roll_up = partial(stores.rollups.run, settings.rollup_interval, stores.samples.late)
    _background(worker, context, "roll up", roll_up)
    tidy = Housekeeping(context.database, stores.availability, days=settings.rollup_days).run_once
    _background(
        worker, context, "tidy", partial(repeat, "the monitor's housekeeping", tidy, every=_HOUSEKEEPING_SECONDS)
    )


def _run_alerts(worker: Worker, context: ModeContext, stores: ModeStores, settings: MonitorSettings) -> None:
    """Publish the events of alerts, and recover tenants."""
    _background(worker, context, "outbox", outbox_drainer(worker, context).run)
    _background(worker, context, "recover", recovery_runner(worker, context, stores.alerts, settings).run)


def _evaluate_alerts(
    worker: Worker, contexts: Mapping[Mode, ModeContext], stores: Mapping[Mode, ModeStores], settings: MonitorSettings
) -> None:
    """Evaluate alert rules as samples come, and answer about rules."""
    modes = {}
    for mode, context in contexts.items():
        each = stores[mode]
        sources = AlertSources(context, each.availability, each.maintenance, each.alerts)
        modes[mode] = alert_rules_of(worker, sources, allow_private=settings.private_webhooks)
        _background(worker, context, "evaluate alerts", modes[mode].evaluator.run)
    answer_about_rules(worker, modes)


def _refresh_statistics(worker: Worker, contexts: Iterable[ModeContext], settings: MonitorSettings) -> None:
    """Look every ten minutes whether a database's statistics are due for their nightly refresh."""
    name = "ecp_statistics_refreshed_timestamp_seconds"
    refreshed = Gauge(name, "When a database's statistics were refreshed last", ["mode"], registry=worker.registry)
    for context in contexts:

        def show(time: datetime, mode: Mode = context.mode) -> None:
            refreshed.labels(mode).set(time.timestamp())

        refresh = Statistics(context.database, hour=settings.statistics_hour, shown=show).run_once
        repeated = partial(repeat, "refreshing statistics", refresh, every=_STATISTICS_SECONDS)
        _background(worker, context, "statistics", repeated)


def _notify(worker: Worker, contexts: Mapping[Mode, ModeContext], settings: MonitorSettings, holder: str) -> None:
    """Send notifications of alerts, and answer requests about receivers."""
    counter = NotificationCounter(worker.registry)
    notified = {
        mode: notifications(mode, context.database, settings, utc_now, holder=holder, counter=counter)
        for mode, context in contexts.items()
    }
    for mode, context in contexts.items():
        for name, task in notified[mode].tasks.items():
            _background(worker, context, name, task)
    worker.answer(Rpc.RECEIVERS, ReceiversRequest, partial(answer_receivers, notified=notified))
    worker.answer(Rpc.NOTIFICATIONS, NotificationsRequest, partial(answer_notifications, notified=notified))


def _background(worker: Worker, context: ModeContext, name: str, task: Callable[[], Awaitable[None]]) -> None:
    """Run `task` from start to stop, with the mode in each of its log lines."""

    async def run() -> None:
        bind_contextvars(mode=context.mode)
        await task()

    worker.background(f"{name} {context.mode}", run)


def _show_shares(worker: Worker, contexts: Iterable[ModeContext]) -> None:
    text = f"Shards that this process works on; together the processes have at least {SHARDS}"
    held = Gauge("ecp_shards_held", text, ["work", "mode"], registry=worker.registry)
    for context in contexts:
        held.labels(SAMPLING, context.mode).set_function(partial(_held, context.share))


def _held(share: Shares) -> float:
    return float(len(share.shards))


def _handle(
    worker: Worker, stores: Mapping[Mode, ModeStores], senders: SampleSenders, settings: MonitorSettings
) -> None:
    """Store our samples, ingest those of other systems, and answer requests."""
    retention = timedelta(days=settings.retention_days)
    writers = {mode: each.samples for mode, each in stores.items()}
    windows = {mode: each.maintenance for mode, each in stores.items()}
    reports = {
        mode: SlaReports(each.availability, each.maintenance, each.requests, utc_now) for mode, each in stores.items()
    }
    worker.on(MONITOR_STORES, partial(store_sample, writers=writers), concurrency=_CONCURRENT_WRITES, batch=_BATCH)
    worker.on(MONITOR_STORES_SLICES, partial(store_samples, writers=writers), batch=_BATCH_OF_SLICES)
    buses = {mode: worker.bus(mode) for mode in Mode}
    worker.on(MONITOR_INGESTS_OUTSIDE, partial(ingest_sample, buses=buses, senders=senders, retention=retention))
    worker.answer(Rpc.SLA_REPORT, SlaReportRequest, partial(answer_sla_report, reports=reports))
    worker.answer(Rpc.MAINTENANCE, MaintenanceRequest, partial(answer_maintenance, windows=windows))


def _incident_parts(context: ModeContext, stores: ModeStores) -> IncidentParts:
    return IncidentParts(
        database=context.database,
        availability=stores.availability,
        maintenance=stores.maintenance,
        add_events=incident_events(context.mode),
        pass_on=stores.alerts.pass_on,
    )


def _receive_alerts(
    worker: Worker,
    contexts: Mapping[Mode, ModeContext],
    stores: Mapping[Mode, ModeStores],
    settings: MonitorSettings,
) -> None:
    """Record the alerts of other systems."""
    intakes = {mode: intake(context, stores[mode].alerts, settings) for mode, context in contexts.items()}
    worker.answer(Rpc.RECEIVE_ALERTS, ReceiveAlertsRequest, partial(answer_received_alerts, intakes=intakes))
