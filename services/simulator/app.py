"""Wiring of the simulator: settings, journal, clusters and the two APIs.

HTTP is served from the start, so that `/health` answers and `/ready` names what is missing; a cluster is available
once its objects are loaded from the database. Controllers and the journal's writer run beside the server. If one of
them ends, the process exits and its supervisor restarts it; no acknowledged write is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import structlog
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from services.simulator.api import errors
from services.simulator.api.access import builtin_roles
from services.simulator.api.application import KubernetesAPI
from services.simulator.api.cluster_backend import ClusterBackend
from services.simulator.api.product import cluster_metrics
from services.simulator.api.product.access import ProductAccess
from services.simulator.api.product.endpoints import ProductBackend, ProductEndpoints
from services.simulator.api.product.errors import EXCEPTION_HANDLERS
from services.simulator.api.product.telemetry import Telemetry
from services.simulator.api.routing.guard import guarded
from services.simulator.api.routing.secure_port import SecurePort
from services.simulator.clock import Clock
from services.simulator.controllers.virtual_cluster import VirtualCluster
from services.simulator.settings import SimulatorSettings
from services.simulator.storage.journal import Journal, JournalAway
from services.simulator.storage.store import Store
from shared.http.listening import Listener
from shared.identity.oidc import OpenIdConnect, open_id_connect
from shared.identity.verifiers import Verifier
from shared.kube.objects import ObjectKey
from shared.kube.targets import VIRTUAL_CLUSTERS
from shared.process import serving
from shared.process.serving import server_config
from shared.secret_files import latest

if TYPE_CHECKING:
    from services.simulator.secure import Secured

CLUSTER_NAMES: Final = tuple(VIRTUAL_CLUSTERS.values())
_KEPT_DESCRIPTORS: Final = 48
"""For the journal's connections, files and the loop."""

_log = structlog.get_logger()


class Simulator:
    """All parts of one simulator. `application` may be served before `run` has loaded the clusters."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self._settings = settings
        self._journal = _journal(settings)
        self._backends: dict[str, ClusterBackend] = {}
        self._products: dict[str, ProductBackend] = {}
        telemetry = Telemetry(self._backends, lambda: self._journal.backlog if self._journal else 0)
        self._kubernetes = KubernetesAPI(self._backends, telemetry, CLUSTER_NAMES, has_rbac=settings.rbac)
        self._provider = open_id_connect(settings)
        access = ProductAccess(_verifiers(settings, self._provider))
        product = ProductEndpoints(self._products, self._dependencies, telemetry.exposition, access)
        routes = [*product.routes(), Mount("/", app=self._kubernetes)]
        served: ASGIApp = Starlette(routes=routes, exception_handlers=EXCEPTION_HANDLERS)
        self._secured = _secured(settings, self._stores)
        if self._secured is not None:
            served = SecurePort(served, self._secured.user, self._kubernetes.access)
        self.application = guarded(served, settings)

    @property
    def listeners(self) -> list[Listener]:
        """The ports that are served."""
        plain = Listener(self._settings.port)
        return [plain] if self._secured is None else [plain, self._secured.listener]

    def end_streams(self) -> None:
        """End open watches and followed logs, so that they don't delay a stop."""
        self._kubernetes.end_streams()

    async def run(self) -> None:
        """Load the clusters and run their controllers until cancelled."""
        if self._journal is None:
            _log.warning("SIMULATOR_DATABASE_URL is not set: state is in memory only", action="simulator.memory")
        else:
            await self._journal.open()
        clusters = [await self._load(name) for name in CLUSTER_NAMES]
        try:
            async with asyncio.TaskGroup() as group:
                if self._journal is not None:
                    group.create_task(self._journal.run())
                if self._secured is not None:
                    group.create_task(self._secured.renew())
                for cluster in clusters:
                    cluster.start()
                    self._serve(cluster)
                    group.create_task(cluster.run())
                _log.info("Simulator ready", action="simulator.ready", objects=self._count())
        finally:
            if self._secured is not None:
                await self._secured.close()
            if self._journal is not None:
                await self._journal.close()
            if self._provider is not None:
                await self._provider.close()

    async def _load(self, name: str) -> VirtualCluster:
        clock = Clock(speed=self._settings.speed)
        if self._journal is None:
            # Versions start at the current time, above any that a client may know from an earlier process.
            store = Store(clock.now, version=int(datetime.now(UTC).timestamp() * 1000))
        else:
            store = Store(clock.now, self._journal.for_cluster(name))
            objects, version = await self._journal.load(name)
            store.load(objects, version)
        if self._settings.rbac:
            _add_builtin_roles(store)
        return VirtualCluster(name, store, clock, seed=self._settings.seed)

    def _serve(self, cluster: VirtualCluster) -> None:
        store = cluster.store
        self._backends[cluster.name] = ClusterBackend(
            cluster.name,
            store,
            cluster.clock.now,
            pod_metrics=cluster.metrics.pod_metrics,
            node_metrics=lambda: cluster.metrics.node_metrics(cluster.scheduler.node_infos()),
            ready_to_write=self._bounded(lambda journal, seconds: journal.ready(seconds)),
            committed=self._bounded(lambda journal, seconds: journal.committed(seconds)),
            stored=partial(self._stored, cluster.name),
            issue_token=partial(self._secured.tokens.issue, cluster.name) if self._secured is not None else None,
        )
        self._products[cluster.name] = ProductBackend(
            system=lambda: cluster_metrics.system_metrics(cluster),
            tenant=lambda tenant_id: cluster_metrics.tenant_metrics(cluster, tenant_id),
            tenants=lambda: cluster_metrics.tenants(cluster),
        )

    def _stores(self) -> dict[str, Store]:
        return {name: backend.store for name, backend in self._backends.items()}

    def _bounded(self, wait: Callable[[Journal, float], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """Wait for the journal, with a 503 after the write timeout; returns at once without a journal."""

        async def bounded() -> None:
            if self._journal is None:
                return
            try:
                await wait(self._journal, self._settings.write_timeout)
            except JournalAway as error:
                raise errors.unavailable(str(error)) from error

        return bounded

    async def _stored(self, cluster: str, resource: str, key: ObjectKey) -> None:
        await self._bounded(lambda journal, seconds: journal.stored((cluster, resource, *key), seconds))()

    def _dependencies(self) -> dict[str, bool]:
        states = {f"cluster {name}": name in self._backends for name in CLUSTER_NAMES}
        return states if self._journal is None else {**states, "database": self._journal.is_available}

    def _count(self) -> int:
        return sum(backend.store.count(r) for backend in self._backends.values() for r in backend.store.resources())


def _journal(settings: SimulatorSettings) -> Journal | None:
    """The journal, which connects with the URL of now: a password may be rotated in its file."""
    if settings.database_url is None:
        return None

    async def connect(_url: str, **options: Any) -> asyncpg.Connection[Any]:
        connection: asyncpg.Connection[Any] = await asyncpg.connect(latest(settings, "database_url"), **options)
        return connection

    return Journal(settings.database_url, connect=connect)


def _secured(settings: SimulatorSettings, stores: Callable[[], Mapping[str, Store]]) -> Secured | None:
    """What the port with TLS needs; None without one, which then costs no import either. Raises PermanentError."""
    if settings.https_port is None:
        return None
    from services.simulator.secure import Secured  # noqa: PLC0415 - 15 MB that a simulator without HTTPS does without

    return Secured(settings, settings.https_port, stores)


def _add_builtin_roles(store: Store) -> None:
    """Those of Kubernetes itself, unless they are there; a changed one stays changed."""
    for resource, obj in builtin_roles.objects():
        if store.get(resource, "", obj["metadata"]["name"]) is None:
            store.create(resource, obj)


def _verifiers(settings: SimulatorSettings, provider: OpenIdConnect | None) -> list[Verifier] | None:
    """Who proves the callers of the product's endpoints; None while authentication is off."""
    if not settings.authentication_on:
        return None
    return [] if provider is None else [provider.verifier]


async def serve(settings: SimulatorSettings) -> int:
    """Serve until a signal; the process's exit status."""
    simulator = Simulator(settings)
    limits = settings.limits(_KEPT_DESCRIPTORS)
    config = server_config(
        simulator.application,
        host=settings.host,
        port=settings.port,
        limits=limits,
        drain_seconds=settings.graceful_timeout,
        listeners=simulator.listeners,
    )
    return await serving.serve(config, simulator.run, limits=limits, end_streams=simulator.end_streams)
