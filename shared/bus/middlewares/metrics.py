"""Counters of the failure policy. Handling times and totals are FastStream's `ecp_bus_*` metrics."""

from prometheus_client import CollectorRegistry, Counter


class BusMetrics:
    """Counters by consumer. The number of consumers is fixed, and so is the cardinality."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.retries = Counter("ecp_bus_retries", "Attempts that are retried", ["consumer"], registry=registry)
        self.held = Counter(
            "ecp_bus_held",
            "Attempts that ended because a dependency is unavailable",
            ["consumer", "dependency"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "ecp_bus_dead_letters", "Events that became dead letters", ["consumer", "code"], registry=registry
        )
        self.expired = Counter(
            "ecp_rpc_expired", "Requests dropped because their sender had stopped waiting", registry=registry
        )
