"""Samples this process's share of a cluster's tenants every 5 s.

The copies of the monitor divide the tenants among themselves (`shared.bus.shares`). A sample belongs to a slice of wall
time, and the tenants of a shard share an event, whose id follows from its slice and tenants: a copy that samples the
same shard in the same slice publishes duplicates. If the cluster or the bus is unavailable, a slice has no sample: it
counts as unknown, neither up nor down.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Protocol

from services.monitor.clock import Now, utc_now
from services.monitor.collect.readings import (
    ClusterObjects,
    Readings,
    TenantReading,
    by_tenant,
    log_unreadable,
    needs_found,
)
from services.monitor.collect.slice_events import slice_events
from services.monitor.metric_names import AVAILABLE, KUBERNETES
from services.monitor.outage_log import OutageLog
from services.monitor.publisher import PublishSamples
from shared.bus.shares import shard_of
from shared.errors import DependencyUnavailable, TemporaryError
from shared.events import MetricsSampled, TenantSample
from shared.sla import SLICE_SECONDS, Observer, Promise, ServiceState, lower_of, slice_of, slice_start

STANDBY_SECONDS = 1.0
"""Between two attempts to get a share while there are more copies than shards."""


class ObservedCluster(Protocol):
    """A cluster, as far as the sampler needs it."""

    @property
    def name(self) -> str:
        """Its name in log lines."""

    async def read(self) -> ClusterObjects:
        """List the tenants' objects. Raises DependencyUnavailable."""

    async def close(self) -> None:
        """Close the connection."""


class SamplerShare(Protocol):
    """A share of the tenants, as far as the sampler needs it."""

    @property
    def shards(self) -> Collection[int]:
        """The shards whose tenants this process samples."""

    def includes(self, name: str) -> bool:
        """Whether a tenant is in one of them."""

    async def renew(self) -> bool:
        """Keep this process's share; False without one. Raises DependencyUnavailable."""

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
    """Publishes `metrics.sampled` for this process's share of one cluster's tenants."""

    def __init__(
        self,
        cluster: ObservedCluster,
        share: SamplerShare,
        publish: PublishSamples,
        now: Now = utc_now,
        *,
        deployed: Deployed = none_deployed,
        expected: Expected = none_expected,
    ) -> None:
        self._cluster = cluster
        self._share = share
        self._publish = publish
        self._now = now
        self._deployed = deployed
        self._expected = expected
        self._readings = Readings()
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

    def samples(self, tenant_id: str) -> bool:
        """Whether this process samples a tenant."""
        return self._share.includes(tenant_id)

    def leads(self) -> bool:
        """Whether this process does what isn't divided: the copy with the first shard."""
        return 0 in self._share.shards

    def services_of(self, tenant_id: str) -> Mapping[str, ServiceState]:
        """The states of a tenant's services in the latest sample, by name; empty if it isn't in it."""
        reading = self.latest.get(tenant_id)
        return reading.services if reading else {}

    async def run(self) -> None:
        """Sample until cancelled; then release the share, so that others have it at the next slice."""
        try:
            while True:
                pause = await self._step()
                await asyncio.sleep(pause)
        finally:
            await self._share.release()
            await self._cluster.close()

    async def _step(self) -> float:
        """Sample if this process has a share. Returns the seconds until the next step."""
        try:
            if not await self._share.renew():
                await self._cluster.close()
                return STANDBY_SECONDS
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
        expected = await self._expected_tenants()
        readings = self._readings.read(state, promises, expected=expected, includes=self.samples)
        await asyncio.gather(*map(self._publish, _events(time, readings)))
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


def _events(time: datetime, readings: Mapping[str, TenantReading]) -> Iterator[MetricsSampled]:
    """The events of each shard."""
    shards: dict[int, list[TenantSample]] = defaultdict(list)
    for tenant_id, each in readings.items():
        if each.values:
            sample = TenantSample(tenant_id=tenant_id, values=each.values, services=each.known)
            shards[shard_of(tenant_id)].append(sample)
    for samples in shards.values():
        yield from slice_events(time, KUBERNETES, samples)


def unchanged(before: Mapping[str, Promise], after: Mapping[str, Promise]) -> dict[str, Promise]:
    """The promises that held at the previous sample and hold now.

    A change in between doesn't count yet: the cluster's watch may still be behind the deployer's.
    """
    return {
        tenant_id: each if (earlier := before.get(tenant_id, each)) is each else lower_of(earlier, each)
        for tenant_id, each in after.items()
    }


def _states(readings: Mapping[str, TenantReading]) -> dict[str, object]:
    return {tenant_id: (each.values.get(AVAILABLE), each.services) for tenant_id, each in readings.items()}
