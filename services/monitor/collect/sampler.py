"""Samples one cluster every 5 s, while this process holds the cluster's lease.

A sample belongs to a slice of wall time, and so does its event id: a replica that samples the same slice publishes
duplicates. If the cluster or the bus is unavailable, a slice has no sample: it counts as unknown, neither up nor down.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol

import structlog

from services.monitor.clock import Now, utc_now
from services.monitor.collect.readings import (
    ClusterObjects,
    TenantReading,
    by_tenant,
    log_unreadable,
    needs_found,
    read_tenants,
)
from services.monitor.collect.slice_events import slice_events
from services.monitor.metric_names import AVAILABLE, KUBERNETES
from services.monitor.outage_log import OutageLog
from services.monitor.publisher import PublishSamples
from shared.errors import DependencyUnavailable, TemporaryError
from shared.events import TenantSample
from shared.sla import SLICE_SECONDS, Observer, Promise, ServiceState, lower_of, slice_of, slice_start

STANDBY_SECONDS = 1.0
"""Between two attempts to take a lease that another replica holds."""

_log = structlog.get_logger(__name__)


class ObservedCluster(Protocol):
    """A cluster, as far as the sampler needs it."""

    @property
    def name(self) -> str:
        """Its name in log lines."""

    async def read(self) -> ClusterObjects:
        """List the tenants' objects. Raises DependencyUnavailable."""

    async def close(self) -> None:
        """Close the connection."""


class SamplerLease(Protocol):
    """A lease, as far as the sampler needs it."""

    @property
    def is_held(self) -> bool:
        """Whether no other process can hold it now."""

    async def hold(self) -> bool:
        """Take or renew it; False while another process holds it. Raises DependencyUnavailable."""

    async def release(self) -> None:
        """Give it up."""


Expected = Callable[[], Awaitable[Collection[str]]]
"""The ids of the tenants that should be running. Raises TemporaryError."""
Deployed = Callable[[], Awaitable[Mapping[str, Promise]]]
"""What was deployed for each tenant. Raises DependencyUnavailable."""


async def none_expected() -> Collection[str]:
    """No tenant is expected to run."""
    return ()


async def none_deployed() -> Mapping[str, Promise]:
    """The deployer deployed no tenant."""
    return {}


class Sampler:
    """Publishes `metrics.sampled` for the tenants of one cluster."""

    def __init__(
        self,
        cluster: ObservedCluster,
        lease: SamplerLease,
        publish: PublishSamples,
        now: Now = utc_now,
        *,
        deployed: Deployed = none_deployed,
        expected: Expected = none_expected,
    ) -> None:
        self._cluster = cluster
        self._lease = lease
        self._publish = publish
        self._now = now
        self._deployed = deployed
        self._expected = expected
        self._observers: dict[str, Observer] = {}
        """By id, of tenants that the deployer didn't deploy."""
        self._promises: Mapping[str, Promise] | None = None
        """What was deployed at the previous sample."""
        self._last_slice = 0
        self.latest: Mapping[str, TenantReading] = {}
        """The readings of the latest sample, by tenant."""
        self._cluster_outage = OutageLog()
        self._metrics_outage = OutageLog()
        self._bus_outage = OutageLog()
        self.changed = asyncio.Event()
        """Set when the state of a tenant or of one of its services differs from the previous sample."""

    def leads(self) -> bool:
        """Whether this process samples the cluster."""
        return self._lease.is_held

    def services_of(self, tenant_id: str) -> Mapping[str, ServiceState]:
        """The states of a tenant's services in the latest sample, by name; empty if it isn't in it."""
        reading = self.latest.get(tenant_id)
        return reading.services if reading else {}

    async def run(self) -> None:
        """Sample until cancelled; then release the lease, so that another replica takes over at once."""
        try:
            while True:
                pause = await self._step()
                await asyncio.sleep(pause)
        finally:
            await self._lease.release()
            await self._cluster.close()

    async def _step(self) -> float:
        """Sample if this process leads. Returns the seconds until the next step."""
        try:
            led = self.leads()
            if not await self._lease.hold():
                await self._cluster.close()
                return STANDBY_SECONDS
            if not led:
                _log.info(f"This replica now samples {self._cluster.name}.", action="lead")
            await self.sample()
            self._bus_outage.ends("NATS is available again; sampling continues.")
        except DependencyUnavailable as error:
            self._bus_outage.begins(f"Sampling is interrupted: {error.message}")
            return STANDBY_SECONDS
        now = self._now().timestamp()
        return SLICE_SECONDS - now % SLICE_SECONDS

    async def sample(self) -> None:
        """Read the cluster and publish this slice's values, once a slice. Raises DependencyUnavailable for NATS."""
        number = slice_of(self._now())
        if number == self._last_slice:
            return
        if self._promises is None:
            self._promises = await self._deployed()
        state = await self._read()
        if state is None:
            return
        time = slice_start(number)
        before, self._promises = self._promises, await self._deployed()
        promises = unchanged(before, self._promises)
        promises = self._observed(state, promises, time) | promises
        readings = read_tenants(state, promises, expected=await self._expected_tenants())
        samples = [_sample(tenant_id, each) for tenant_id, each in readings.items() if each.values]
        await asyncio.gather(*map(self._publish, slice_events(time, KUBERNETES, samples)))
        self._last_slice = number
        self._notice_changes(readings)

    def _observed(self, state: ClusterObjects, known: Mapping[str, Promise], time: datetime) -> dict[str, Promise]:
        """The promises of tenants that the deployer didn't deploy, as far as the cluster shows them."""
        others = {tenant_id: each for tenant_id, each in by_tenant(state).items() if tenant_id not in known}
        self._observers = {tenant_id: self._observers.get(tenant_id) or Observer() for tenant_id in others}
        promises = {}
        for tenant_id, found in others.items():
            try:
                needs = needs_found(found)
                promises[tenant_id] = self._observers[tenant_id].note(needs, found.workloads, found.pods, time)
            except Exception:
                log_unreadable(tenant_id)
        return promises

    async def _expected_tenants(self) -> Collection[str]:
        """None while the database is unavailable: a missing tenant is then unknown, like all that can't be stored."""
        try:
            return await self._expected()
        except TemporaryError:
            return ()

    async def _read(self) -> ClusterObjects | None:
        try:
            state = await self._cluster.read()
        except DependencyUnavailable as error:
            self._cluster_outage.begins(f"No samples while the cluster is unavailable: {error.message}")
            return None
        self._cluster_outage.ends(f"{self._cluster.name} is available again.")
        if state.usage is None:
            self._metrics_outage.begins(f"{self._cluster.name} serves no pod metrics: cpu, memory and gpu are unknown.")
        else:
            self._metrics_outage.ends(f"{self._cluster.name} serves pod metrics again.")
        return state

    def _notice_changes(self, readings: Mapping[str, TenantReading]) -> None:
        before, self.latest = self.latest, readings
        if _states(before) != _states(readings):
            self.changed.set()


def _sample(tenant_id: str, reading: TenantReading) -> TenantSample:
    return TenantSample(tenant_id=tenant_id, values=reading.values, services=reading.known)


def unchanged(before: Mapping[str, Promise], after: Mapping[str, Promise]) -> dict[str, Promise]:
    """The promises that held at the previous sample and hold now.

    A change in between doesn't count yet: the cluster's watch may still be behind the deployer's.
    """
    return {
        tenant_id: lower_of(before[tenant_id], each) if tenant_id in before else each
        for tenant_id, each in after.items()
    }


def _states(readings: Mapping[str, TenantReading]) -> dict[str, object]:
    return {tenant_id: (each.values.get(AVAILABLE), each.services) for tenant_id, each in readings.items()}
