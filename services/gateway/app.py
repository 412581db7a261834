"""Wiring: settings -> worker, databases and catalogue -> a context for each mode -> FastAPI.

A new feature adds its router to `_FEATURES`; its routes get the context of the request's mode.

HTTP is served from the first moment on: while a dependency is away, `/ready` names it and calls are answered with 503.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import structlog
from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware import Middleware

from services.gateway import housekeeping
from services.gateway.access import routes as access_routes
from services.gateway.access.authentication import Authentication
from services.gateway.access.authorization import authorize
from services.gateway.access.credentials import any_credential
from services.gateway.access.lookups import CredentialLookups
from services.gateway.access.openapi import describe_access
from services.gateway.access.socket_credentials import Subprotocol
from services.gateway.access.wiring import Access, build_access
from services.gateway.active_alerts import routes as active_alerts
from services.gateway.adoption import routes as adoption
from services.gateway.alert_intake import routes as alert_intake
from services.gateway.alerts import routes as alerts
from services.gateway.audit import routes as audit
from services.gateway.audit import upkeep
from services.gateway.audit.middleware import RefusedCalls
from services.gateway.audit.operations import Operations
from services.gateway.audit.refusals import Refusals
from services.gateway.callbacks import routes as callbacks
from services.gateway.cancellation import routes as cancellation
from services.gateway.dashboards import routes as dashboards
from services.gateway.deployments import routes as deployments
from services.gateway.diffs import routes as diffs
from services.gateway.grants import routes as grants
from services.gateway.http import request_context, validation
from services.gateway.http import routes as http
from services.gateway.http.bodies import BodyLimit, JsonBody
from services.gateway.http.document import Api
from services.gateway.http.exposition import Exposition
from services.gateway.http.middleware import (
    FOREIGN_PAGES_READ,
    FOREIGN_PAGES_SEND,
    ModeChoice,
    RequestCount,
    RequestScope,
    UnexpectedErrors,
)
from services.gateway.http.responses import error_response
from services.gateway.http.translations import korean
from services.gateway.http.unknown_fields import UnknownFields
from services.gateway.http.write_check import WriteCheck
from services.gateway.inbound.handlers import execute
from services.gateway.incidents import routes as incidents
from services.gateway.ingest.handlers import fail_dead_letter, project, store_sla
from services.gateway.keys import routes as keys_routes
from services.gateway.keys.verifier import KeyVerifier
from services.gateway.lifecycle import routes as lifecycle
from services.gateway.lifecycle.recovery_restarts import answer_restart
from services.gateway.limits.wiring import Limits
from services.gateway.manifests import routes as manifests
from services.gateway.metrics import GatewayMetrics
from services.gateway.mode_context import ModeContext, ModeContexts, build_contexts
from services.gateway.monitoring import routes as monitoring
from services.gateway.outbox.drainer import outbox_drainer
from services.gateway.receivers import routes as receivers
from services.gateway.receivers import tenant_routes as tenant_receivers
from services.gateway.recommendations import routes as recommendations
from services.gateway.settings import GatewaySettings
from services.gateway.settings_api import routes as settings_api
from services.gateway.silences import routes as silences
from services.gateway.sla import routes as sla
from services.gateway.socket_tickets import routes as socket_tickets
from services.gateway.socket_tickets.verifier import TicketVerifier
from services.gateway.tenant_diff import routes as tenant_diff
from services.gateway.tenant_ids import routes as tenant_ids
from services.gateway.tenants import routes as tenants
from services.gateway.tenants.known_bodies import KNOWN_FIELDS
from services.gateway.websockets import routes as websockets
from services.gateway.websockets.feeds import Sockets, build_sockets
from shared.bus import Worker
from shared.bus.status import StatusChecks
from shared.catalog import Catalog, load_catalog
from shared.database import Databases
from shared.errors import PermanentError
from shared.http.client_address import ClientAddress
from shared.http.crowd import Crowd
from shared.http.gate import Gate
from shared.http.head_bounds import HeadBounds
from shared.http.security_headers import SecurityHeaders
from shared.identity.systems import OutsideSystems
from shared.rpc import RestartRequest
from shared.subjects import (
    GATEWAY_FAILS_DEAD_LETTERS,
    GATEWAY_INGESTS_OUTSIDE,
    GATEWAY_KEEPS_SLA,
    GATEWAY_PROJECTS,
    Mode,
    Rpc,
)

_log = structlog.get_logger(__name__)
_FEATURES: tuple[APIRouter, ...] = (
    grants.router,
    tenant_ids.router,
    deployments.router,
    callbacks.router,
    diffs.router,
    lifecycle.router,
    adoption.router,
    cancellation.router,
    tenant_diff.router,
    monitoring.router,
    manifests.router,
    recommendations.router,
    silences.router,
    sla.router,
    active_alerts.router,
    alert_intake.router,
    incidents.router,
    tenant_receivers.router,
    receivers.router,
    alerts.router,
    dashboards.router,
    audit.router,
    settings_api.router,
    tenants.router,
    access_routes.router,
    keys_routes.router,
    socket_tickets.router,
)
"""The routers below `/api/v1`. Exact paths such as `/tenants/validate-manifest` come before `/tenants/{tenant_id}`."""
_PREFIX = "/api/v1"
OPERATIONS = Operations(_FEATURES, _PREFIX)
"""The changing operations, for the audit trail."""
_PROJECTIONS = 4
"""Events of one mode that are projected concurrently; those of one tenant wait for each other."""
_BATCH = 16
"""Events of one mode that are requested at once for the projection."""


def create_app(
    settings: GatewaySettings, catalog: Catalog | None = None, *, on_failure: Callable[[], None] | None = None
) -> FastAPI:
    """The gateway. Nothing connects before its lifespan. `on_failure` is called if a background task fails."""
    catalog = catalog or load_catalog()
    korean()  # read before the first request, and a faulty translation prevents the start
    worker = Worker("gateway", settings)
    databases = Databases(settings, "gateway")
    socket_databases = Databases(settings, "gateway-sockets", pool_size=settings.socket_pool_size)
    refusals = {mode: Refusals(databases[mode]) for mode in Mode}
    for close in (*(each.close for each in refusals.values()), databases.dispose, socket_databases.dispose):
        worker.closes(close)
    lookups = CredentialLookups(databases)
    keys = KeyVerifier(lookups)
    access = build_access(settings, keys, TicketVerifier(lookups, keys.still))
    worker.closes(access.close)
    metrics = GatewayMetrics(worker.registry)
    limits = Limits(settings, metrics)
    modes = build_contexts(settings, catalog, databases, worker)
    sockets = {mode: build_sockets(context, socket_databases[mode], metrics) for mode, context in modes.items()}
    _consume(worker, settings, modes, metrics, refusals)
    for mode, context in modes.items():
        _run_in_background(context, sockets[mode], metrics)
        upkeep.schedule(context, refusals[mode])
    housekeeping.schedule_metrics(worker, modes, metrics)
    housekeeping.schedule_last_uses(modes, keys.uses)
    lifespan = partial(_lifespan, worker, settings, on_failure)
    middleware = _middleware(settings, metrics, access, limits, refusals)
    app = _with_routes(Api(catalog, describe_access, lifespan=lifespan, middleware=middleware))
    app.state.settings, app.state.access, app.state.keys, app.state.limits = settings, access, keys, limits
    app.state.modes, app.state.sockets = modes, sockets
    app.state.metrics, app.state.databases = metrics, databases
    app.state.status, app.state.exposition = StatusChecks(worker), Exposition(worker.registry)
    return app


def _consume(
    worker: Worker,
    settings: GatewaySettings,
    modes: ModeContexts,
    metrics: GatewayMetrics,
    refusals: Mapping[Mode, Refusals],
) -> None:
    observe = metrics.observe_deployment
    handler = partial(project, modes=modes, observe=observe)
    worker.on(GATEWAY_PROJECTS, handler, concurrency=_PROJECTIONS, batch=_BATCH)
    worker.on(GATEWAY_KEEPS_SLA, partial(store_sla, modes=modes), concurrency=1, batch=_BATCH)
    worker.on(GATEWAY_FAILS_DEAD_LETTERS, partial(fail_dead_letter, modes=modes), concurrency=1)
    systems = OutsideSystems(settings.outside_roles_path)
    worker.on(GATEWAY_INGESTS_OUTSIDE, partial(execute, modes=modes, systems=systems, refusals=refusals))
    worker.answer(Rpc.RESTART, RestartRequest, partial(answer_restart, modes=modes))


def _run_in_background(context: ModeContext, sockets: Sockets, metrics: GatewayMetrics) -> None:
    """The dependencies of one mode, and what runs beside its requests."""
    mode, worker, database = context.mode, context.worker, context.database
    worker.requires(database.name, database.check)
    worker.dependencies.add(f"writes to {database.name}", WriteCheck(database), at_start=False)
    drainer = outbox_drainer(mode, database, worker.publisher, metrics, poll=context.settings.outbox_poll)
    worker.background(f"outbox {mode}", drainer.run)
    for run in (sockets.deployments.run, sockets.samples.run, sockets.alerts.run):
        worker.background(f"feed {mode}", partial(run, lambda: worker.broker.connection))
    housekeeping.schedule(context, metrics)


def document(catalog: Catalog) -> dict[str, Any]:
    """The OpenAPI document of a gateway with this catalogue."""
    return _with_routes(Api(catalog, describe_access)).openapi()


def _with_routes(app: Api) -> Api:
    validation.install(app)
    api = APIRouter(prefix=_PREFIX, dependencies=[Depends(authorize), Depends(UnknownFields(KNOWN_FIELDS))])
    for feature in _FEATURES:
        api.include_router(feature)
    for router in (api, http.router, websockets.router):
        app.include_router(router)
    return app


def _middleware(
    settings: GatewaySettings,
    metrics: GatewayMetrics,
    access: Access,
    limits: Limits,
    refusals: Mapping[Mode, Refusals],
) -> list[Middleware]:
    """The outermost first; `http.middleware` describes each."""
    return [
        Middleware(SecurityHeaders, hsts_seconds=settings.hsts, is_private=request_context.is_authenticated),
        Middleware(ClientAddress, trusted=settings.proxy_networks),
        Middleware(RequestScope),
        Middleware(UnexpectedErrors),
        Middleware(RequestCount, count=metrics.count_request),
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
        Middleware(HeadBounds, refuse=error_response),
        Middleware(Subprotocol),
        Middleware(ModeChoice),
        Middleware(RefusedCalls, operations=OPERATIONS, refusals=refusals),
        *limits.before_authentication(any_credential),
        Middleware(Authentication, verifiers=access.verifiers, on_refused=metrics.count_refused_credential),
        *limits.after_authentication(),
        Middleware(
            BodyLimit,
            limit=settings.max_body_bytes,
            refusals={"/monitoring": monitoring.too_many_points(settings.max_body_bytes)},
            seconds=settings.body_timeout,
        ),
        Middleware(JsonBody),
        *limits.last(),
    ]


def _most_sockets(settings: GatewaySettings) -> int:
    return min(settings.max_sockets, settings.connection_limits.most() * 3 // 4)


@asynccontextmanager
async def _lifespan(
    worker: Worker, settings: GatewaySettings, on_failure: Callable[[], None] | None, app: FastAPI
) -> AsyncIterator[None]:
    for name in settings.unused:
        message = f"{name} is ignored; JetStream key-value is used instead."
        _log.info(message, action="setting-unused", variable=name)
    app.state.access.checks()  # fetches the identity provider's keys before the first call needs them
    running = asyncio.create_task(_run(worker, on_failure))
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await worker.stop()


async def _run(worker: Worker, on_failure: Callable[[], None] | None) -> None:
    """Start the worker when its dependencies are ready; call `on_failure` when a background task has failed."""
    try:
        await worker.start()
        if worker.failed is not None:
            await asyncio.shield(worker.failed)
    except PermanentError as error:
        _log.error(error.message, action="service-refused", code=error.code)
        _report(on_failure)
    except Exception:
        _log.exception("Gateway failed", action="gateway-failed")
        _report(on_failure)


def _report(on_failure: Callable[[], None] | None) -> None:
    if on_failure is not None:
        on_failure()
