"""Right-sizing: requests and limits from observed usage, beside the current ones.

    CPU request      p95 of a replica's usage, without a limit: a limit throttles bursts although the node has room
    memory           a replica's highest usage + 15 %, as request and limit: memory can't be reclaimed
    after an OOM     at least 1.2 times the limit at which it was killed, or 100 MiB more, whichever is larger

The rules are KRR's simple strategy (Robusta) with the OOM bump of Kubernetes' Vertical Pod Autoscaler, and so are the
minimums of 10 millicores and 100 MiB. Replicas don't change: they follow from the load, not from one replica's usage.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil

from services.calculator.sizing.cost import price_text, round_half_up
from shared.catalog import Catalog
from shared.errors import Refused
from shared.messages import Sentence, messages_of, problem, sentence
from shared.rpc import Recommendation, RequestsAndCost, ServiceRecommendation, Usage
from shared.sizing import ServiceSizing, Sizing

_PERCENTILE = 95
_MARGIN = Fraction(115, 100)
_OOM_FACTOR = Fraction(12, 10)
_OOM_MIB = 100
_LEAST_CPU_M = 10
_LEAST_MEMORY_MIB = 100
_FEW_SAMPLES = 20
"""With fewer samples the 95th percentile is the largest one."""


def recommend(sizing: Sizing, usage: Mapping[str, Usage], catalog: Catalog) -> Recommendation:
    """Recommended requests of each observed service. Raises Refused for services that the tenant doesn't have."""
    known = {each.service: each for each in sizing.services}
    if unknown := sorted(usage.keys() - known.keys()):
        english = "{services}: not of this tenant, which has {known}"
        raise _refusal(sentence("services-foreign", english, services=", ".join(unknown), known=", ".join(known)))
    if not usage:
        raise _refusal(sentence("usage-empty", "there is nothing to go by: give samples of at least one service"))
    found = {name: _service(known[name], each) for name, each in usage.items()}
    few = list(_warnings(usage))
    resized = [_resized(each, found.get(each.service)) for each in sizing.services]
    return Recommendation(
        services=tuple(found[name] for name in known if name in found),
        today=_sum(sizing.services, sizing.services, sizing, catalog),
        recommended=_sum(resized, sizing.services, sizing, catalog),
        warnings=tuple(each.english for each in few),
        warning_messages=messages_of(few),
    )


def _refusal(reason: Sentence) -> Refused:
    return Refused(reason.english, details={"errors": [problem("usage", reason)]})


def percentile(samples: Sequence[float], percent: int) -> float:
    """The smallest sample that at least `percent` % of the samples don't exceed (nearest rank)."""
    return sorted(samples)[max(0, -(-len(samples) * percent // 100) - 1)]


def _service(today: ServiceSizing, usage: Usage) -> ServiceRecommendation:
    cpu_m, cpu_reason = _cpu(today, usage)
    memory, memory_reason = _memory(today, usage)
    return ServiceRecommendation(
        service=today.service,
        replicas=today.replicas,
        cpu_request_m_today=today.cpu_request_m,
        cpu_request_m=cpu_m,
        cpu_limit_m_today=today.cpu_limit_m,
        cpu_limit_m=None,
        cpu_reason=cpu_reason.english,
        cpu_reason_messages=(cpu_reason.message,),
        memory_request_mib_today=today.memory_request_mib,
        memory_request_mib=memory,
        memory_limit_mib_today=today.memory_limit_mib,
        memory_limit_mib=memory,
        memory_reason=memory_reason.english,
        memory_reason_messages=(memory_reason.message,),
    )


def _cpu(today: ServiceSizing, usage: Usage) -> tuple[int, Sentence]:
    """Millicores, and why."""
    if not usage.cpu_m:
        return today.cpu_request_m, sentence("cpu-unsampled", "no samples: as today")
    used, count = percentile(usage.cpu_m, _PERCENTILE), len(usage.cpu_m)
    reason = sentence("cpu-p95", "p95 of {count} samples is {used} m", count=count, used=f"{used:.4g}")
    return max(_LEAST_CPU_M, ceil(used)), reason


def _memory(today: ServiceSizing, usage: Usage) -> tuple[int, Sentence]:
    """MiB, and why."""
    memory, reason = 0, sentence("memory-unsampled", "no samples: as today's limit")
    if usage.memory_mib:
        most = max(usage.memory_mib)
        memory = max(_LEAST_MEMORY_MIB, ceil(Fraction(most) * _MARGIN))
        count = len(usage.memory_mib)
        english = "the most of {count} samples is {most} MiB, 15 % on top"
        reason = sentence("memory-maximum", english, count=count, most=f"{most:.4g}")
    if usage.ooms:
        killed_at = today.memory_limit_mib
        raised = max(ceil(killed_at * _OOM_FACTOR), killed_at + _OOM_MIB)
        if raised >= memory:
            return raised, _after_oom(usage.ooms, killed_at, raised)
    return memory or today.memory_limit_mib, reason


def _after_oom(ooms: int, killed_at: int, raised: int) -> Sentence:
    by_factor = raised == ceil(killed_at * _OOM_FACTOR)
    more = "1.2 times that" if by_factor else "{mib} MiB more"
    return sentence(
        "memory-after-oom",
        f"killed {{ooms}} times for want of memory at {{limit}} MiB: {more}",
        ooms=ooms,
        limit=killed_at,
        raised="factor" if by_factor else "amount",
        mib=_OOM_MIB,
    )


def _resized(today: ServiceSizing, found: ServiceRecommendation | None) -> ServiceSizing:
    if found is None:
        return today
    return today.model_copy(
        update={"cpu_request_m": found.cpu_request_m, "memory_request_mib": found.memory_request_mib}
    )


def _sum(
    services: Sequence[ServiceSizing], today: Sequence[ServiceSizing], sizing: Sizing, catalog: Catalog
) -> RequestsAndCost:
    """Requests of all replicas, and their cost. A GPU's price includes its host's cores, so only others change it."""
    usd = Fraction(sizing.monthly_cost_usd) + _usd(services, catalog) - _usd(today, catalog)
    memory_mib = sum(each.replicas * each.memory_request_mib for each in services)
    return RequestsAndCost(
        cpu=f"{sum(each.replicas * each.cpu_request_m for each in services)}m",
        memory=f"{-(-memory_mib // 1024)}Gi",
        cost=price_text(usd),
        monthly_cost_usd=float(round_half_up(usd)),
    )


def _usd(services: Sequence[ServiceSizing], catalog: Catalog) -> Fraction:
    prices, on_cores = catalog.prices, [each for each in services if not each.gpu]
    cores = Fraction(sum(each.replicas * each.cpu_request_m for each in on_cores), 1000)
    memory_gib = Fraction(sum(each.replicas * each.memory_request_mib for each in on_cores), 1024)
    return (cores * prices.core_hour.value + memory_gib * prices.memory_gib_hour.value) * prices.hours_a_month


def _warnings(usage: Mapping[str, Usage]) -> Iterator[Sentence]:
    for name, each in usage.items():
        if 0 < len(each.cpu_m) < _FEW_SAMPLES:
            english = "{service}: fewer than {few} samples of its CPU, so p95 is the largest of them."
            yield sentence("few-samples", english, service=name, few=_FEW_SAMPLES)
