"""Prometheus metrics of the simulator: API requests, open watches, objects, and the journal's backlog."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.simulator.api.cluster_backend import ClusterBackend


class Telemetry:
    """The metrics of one running simulator, in a registry of their own."""

    def __init__(self, clusters: Mapping[str, ClusterBackend], backlog: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Objects(clusters, backlog))
        ProcessCollector(registry=self._registry)
        self.requests = Counter(
            "simulator_api_requests_total",
            "Requests of the Kubernetes API",
            ("cluster", "verb", "resource", "code"),
            registry=self._registry,
        )
        self.seconds = Histogram(
            "simulator_api_request_seconds",
            "Duration of requests other than streams, in seconds",
            ("verb",),
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=self._registry,
        )
        self.streams = Gauge("simulator_api_open_streams", "Open watches and followed logs", registry=self._registry)

    def exposition(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)


class _Objects(Collector):
    """Counts that are computed at each scrape, so that writes don't have to maintain them."""

    def __init__(self, clusters: Mapping[str, ClusterBackend], backlog: Callable[[], int]) -> None:
        self._clusters, self._backlog = clusters, backlog

    def collect(self) -> Iterable[GaugeMetricFamily]:
        objects = GaugeMetricFamily("simulator_objects", "Objects in a cluster", labels=("cluster", "resource"))
        for name, cluster in self._clusters.items():
            for resource in cluster.store.resources():
                objects.add_metric((name, resource), cluster.store.count(resource))
        yield objects
        backlog = GaugeMetricFamily("simulator_journal_backlog", "Changes that are not durable yet")
        backlog.add_metric((), self._backlog())
        yield backlog
