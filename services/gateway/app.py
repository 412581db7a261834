"""Wiring: settings -> worker, databases and catalogue -> parts -> FastAPI.

The HTTP side is there from the first moment on: while a dependency is away `/ready` names it and calls answer 503,
rather than that nothing listens.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial

import structlog
from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from services.gateway import housekeeping
from services.gateway.dashboards import routes as dashboards
from services.gateway.dashboards.queries import Dashboards
from services.gateway.deployments import routes as deployments
from services.gateway.deployments.projection import Update, read_update
from services.gateway.http import routes as operations
from services.gateway.http import validation
from services.gateway.http.bodies import BodyLimit, JsonBody
from services.gateway.http.errors import error_response
from services.gateway.http.middleware import (
    FOREIGN_PAGES_READ,
    FOREIGN_PAGES_SEND,
    Counting,
    ModeChoice,
    RequestScope,
    Unexpected,
)
from services.gateway.http.parameters import Parts
from services.gateway.http.write_check import WriteCheck
from services.gateway.inbound.handlers import take_in
from services.gateway.ingest.handlers import fail_dead_letter, keep_sla, project
from services.gateway.lifecycle import routes as lifecycle
from services.gateway.lifecycle.commands import Operations
from services.gateway.manifests import routes as manifests
from services.gateway.manifests.manifest_gc import collect
from services.gateway.manifests.queries import Manifests
from services.gateway.metrics import GatewayMetrics
from services.gateway.monitoring import routes as monitoring
from services.gateway.monitoring.commands import Recorder
from services.gateway.monitoring.series import latest_values
from services.gateway.outbox.drainer import Drainer
from services.gateway.outbox.republish import republish
from services.gateway.outbox.stream_loss import look_for_losses
from services.gateway.recommendations import routes as recommendations
from services.gateway.settings import Settings
from services.gateway.sla import routes as sla
from services.gateway.tenants import routes as tenants
from services.gateway.tenants.admission import Admission
from services.gateway.tenants.commands import Commands
from services.gateway.tenants.queries import Queries
from services.gateway.tenants.rules import Targets
from services.gateway.websockets import routes as sockets
from services.gateway.websockets.snapshots import Snapshots
from services.gateway.websockets.stream_feed import Feed
from services.gateway.workers import Questions
from shared.bus import Worker
from shared.catalog import Catalog, load_catalog
from shared.database import Databases
from shared.errors import PermanentError
from shared.events import Event, MetricsCollected
from shared.http.crowd import Crowd
from shared.http.gate import Gate
from shared.subjects import (
    GATEWAY_FAILS_DEAD_LETTERS,
    GATEWAY_INGESTS_OUTSIDE,
    GATEWAY_KEEPS_SLA,
    GATEWAY_PROJECTS,
    Mode,
    Stream,
    Subject,
)

_log = structlog.get_logger(__name__)
_CLEAN_EVERY = 600.0
_COUNT_EVERY = 10.0
_COLLECT_EVERY = 86400.0
_COLLECT_FIRST = 3600.0
"""Seconds after the start: an upgrade is over then, and so is a start with the wrong database."""
_PROJECTIONS = 4
"""Events that are written side by side in each mode; those of one tenant wait for each other."""


def create_app(
    settings: Settings, catalog: Catalog | None = None, *, on_failure: Callable[[], None] | None = None
) -> FastAPI:
    """The gateway. Nothing connects before its lifespan. `on_failure` is called if a background task fails."""
    parts = _build(settings, catalog or load_catalog())
    _wire(parts, settings)
    app = FastAPI(
        title="ECP-AI Kubernetes Orchestrator",
        version="1.0",
        description="Sizes, renders, deploys and watches AI contact centres. Errors have one shape.",
        lifespan=partial(_lifespan, parts, settings, on_failure),
        middleware=_middleware(parts, settings),
    )
    app.state.parts = parts
    validation.install(app)
    app.include_router(_api())
    app.include_router(operations.router)
    app.include_router(sockets.router)
    return app


def _middleware(parts: Parts, settings: Settings) -> list[Middleware]:
    """The outermost first; see `requests`."""
    return [
        Middleware(RequestScope),
        Middleware(Unexpected),
        Middleware(Counting, count=parts.metrics.count_request),
        Middleware(
            Gate,
            rules=settings.rules,
            refuse=error_response,
            request_headers=FOREIGN_PAGES_SEND,
            exposed_headers=FOREIGN_PAGES_READ,
        ),
        Middleware(
            Crowd,
            most_sockets=partial(_most_sockets, settings),
            refuse=partial(error_response, headers={"Connection": "close"}),
        ),
        Middleware(ModeChoice),
        Middleware(
            BodyLimit,
            limit=settings.max_body_bytes,
            refusals={"/monitoring": monitoring.too_many_points(settings.max_body_bytes)},
            seconds=settings.body_timeout,
        ),
        Middleware(JsonBody),
    ]


def _most_sockets(settings: Settings) -> int:
    return min(settings.max_sockets, settings.connection_limits.most() * 3 // 4)


def _api() -> APIRouter:
    api = APIRouter(prefix="/api/v1")
    # Deployments and monitoring first: `/tenants/{id}` would not match theirs, but their order is then no matter.
    before_tenants = (deployments, lifecycle, monitoring, manifests, recommendations, sla, dashboards)
    for router in (*(each.router for each in before_tenants), tenants.router):
        api.include_router(router)
    return api


def _build(settings: Settings, catalog: Catalog) -> Parts:
    worker = Worker("gateway", settings)
    databases = Databases(settings, "gateway")
    socket_databases = Databases(settings, "gateway-sockets", pool_size=settings.socket_pool_size)
    questions = Questions(worker, settings.rpc_timeout)
    queries = Queries(databases)
    metrics = GatewayMetrics(worker.registry)
    admission = Admission(questions, catalog)
    targets = Targets(has_kubeconfig=settings.has_kubernetes)
    return Parts(
        worker=worker,
        databases=databases,
        socket_databases=socket_databases,
        snapshots={mode: Snapshots(socket_databases[mode], settings.socket_pool_size) for mode in Mode},
        catalog=catalog,
        questions=questions,
        commands=Commands(databases, questions, catalog, targets, admission),
        queries=queries,
        operations=Operations(databases, targets, admission),
        manifests=Manifests(queries, questions),
        dashboards=Dashboards(databases, questions, worker, targets),
        recorder=Recorder(databases, timedelta(days=settings.retention_days)),
        metrics=metrics,
        deployment_feeds={mode: _deployment_feed(mode, settings, metrics) for mode in Mode},
        monitoring_feeds={mode: _monitoring_feed(mode, settings, metrics) for mode in Mode},
    )


def _wire(parts: Parts, settings: Settings) -> None:
    """What the worker consumes, requires and does in the background."""
    worker, databases, metrics = parts.worker, parts.databases, parts.metrics
    observe = metrics.observe_deployment
    worker.on(GATEWAY_PROJECTS, partial(project, databases=databases, observe=observe), concurrency=_PROJECTIONS)
    worker.on(GATEWAY_KEEPS_SLA, partial(keep_sla, databases=databases), concurrency=1)
    worker.on(GATEWAY_INGESTS_OUTSIDE, partial(take_in, commands=parts.commands))
    worker.on(GATEWAY_FAILS_DEAD_LETTERS, partial(fail_dead_letter, databases=databases), concurrency=1)
    forget = partial(housekeeping.forget_tenants, databases, metrics)
    worker.background("forgetting tenants", partial(housekeeping.repeat, _COUNT_EVERY, forget))
    for mode in Mode:
        database = databases[mode]
        worker.requires(database.name, database.check)
        worker.dependencies.add(f"writes to {database.name}", WriteCheck(database), at_start=False)
        drainer = Drainer(mode, database, worker.publisher, metrics, poll=settings.outbox_poll)
        clean = partial(
            housekeeping.clean, database, key_hours=settings.idempotency_hours, event_days=settings.event_days
        )
        count = partial(housekeeping.count_active, database, partial(metrics.set_active, mode))
        worker.background(f"outbox {mode}", drainer.run)
        worker.background(f"cleaning {mode}", partial(housekeeping.repeat, _CLEAN_EVERY, clean))
        worker.background(f"counting {mode}", partial(housekeeping.repeat, _COUNT_EVERY, count))
        checking = partial(_check_streams, parts, mode, settings.republish_after)
        check = partial(housekeeping.repeat, settings.stream_check, checking)
        worker.background(f"checking streams {mode}", check)
        collecting = partial(_collect, parts, mode, timedelta(days=settings.manifest_days))
        tidy = partial(housekeeping.repeat, _COLLECT_EVERY, collecting, first=_COLLECT_FIRST)
        worker.background(f"collecting manifests {mode}", tidy)
        for feed in (parts.deployment_feeds[mode], parts.monitoring_feeds[mode]):
            worker.background(f"feed {mode}", partial(feed.run, lambda: worker.broker.connection))


async def _collect(parts: Parts, mode: Mode, older_than: timedelta) -> None:
    named = partial(housekeeping.named_digests, parts.databases[mode])
    await collect(parts.worker.jetstream, mode, named, older_than=older_than)


async def _check_streams(parts: Parts, mode: Mode, silence: float) -> None:
    database, jetstream = parts.databases[mode], parts.worker.jetstream
    await look_for_losses(mode, database, jetstream)
    await republish(mode, database, jetstream, silence=silence)


def _deployment_feed(mode: Mode, settings: Settings, metrics: GatewayMetrics) -> Feed[Update]:
    def read(event: Event) -> tuple[str, Update] | None:
        update = read_update(event)
        return (update.deployment_id, update) if update is not None else None

    subjects = [each for each in GATEWAY_PROJECTS.subjects if each is not Subject.ALERT_RAISED]
    return Feed(
        mode,
        Stream.ECP,
        read,
        subjects=subjects,
        behind=GATEWAY_PROJECTS.name,
        keep=settings.replay_messages,
        queue=settings.socket_queue,
        on_missed=metrics.missed.inc,
    )


def _monitoring_feed(
    mode: Mode, settings: Settings, metrics: GatewayMetrics
) -> Feed[tuple[datetime, dict[str, float]]]:
    def read(event: Event) -> tuple[str, tuple[datetime, dict[str, float]]] | None:
        if not isinstance(event, MetricsCollected):
            return None
        values = latest_values(event.moments)
        metrics.show_usage(mode, event.tenant_id, values, event.time)
        return event.tenant_id, (event.time, values)

    return Feed(
        mode,
        Stream.METRICS,
        read,
        subjects=[Subject.METRICS_COLLECTED],
        behind=None,
        keep=settings.replay_messages,
        queue=settings.socket_queue,
        on_missed=metrics.missed.inc,
    )


@asynccontextmanager
async def _lifespan(
    parts: Parts, settings: Settings, on_failure: Callable[[], None] | None, app: FastAPI
) -> AsyncIterator[None]:
    for name in settings.unused:
        _log.info(f"{name} is accepted and not used: JetStream's key-value is.", action="setting-unused", variable=name)
    running = asyncio.create_task(_run(parts.worker, on_failure))
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await parts.worker.stop()
        await parts.databases.dispose()
        await parts.socket_databases.dispose()


async def _run(worker: Worker, on_failure: Callable[[], None] | None) -> None:
    """Start the worker as soon as its dependencies are there; tell when one of its background tasks has failed."""
    try:
        await worker.start()
        if worker.failed is not None:
            await asyncio.shield(worker.failed)
    except PermanentError as error:
        _log.error(error.message, action="service-refused", code=error.code)
        _report(on_failure)
    except Exception:
        _log.exception("A background task of the gateway failed.", action="gateway-failed")
        _report(on_failure)


def _report(on_failure: Callable[[], None] | None) -> None:
    if on_failure is not None:
        on_failure()
