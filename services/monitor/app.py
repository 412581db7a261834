"""Wiring: settings -> clusters, leases, databases -> samplers, reporters, rollups, and the handlers."""

import asyncio
import os
import socket
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

import structlog
from prometheus_client import Gauge

from services.monitor.collect.kubernetes import Endpoint, KubernetesCluster
from services.monitor.collect.prometheus import Prometheus
from services.monitor.collect.promises import Promises
from services.monitor.collect.sampler import Cluster, Sampler, utc_now
from services.monitor.collect.scraper import Scraper
from services.monitor.handlers import store_sample, take_in_sample
from services.monitor.outage_log import Outage
from services.monitor.reports.reporter import Reporter
from services.monitor.reports.sla_report import Reports
from services.monitor.settings import Settings
from services.monitor.storage.availability_store import Ledger
from services.monitor.storage.maintenance_windows import Maintenance
from services.monitor.storage.rollups import Rollups
from services.monitor.storage.sample_writer import SampleWriter
from shared.bus import Worker
from shared.bus.leases import Leases
from shared.database import Database, Databases, ensure_partitions
from shared.errors import TemporaryError
from shared.rpc import MaintenanceReply, MaintenanceRequest, SlaReport, SlaReportRequest
from shared.sla import ServiceState
from shared.subjects import MONITOR_INGESTS_OUTSIDE, MONITOR_STORES, Bucket, Mode, Rpc

_log = structlog.get_logger(__name__)
_CONCURRENCY = 4
"""Samples of a mode that are stored at once; they share a write."""
_TEND_SECONDS = 3600.0


def build(
    settings: Settings, *, clusters: Mapping[Mode, Cluster] | None = None, databases: Databases | None = None
) -> Worker:
    """The monitor, ready to run; a test may give it adapters of its own."""
    worker = Worker("monitor", settings)
    databases = databases or Databases(settings, "monitor")
    clusters = clusters or {
        mode: KubernetesCluster(endpoint(mode, settings), timeout=settings.cluster_timeout) for mode in Mode
    }
    writers = {mode: SampleWriter(databases[mode]) for mode in Mode}
    _consume(worker, writers, settings)
    held = Gauge("ecp_lease_held", "1 while this process has the lease", ["lease", "mode"], registry=worker.registry)
    owner = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4()}"
    reports: dict[Mode, Reports] = {}
    maintenance: dict[Mode, Maintenance] = {}
    for mode in Mode:
        database = databases[mode]
        worker.requires(database.name, database.check)
        ledger = Ledger(database)
        maintenance[mode] = Maintenance(database, utc_now)
        rollups = _rollups(database, settings)
        reports[mode] = Reports(ledger, maintenance[mode], rollups, utc_now)
        sampler = _sample(worker, mode, clusters[mode], ledger=ledger, owner=owner, settings=settings)
        held.labels("monitor.sampler", mode).set_function(lambda sampler=sampler: float(sampler.leads()))  # type: ignore[misc]
        reporter = Reporter(
            mode,
            ledger,
            maintenance[mode],
            worker.publisher.publish,
            leads=sampler.leads,
            changed=sampler.changed,
            interval=settings.sla_interval,
            services=partial(_services, sampler),
        )
        worker.background(f"report {mode}", reporter.run)
        worker.background(
            f"roll up {mode}", partial(rollups.run, settings.rollup_interval, writers[mode].late, Outage(mode=mode))
        )
        worker.background(f"tend {mode}", partial(tend, mode, database, ledger, days=settings.rollup_days))
    _answer(worker, reports, maintenance)
    worker.closes(databases.dispose)
    return worker


def _consume(worker: Worker, writers: Mapping[Mode, SampleWriter], settings: Settings) -> None:
    """Store our samples, and take in those of other systems as far back as they are kept."""
    retention = timedelta(days=settings.retention_days)
    worker.on(MONITOR_STORES, partial(store_sample, writers=writers), concurrency=_CONCURRENCY)
    worker.on(MONITOR_INGESTS_OUTSIDE, partial(take_in_sample, publish=worker.publisher.publish, retention=retention))


def _rollups(database: Database, settings: Settings) -> Rollups:
    return Rollups(
        database,
        utc_now,
        raw_hours=settings.raw_hours,
        days=settings.rollup_days,
        retention_days=settings.retention_days,
    )


def _services(sampler: Sampler, tenant_id: str) -> Mapping[str, ServiceState]:
    """A tenant's services as they were sampled last."""
    reading = sampler.latest.get(tenant_id)
    return reading.services if reading else {}


def endpoint(mode: Mode, settings: Settings) -> Endpoint:
    """The cluster of a mode: the simulator's, or in production the kubeconfig's where one is set."""
    if mode is Mode.PRODUCTION and settings.kubeconfig is not None:
        return Endpoint("production", kubeconfig=settings.kubeconfig)
    name = "demo" if mode is Mode.DEMO else "default"
    return Endpoint(name, server=f"{settings.k8s_simulator_url.rstrip('/')}/clusters/{name}")


async def tend(
    mode: Mode, database: Database, ledger: Ledger, *, days: int, now: Callable[[], datetime] = utc_now
) -> None:
    """Make the table's partitions as months pass, two months ahead, so that there is time to see that it fails.

    And forget the availability of more than so many `days` ago.
    """
    outage = Outage(mode=mode)
    while True:
        try:
            async with database.begin() as connection:
                await ensure_partitions(connection, now().date())
            if forgotten := await ledger.forget(now() - timedelta(days=days)):
                _log.info(f"{forgotten} runs of more than {days} days ago are forgotten.", action="forget-runs")
            outage.ends("Partitions are made again.")
        except TemporaryError as error:
            outage.begins(f"No partitions are made: {error.message}")
        await asyncio.sleep(_TEND_SECONDS)


def _sample(worker: Worker, mode: Mode, cluster: Cluster, *, ledger: Ledger, owner: str, settings: Settings) -> Sampler:
    """The sampler of a mode's cluster, and in production what Prometheus adds to it."""
    lease = Leases(partial(worker.key_value, Bucket.LEASES, mode), owner).lease("monitor.sampler")
    has_kubeconfig = mode is Mode.PRODUCTION and settings.kubeconfig is not None
    target = "kubernetes" if has_kubeconfig else "simulator"
    promises = Promises(mode, target, lambda: worker.jetstream, partial(worker.key_value, Bucket.MANIFESTS, mode))
    expected = partial(ledger.expected, [target])
    sampler = Sampler(mode, cluster, lease, worker.publisher.publish, deployed=promises.read, expected=expected)
    worker.background(f"sample {mode}", sampler.run)
    # A Prometheus knows nothing of modes; the demo's cluster is the simulator, which no Prometheus scrapes.
    if settings.monitoring_endpoint and mode is Mode.PRODUCTION:
        source = Prometheus(settings.monitoring_endpoint, settings.monitoring_queries)
        scraper = Scraper(mode, source, worker.publisher.publish, leads=sampler.leads)
        worker.background(f"scrape {mode}", scraper.run)
    return sampler


def _answer(worker: Worker, reports: Mapping[Mode, Reports], maintenance: Mapping[Mode, Maintenance]) -> None:
    async def report_sla(request: SlaReportRequest, mode: Mode) -> SlaReport:
        return await reports[mode].answer(request)

    async def plan_maintenance(request: MaintenanceRequest, mode: Mode) -> MaintenanceReply:
        return await maintenance[mode].answer(request)

    worker.answer(Rpc.SLA_REPORT, SlaReportRequest, report_sla)
    worker.answer(Rpc.MAINTENANCE, MaintenanceRequest, plan_maintenance)
