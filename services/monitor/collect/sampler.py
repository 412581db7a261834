"""Samples one cluster on the grid of 5 s, as long as this process holds the cluster's lease.

A sample belongs to a slice of wall time, and so does its event's id: whoever samples a slice again, this process
or another monitor, says nothing new. A slice in which the cluster, or the bus, doesn't answer stays without a sample.
It is unknown then, which is not the same as up or down.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Protocol

import structlog

from services.monitor.collect.readings import (
    AVAILABLE,
    SOURCE,
    ClusterState,
    Reading,
    by_tenant,
    needs_found,
    note_unreadable,
    read_tenants,
)
from services.monitor.outage_log import Outage
from shared.bus import derived_id
from shared.errors import DependencyUnavailable, TemporaryError
from shared.events import Event, MetricsCollected
from shared.sla import SLICE_SECONDS, Observer, Promise, lower_of, slice_of, slice_start
from shared.subjects import Mode

STANDBY_SECONDS = 1.0
"""Between two looks at a lease that another monitor holds."""

Publish = Callable[..., Awaitable[None]]
"""`EventPublisher.publish`."""

_log = structlog.get_logger(__name__)


class Cluster(Protocol):
    """What the sampler needs of a cluster."""

    @property
    def name(self) -> str:
        """For sentences in the log."""

    async def read(self) -> ClusterState:
        """Raises DependencyUnavailable."""

    async def close(self) -> None:
        """Leave it."""


class Leadership(Protocol):
    """What the sampler needs of a lease."""

    @property
    def is_held(self) -> bool:
        """Whether nobody else can hold it at this moment."""

    async def hold(self) -> bool:
        """Take or keep it; False while another one has it. Raises DependencyUnavailable."""

    async def release(self) -> None:
        """Give it up."""


Expected = Callable[[], Awaitable[Collection[str]]]
"""The tenants that should be found running. Raises TemporaryError."""


Deployed = Callable[[], Awaitable[Mapping[str, Promise]]]
"""What was deployed of each tenant. Raises DependencyUnavailable."""


async def nobody() -> Collection[str]:
    """Nobody is expected."""
    return ()


async def nothing() -> Mapping[str, Promise]:
    """Nothing was deployed by us."""
    return {}


def utc_now() -> datetime:
    return datetime.now(UTC)


def sample_id(mode: Mode, tenant_id: str, time: datetime) -> str:
    """The id of what is sampled of a tenant at `time` (UTC)."""
    return derived_id(mode, MetricsCollected.subject, SOURCE, tenant_id, time.isoformat())


class Sampler:
    """Publishes `metrics.collected` for each tenant of one cluster."""

    def __init__(
        self,
        mode: Mode,
        cluster: Cluster,
        lease: Leadership,
        publish: Publish,
        now: Callable[[], datetime] = utc_now,
        *,
        deployed: Deployed = nothing,
        expected: Expected = nobody,
    ) -> None:
        self._mode = mode
        self._cluster = cluster
        self._lease = lease
        self._publish = publish
        self._now = now
        self._deployed = deployed
        self._expected = expected
        self._observers: dict[str, Observer] = {}
        """Of tenants that aren't deployed by us, by id."""
        self._last_slice = 0
        self.latest: Mapping[str, Reading] = {}
        """What was read last, by tenant."""
        self._cluster_outage = Outage(mode=mode)
        self._metrics_outage = Outage(mode=mode)
        self._bus_outage = Outage(mode=mode)
        self.changed = asyncio.Event()
        """Set when a tenant or one of its services isn't as it was at the sample before."""

    def leads(self) -> bool:
        """Whether it is this process that samples the cluster."""
        return self._lease.is_held

    async def run(self) -> None:
        """Sample until cancelled; then let another monitor take over at once."""
        try:
            while True:
                pause = await self._step()
                await asyncio.sleep(pause)
        finally:
            await self._lease.release()
            await self._cluster.close()

    async def _step(self) -> float:
        """Sample if there is something to sample. The seconds until the next step."""
        try:
            led = self.leads()
            if not await self._lease.hold():
                return STANDBY_SECONDS
            if not led:
                _log.info(f"This monitor samples {self._cluster.name} now.", action="lead", mode=self._mode)
            await self.sample()
            self._bus_outage.ends("The bus answers again; samples go on.")
        except DependencyUnavailable as error:
            self._bus_outage.begins(f"Nothing is sampled: {error.message}")
            return STANDBY_SECONDS
        now = self._now().timestamp()
        return SLICE_SECONDS - now % SLICE_SECONDS

    async def sample(self) -> None:
        """Read the cluster and publish this slice's values, once. Raises DependencyUnavailable of the bus."""
        number = slice_of(self._now())
        if number == self._last_slice:
            return
        before = await self._deployed()
        state = await self._read()
        if state is None:
            return
        time = slice_start(number)
        promises = unchanged(before, await self._deployed())
        promises = self._observed(state, promises, time) | promises
        readings = read_tenants(state, promises, expected=await self._who_is_expected())
        await asyncio.gather(*(self._say(tenant_id, time, each) for tenant_id, each in readings.items() if each.values))
        self._last_slice = number
        self._notice_changes(readings)

    def _observed(self, state: ClusterState, known: Mapping[str, Promise], time: datetime) -> dict[str, Promise]:
        """What tenants promise that aren't deployed by us, as far as the cluster shows it."""
        others = {tenant_id: each for tenant_id, each in by_tenant(state).items() if tenant_id not in known}
        self._observers = {tenant_id: self._observers.get(tenant_id) or Observer() for tenant_id in others}
        promises = {}
        for tenant_id, found in others.items():
            try:
                needs = needs_found(found)
                promises[tenant_id] = self._observers[tenant_id].note(needs, found.workloads, found.pods, time)
            except Exception:
                note_unreadable(tenant_id)
        return promises

    async def _who_is_expected(self) -> Collection[str]:
        """While the database is away nobody: a tenant that is gone is then unknown, as all that can't be stored."""
        try:
            return await self._expected()
        except TemporaryError:
            return ()

    async def _read(self) -> ClusterState | None:
        try:
            state = await self._cluster.read()
        except DependencyUnavailable as error:
            self._cluster_outage.begins(f"No samples until it answers: {error.message}")
            return None
        self._cluster_outage.ends(f"{self._cluster.name} answers again.")
        if state.usage is None:
            self._metrics_outage.begins(f"{self._cluster.name} has no pod metrics: cpu, memory and gpu stay unknown.")
        else:
            self._metrics_outage.ends(f"{self._cluster.name} has pod metrics again.")
        return state

    async def _say(self, tenant_id: str, time: datetime, reading: Reading) -> None:
        event_id = sample_id(self._mode, tenant_id, time)
        event: Event = MetricsCollected(
            tenant_id=tenant_id, time=time, values=reading.values, source=SOURCE, services=reading.known
        )
        await self._publish(event, mode=self._mode, event_id=event_id, correlation_id=event_id, time=time)

    def _notice_changes(self, readings: Mapping[str, Reading]) -> None:
        before, self.latest = self.latest, readings
        if _states(before) != _states(readings):
            self.changed.set()


def unchanged(before: Mapping[str, Promise], after: Mapping[str, Promise]) -> dict[str, Promise]:
    """What was promised both before and after the cluster was read: what changed meanwhile doesn't count yet."""
    return {
        tenant_id: lower_of(before[tenant_id], each) if tenant_id in before else each
        for tenant_id, each in after.items()
    }


def _states(readings: Mapping[str, Reading]) -> dict[str, object]:
    return {tenant_id: (each.values.get(AVAILABLE), each.services) for tenant_id, each in readings.items()}
