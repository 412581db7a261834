"""The gateway's Prometheus metrics, under the guides' names and labels.

    ecp_tenant_requests_total{tenant_id,method,status}          status is success or error
    ecp_tenant_deployment_duration_seconds{tenant_id,preset}
    ecp_tenant_{cpu,memory,gpu}_usage{tenant_id}                percent, from the last sample of the last minute
    ecp_active_tenants_total

The guides' labels have no mode: where both modes have a tenant of one id, production's usage is shown. A tenant id is a
label only while there is such a tenant: clients can make up any number of others, and tenants come and go.
"""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.gateway.http.middleware import is_success
from shared.subjects import Mode

_SHOWN = ("cpu", "memory", "gpu")
_FRESH = 60.0
"""Seconds after which a value is no longer shown: a tenant without samples has no usage, rather than an old one."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (5, 10, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600)


class GatewayMetrics:
    """What the gateway counts, in its worker's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "ecp_tenant_requests",
            "Requests to the API by tenant, where there is one",
            ["tenant_id", "method", "status"],
            registry=registry,
        )
        self._durations = Histogram(
            "ecp_tenant_deployment_duration_seconds",
            "From the request of a deployment to its completion",
            ["tenant_id", "preset"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._active = Gauge("ecp_active_tenants_total", "Tenants that run, in both modes", registry=registry)
        self._active_by_mode: dict[Mode, int] = {}
        self.outbox_events = Gauge("ecp_outbox_events", "Events that wait in the outbox", ["mode"], registry=registry)
        self.outbox_age = Gauge(
            "ecp_outbox_oldest_seconds",
            "How long the oldest event has waited in the outbox",
            ["mode"],
            registry=registry,
        )
        self.sockets = Gauge("ecp_sockets", "Open WebSockets", ["kind"], registry=registry)
        self.missed = Counter("ecp_socket_missed", "Messages that were not sent to slow sockets", registry=registry)
        self.tenants: set[str] = set()
        """The ids that are a label of something."""
        self.usage = UsageCollector()
        registry.register(self.usage)

    def count_request(self, tenant_id: str | None, method: str, status: int) -> None:
        # A method is whatever a client sends: others than HTTP's own share one label.
        known = method if method in _METHODS else "OTHER"
        self._requests.labels(tenant_id or "", known, "success" if is_success(status) else "error").inc()
        if tenant_id:
            self.tenants.add(tenant_id)

    def show_usage(self, mode: Mode, tenant_id: str, values: dict[str, float], measured: datetime) -> None:
        """A sample's values; anybody may have said it, of a tenant that isn't there."""
        self.usage.update(mode, tenant_id, values, measured)
        self.tenants.add(tenant_id)

    def forget(self, tenant_ids: Iterable[str]) -> None:
        """Show these tenants no longer."""
        for tenant_id in tenant_ids:
            self._requests.remove_by_labels({"tenant_id": tenant_id})
            self._durations.remove_by_labels({"tenant_id": tenant_id})
            self.usage.forget(tenant_id)
            self.tenants.discard(tenant_id)

    def observe_deployment(self, tenant_id: str, preset: str, seconds: float) -> None:
        self.tenants.add(tenant_id)
        self._durations.labels(tenant_id, preset).observe(seconds)

    def set_active(self, mode: Mode, count: int) -> None:
        self._active_by_mode[mode] = count
        self._active.set(sum(self._active_by_mode.values()))


class UsageCollector(Collector):
    """The last values of each tenant. Made at the scrape, so that what is old vanishes."""

    def __init__(self) -> None:
        self._values: dict[tuple[Mode, str], tuple[float, dict[str, float]]] = {}

    def update(self, mode: Mode, tenant_id: str, values: dict[str, float], measured: datetime) -> None:
        """Remember a sample's values, beside those that it doesn't have; history that is sent later isn't usage."""
        if (datetime.now(UTC) - measured).total_seconds() > _FRESH:
            return
        shown = {name: values[name] for name in _SHOWN if name in values}
        if shown:
            _, known = self._values.get((mode, tenant_id), (0.0, {}))
            self._values[mode, tenant_id] = (time.monotonic(), known | shown)

    def forget(self, tenant_id: str) -> None:
        """Remember nothing of a tenant, in either mode."""
        for mode in Mode:
            self._values.pop((mode, tenant_id), None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        oldest = time.monotonic() - _FRESH
        self._values = {key: kept for key, kept in self._values.items() if kept[0] >= oldest}
        by_tenant: dict[str, dict[str, float]] = {}
        for mode in (Mode.DEMO, Mode.PRODUCTION):
            by_tenant |= {tenant: values for (its, tenant), (_, values) in self._values.items() if its is mode}
        for name in _SHOWN:
            family = GaugeMetricFamily(
                f"ecp_tenant_{name}_usage", f"Tenant {name} usage percentage", labels=["tenant_id"]
            )
            for tenant, values in sorted(by_tenant.items()):
                if name in values:
                    family.add_metric([tenant], values[name])
            yield family
