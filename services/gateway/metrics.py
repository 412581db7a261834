"""The gateway's Prometheus metrics, with the documented names and labels.

    ecp_tenant_requests_total{tenant_id,method,status}          status is success or error
    ecp_tenant_deployment_duration_seconds{tenant_id,preset}
    ecp_tenant_{cpu,memory,gpu}_usage{tenant_id}                percent, from the last sample of the last minute
    ecp_active_tenants_total

Ours, besides: `ecp_tenant_up{tenant_id,mode}` (1, or 0 while one of its services is down),
`ecp_refused_credentials_total{reason}` and those of outbox and sockets.

The documented labels have no mode: if both modes have a tenant with the same id, production's usage is shown. A tenant
id is a label only while the tenant exists, because clients can send any number of invented ids.
"""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from shared.subjects import Mode

_SHOWN = ("cpu", "memory", "gpu")
_UP = "available"
"""The monitor's name of what `ecp_tenant_up` shows."""
_FRESH = 60.0
"""Seconds after which a value expires: a tenant without samples has no usage, instead of an old one."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (5, 10, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600)


class GatewayMetrics:
    """All metrics of this process, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "ecp_tenant_requests",
            "Requests to the API, by tenant if it concerns one",
            ["tenant_id", "method", "status"],
            registry=registry,
        )
        self._durations = Histogram(
            "ecp_tenant_deployment_duration_seconds",
            "Seconds from the request of a deployment to its completion",
            ["tenant_id", "preset"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._refused_credentials = Counter(
            "ecp_refused_credentials",
            "Calls that were refused by authentication, by what was wrong with the credential",
            ["reason"],
            registry=registry,
        )
        self._active = Gauge("ecp_active_tenants_total", "Running tenants of both modes", registry=registry)
        self._active_by_mode: dict[Mode, int] = {}
        self.outbox_events = Gauge(
            "ecp_outbox_events", "Events in the outbox that are not published yet", ["mode"], registry=registry
        )
        self.outbox_age = Gauge(
            "ecp_outbox_oldest_seconds",
            "Age of the oldest event in the outbox",
            ["mode"],
            registry=registry,
        )
        self.sockets = Gauge("ecp_sockets", "Open WebSockets", ["kind"], registry=registry)
        self.missed = Counter("ecp_socket_missed", "Messages that were dropped for slow sockets", registry=registry)
        self.refused = Counter(
            "ecp_calls_refused",
            "Calls that a limit refused: a rate (identity, address, failures) or overload (overloaded)",
            ["reason"],
            registry=registry,
        )
        self.in_work = Gauge("ecp_calls_in_work", "Calls that are in work", ["mode", "kind"], registry=registry)
        self.waiting = Gauge("ecp_calls_waiting", "Calls that wait for a slot", ["mode", "kind"], registry=registry)
        self.tenants: set[str] = set()
        """The ids that are labels at present."""
        self.usage = UsageCollector()
        registry.register(self.usage)

    def count_request(self, tenant_id: str | None, method: str, status: int) -> None:
        """Count a request that was answered with an HTTP status."""
        # A client may send any method: unknown ones share one label.
        known = method if method in _METHODS else "OTHER"
        self._requests.labels(tenant_id or "", known, "success" if status < HTTPStatus.BAD_REQUEST else "error").inc()
        if tenant_id:
            self.tenants.add(tenant_id)

    def count_refused_credential(self, reason: str) -> None:
        """Count a call that authentication refused; `reason` is one of our message ids."""
        self._refused_credentials.labels(reason).inc()

    def count_refusal(self, reason: str) -> None:
        """Count a call that a limit refused."""
        self.refused.labels(reason).inc()

    def show_usage(self, mode: Mode, tenant_id: str, values: dict[str, float], measured: datetime) -> None:
        """Show the values of a sample. Its tenant may not exist: `forget` removes it later."""
        self.usage.update(mode, tenant_id, values, measured)
        self.tenants.add(tenant_id)

    def forget(self, tenant_ids: Iterable[str]) -> None:
        """Drop the series of these tenants."""
        for tenant_id in tenant_ids:
            self._requests.remove_by_labels({"tenant_id": tenant_id})
            self._durations.remove_by_labels({"tenant_id": tenant_id})
            self.usage.forget(tenant_id)
            self.tenants.discard(tenant_id)

    def observe_deployment(self, tenant_id: str, preset: str, seconds: float) -> None:
        """Record the duration of a completed deployment."""
        self.tenants.add(tenant_id)
        self._durations.labels(tenant_id, preset).observe(seconds)

    def set_active(self, mode: Mode, count: int) -> None:
        """Set the number of running tenants of one mode; the metric is the sum of both."""
        self._active_by_mode[mode] = count
        self._active.set(sum(self._active_by_mode.values()))


class UsageCollector(Collector):
    """The last values of each tenant, collected at the scrape, so that expired ones vanish."""

    def __init__(self) -> None:
        self._values: dict[tuple[Mode, str], tuple[float, dict[str, float]]] = {}

    def update(self, mode: Mode, tenant_id: str, values: dict[str, float], measured: datetime) -> None:
        """Store the values of a sample beside other ones of the tenant. A sample from the past is ignored."""
        if (datetime.now(UTC) - measured).total_seconds() > _FRESH:
            return
        shown = {name: values[name] for name in (*_SHOWN, _UP) if name in values}
        if shown:
            _, known = self._values.get((mode, tenant_id), (0.0, {}))
            self._values[mode, tenant_id] = (time.monotonic(), known | shown)

    def forget(self, tenant_id: str) -> None:
        """Delete the values of a tenant in both modes."""
        for mode in Mode:
            self._values.pop((mode, tenant_id), None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges of a scrape."""
        oldest = time.monotonic() - _FRESH
        self._values = {key: kept for key, kept in self._values.items() if kept[0] >= oldest}
        yield self._up()
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

    def _up(self) -> GaugeMetricFamily:
        """Of both modes, because an alert on it must name its mode."""
        family = GaugeMetricFamily(
            "ecp_tenant_up",
            "1 while all services of a tenant are up, 0 while one is down",
            labels=["tenant_id", "mode"],
        )
        for (mode, tenant), (_, values) in sorted(self._values.items()):
            if _UP in values:
                family.add_metric([tenant, mode.value], values[_UP])
        return family
