"""What the failure policy counts. Handling times and totals are FastStream's own `ecp_bus_*` metrics."""

from prometheus_client import CollectorRegistry, Counter


class BusMetrics:
    """Counters by consumer; the number of consumers is fixed, so is the cardinality."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.retries = Counter("ecp_bus_retries", "Events put off for another try", ["consumer"], registry=registry)
        self.held = Counter(
            "ecp_bus_held",
            "Tries of an event that waits",
            ["consumer", "dependency"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "ecp_bus_dead_letters", "Events that could not be handled", ["consumer", "code"], registry=registry
        )
        self.expired = Counter(
            "ecp_rpc_expired", "Requests dropped because their sender had stopped waiting", registry=registry
        )
