"""The workloads of a plan in the contract's form, with the upper limit of their autoscaling."""

from fractions import Fraction
from math import isfinite

from services.calculator.sizing.chosen import replica_choice
from services.calculator.sizing.cost import service_costs
from services.calculator.sizing.dimensioning import dimension
from services.calculator.sizing.planning import SizedWorkload, SizingPlan, performance_of
from services.calculator.sizing.reasons import reason
from shared.catalog import Catalog, CatalogService
from shared.choices import ImageChoice, ServiceOptions
from shared.messages import joined, messages_of
from shared.sizing import ServiceSizing


def services(plan: SizingPlan, growth: Fraction, catalog: Catalog) -> tuple[ServiceSizing, ...]:
    """The sizing of every service, in the catalogue's order; autoscaling covers up to `growth` times the load."""
    costs = service_costs(plan, catalog)
    return tuple(_service(name, each, plan, growth, catalog, usd=costs[name]) for name, each in plan.workloads.items())


def _service(
    name: str, workload: SizedWorkload, plan: SizingPlan, growth: Fraction, catalog: Catalog, *, usd: Fraction
) -> ServiceSizing:
    service, found, asked = catalog.services[name], workload.dimension, catalog.services[name].replica
    performance = performance_of(name, workload, plan.goal, catalog)
    p95, why = performance.p95_seconds, reason(service, workload, plan.goal)
    return ServiceSizing(
        service=name,
        sessions=workload.load.sessions,
        replicas=found.replicas,
        max_replicas=_max_replicas(name, workload, plan, growth, catalog),
        cpu_request_m=workload.part(asked.cpu_request_m),
        cpu_limit_m=workload.part(asked.cpu_limit_m),
        memory_request_mib=workload.part(asked.memory_request_mib),
        memory_limit_mib=workload.part(asked.memory_limit_mib),
        gpu=asked.gpus if service.uses_gpu else 0,
        gpu_type=workload.holder.gpu_type,
        gpu_slices=workload.holder.slices,
        image=_image(service, plan.choices.get(name)),
        port=service.port,
        reason=joined(why),
        reason_messages=messages_of(why),
        erlangs=round(found.erlangs, 4),
        needed=found.needed,
        constraints=dict(found.constraints),
        decided_by=found.decided_by,
        response_time_p95_ms=None if p95 is None or not isfinite(p95) else round(p95 * 1000, 1),
        blocked=performance.blocked,
        availability=(1 - performance.unavailability) * 100,
        monthly_cost_usd=float(round(usd, 2)),
        confidence=workload.capacity.confidence.value,
        source=workload.capacity.source,
    )


def _image(service: CatalogService, options: ServiceOptions | None) -> str:
    usual = service.image
    chosen = options.image if options and options.image else ImageChoice()
    return chosen.reference(usual.repository, usual.tag)


def _max_replicas(name: str, workload: SizedWorkload, plan: SizingPlan, growth: Fraction, catalog: Catalog) -> int:
    service, choice = catalog.services[name], replica_choice(plan.choices.get(name))
    if not (service.autoscaled if choice.autoscaled is None else choice.autoscaled):
        return workload.replicas
    if choice.most is not None:
        return max(choice.most, workload.replicas)
    grown = dimension(service, workload.load.scaled(growth), workload.capacity, plan.goal)
    return max(grown.replicas, workload.replicas + 1)
