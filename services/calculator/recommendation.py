"""New requests from observed use, beside today's.

    CPU request      p95 of what a replica used, and no limit: a limit throttles bursts that the node has room for
    memory           the most that a replica used + 15 %, as request and limit: memory can't be taken back
    after an OOM     at least 1.2 times the limit that it was killed at, or 100 MiB more, whichever is larger

The rules are KRR's simple strategy (Robusta) with the OOM bump of Kubernetes' Vertical Pod Autoscaler, and so are the
floors of 10 millicores and 100 MiB. Replicas stay: they follow from the load, not from what one replica uses.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil

from services.calculator.cost import whole, written
from shared.catalog import Catalog
from shared.errors import Refused
from shared.rpc import Recommendation, RequestsAndCost, ServiceRecommendation, Usage
from shared.sizing import ServiceSizing, Sizing

_PERCENTILE = 95
_MARGIN = Fraction(115, 100)
_OOM_FACTOR = Fraction(12, 10)
_OOM_MIB = 100
_LEAST_CPU_M = 10
_LEAST_MEMORY_MIB = 100
_FEW_SAMPLES = 20
"""Below, the 95th percentile is the largest sample."""


def recommend(sizing: Sizing, usage: Mapping[str, Usage], catalog: Catalog) -> Recommendation:
    """What each service that was observed should request. Raises Refused for services that the tenant doesn't have."""
    known = {each.service: each for each in sizing.services}
    if unknown := sorted(usage.keys() - known.keys()):
        message = f"{', '.join(unknown)}: not of this tenant, which has {', '.join(known)}"
        raise Refused(message, details={"errors": [{"field": "usage", "message": message}]})
    if not usage:
        message = "there is nothing to go by: give samples of at least one service"
        raise Refused(message, details={"errors": [{"field": "usage", "message": message}]})
    found = {name: _service(known[name], each) for name, each in usage.items()}
    resized = [_resized(each, found.get(each.service)) for each in sizing.services]
    return Recommendation(
        services=tuple(found[name] for name in known if name in found),
        today=_sum(sizing.services, sizing.services, sizing, catalog),
        recommended=_sum(resized, sizing.services, sizing, catalog),
        warnings=tuple(_warnings(usage)),
    )


def percentile(samples: Sequence[float], percent: int) -> float:
    """The smallest sample that at least so many percent of them don't exceed (nearest rank)."""
    return sorted(samples)[max(0, -(-len(samples) * percent // 100) - 1)]


def _service(today: ServiceSizing, usage: Usage) -> ServiceRecommendation:
    cpu_m, cpu_reason = today.cpu_request_m, "no samples: as today"
    if usage.cpu_m:
        used = percentile(usage.cpu_m, _PERCENTILE)
        cpu_m, cpu_reason = max(_LEAST_CPU_M, ceil(used)), f"p95 of {len(usage.cpu_m)} samples is {used:.4g} m"
    memory, memory_reason = _memory(today, usage)
    return ServiceRecommendation(
        service=today.service,
        replicas=today.replicas,
        cpu_request_m_today=today.cpu_request_m,
        cpu_request_m=cpu_m,
        cpu_limit_m_today=today.cpu_limit_m,
        cpu_limit_m=None,
        cpu_reason=cpu_reason,
        memory_request_mib_today=today.memory_request_mib,
        memory_request_mib=memory,
        memory_limit_mib_today=today.memory_limit_mib,
        memory_limit_mib=memory,
        memory_reason=memory_reason,
    )


def _memory(today: ServiceSizing, usage: Usage) -> tuple[int, str]:
    """MiB, and why."""
    memory, reason = 0, ""
    if usage.memory_mib:
        most = max(usage.memory_mib)
        memory = max(_LEAST_MEMORY_MIB, ceil(Fraction(most) * _MARGIN))
        reason = f"the most of {len(usage.memory_mib)} samples is {most:.4g} MiB, 15 % on top"
    if usage.ooms:
        killed_at = today.memory_limit_mib
        raised = max(ceil(killed_at * _OOM_FACTOR), killed_at + _OOM_MIB)
        if raised >= memory:
            return raised, f"killed {usage.ooms} times for want of memory at {killed_at} MiB: 1.2 times that"
    return (memory, reason) if memory else (today.memory_limit_mib, "no samples: as today's limit")


def _resized(today: ServiceSizing, found: ServiceRecommendation | None) -> ServiceSizing:
    if found is None:
        return today
    return today.model_copy(
        update={"cpu_request_m": found.cpu_request_m, "memory_request_mib": found.memory_request_mib}
    )


def _sum(
    services: Sequence[ServiceSizing], today: Sequence[ServiceSizing], sizing: Sizing, catalog: Catalog
) -> RequestsAndCost:
    """What all replicas request. A GPU's price has its host's cores in it, so those cost nothing more or less."""
    usd = Fraction(sizing.monthly_cost_usd) + _usd(services, catalog) - _usd(today, catalog)
    memory_mib = sum(each.replicas * each.memory_request_mib for each in services)
    return RequestsAndCost(
        cpu=f"{sum(each.replicas * each.cpu_request_m for each in services)}m",
        memory=f"{-(-memory_mib // 1024)}Gi",
        cost=written(usd),
        monthly_cost_usd=float(whole(usd)),
    )


def _usd(services: Sequence[ServiceSizing], catalog: Catalog) -> Fraction:
    prices, on_cores = catalog.prices, [each for each in services if not each.gpu]
    cores = Fraction(sum(each.replicas * each.cpu_request_m for each in on_cores), 1000)
    memory_gib = Fraction(sum(each.replicas * each.memory_request_mib for each in on_cores), 1024)
    return (cores * prices.core_hour.value + memory_gib * prices.memory_gib_hour.value) * prices.hours_a_month


def _warnings(usage: Mapping[str, Usage]) -> list[str]:
    few = [name for name, each in usage.items() if 0 < len(each.cpu_m) < _FEW_SAMPLES]
    return [f"{name}: fewer than {_FEW_SAMPLES} samples of its CPU, so p95 is the largest of them." for name in few]
