"""Warnings about what a tenant chose below what its load or its target needs, each with the consequence."""

import re
from collections.abc import Iterator
from math import isfinite

from services.calculator.sizing.dimensioning import Dimension
from services.calculator.sizing.planning import SizedWorkload, SizingPlan, performance_of
from services.calculator.sizing.reasons import number
from shared.catalog import Catalog, CatalogService
from shared.choices import ServiceOptions
from shared.messages import Sentence, sentence

_SECRET = re.compile(r"(?i)(password|passwd|secret|token|api_?key|private_?key)$")
"""Names of variables whose value is a secret, as the validation of manifests knows them."""


def choice_warnings(plan: SizingPlan, catalog: Catalog, usual: Catalog) -> Iterator[Sentence]:
    """The warnings, service by service. `catalog` has the chosen resources, `usual` those of every tenant."""
    for name, options in plan.choices.items():
        workload = plan.workloads.get(name)
        if workload is None:
            english = "service_options.{service} have no effect: this tenant has no {service}."
            yield sentence("choices-unused", english, service=name)
            continue
        yield from _replicas(name, workload, plan, catalog)
        yield from _resources(name, workload, catalog, usual.services[name])
        yield from _others(name, options, usual.services[name])


def _replicas(name: str, workload: SizedWorkload, plan: SizingPlan, catalog: Catalog) -> Iterator[Sentence]:
    """Too few for the load; or for the availability; or for an update of one after the other."""
    found, sized = workload.dimension, workload.dimension.sized
    if sized is None or found.replicas >= sized.replicas:
        return
    if found.replicas < sized.needed:
        yield _overload(name, workload, sized, plan, catalog)
        return
    performance = performance_of(name, workload, plan.goal, catalog)
    if performance.unavailability > plan.goal.unavailability:
        english = (
            "{service}: with {replicas} chosen instead of {sized} replicas, as many as it needs ({needed}) are there "
            "{percent} of the time; its part of the target is {target}."
        )
        yield sentence(
            "chosen-below-availability",
            english,
            service=name,
            replicas=found.replicas,
            needed=found.needed,
            percent=f"{1 - performance.unavailability:.4%}",
            target=f"{1 - plan.goal.unavailability:.4%}",
            sized=sized.replicas,
        )
        return
    english = "{service}: {replicas} chosen replicas are fewer than {sized}: its sessions end with their only pod."
    yield sentence("chosen-below-minimum", english, service=name, replicas=found.replicas, sized=sized.replicas)


def _overload(name: str, workload: SizedWorkload, sized: Dimension, plan: SizingPlan, catalog: Catalog) -> Sentence:
    """What happens in the busy hour with fewer replicas than the load needs."""
    performance = performance_of(name, workload, plan.goal, catalog)
    chosen, needed = workload.replicas, sized.needed
    if performance.blocked is not None:
        english = (
            "{service}: {chosen} chosen replicas are fewer than the {needed} that its load needs: in the busy hour "
            "{blocked} of sessions find no slot."
        )
        blocked = f"{performance.blocked:.1%}"
        return sentence("chosen-turns-away", english, service=name, chosen=chosen, needed=needed, blocked=blocked)
    if performance.p95_seconds is not None and isfinite(performance.p95_seconds):
        english = (
            "{service}: {chosen} chosen replicas are fewer than the {needed} that its load needs: its p95 is {p95} ms."
        )
        p95 = number(performance.p95_seconds * 1000)
        return sentence("chosen-slows-down", english, service=name, chosen=chosen, needed=needed, p95=p95)
    english = (
        "{service}: {chosen} chosen replicas are fewer than the {needed} that its load needs: at full load requests "
        "pile up."
    )
    return sentence("chosen-piles-up", english, service=name, chosen=chosen, needed=needed)


def _resources(name: str, workload: SizedWorkload, catalog: Catalog, usual: CatalogService) -> Iterator[Sentence]:
    """Less memory or CPU than its capacity was measured with; more than the GPU's node has."""
    chosen = catalog.services[name].replica
    per_core = usual.capacity.per_core is not None
    memory = usual.replica.memory_request_mib
    if per_core:
        memory = memory * chosen.cpu_request_m // usual.replica.cpu_request_m
    if chosen.memory_limit_mib < memory:
        english = (
            "{service}: {chosen} MiB of memory are less than the {memory} MiB that its capacity was measured with."
        )
        yield sentence("memory-below-measured", english, service=name, chosen=chosen.memory_limit_mib, memory=memory)
    if not per_core and chosen.cpu_limit_m < usual.replica.cpu_request_m:
        english = "{service}: {chosen}m of CPU are less than the {cpu}m that its capacity was measured with."
        yield sentence(
            "cpu-below-measured", english, service=name, chosen=chosen.cpu_limit_m, cpu=usual.replica.cpu_request_m
        )
    if (gpu_type := workload.holder.gpu_type) is None:
        return
    node = catalog.gpus[gpu_type].node
    if chosen.gpus > node.gpus or chosen.cpu_request_m > node.cores * 1000:
        english = (
            "{service}: a replica fits on no {instance}, by which a {gpu_type} is priced: nodes of yours may cost more."
        )
        yield sentence("replica-above-node", english, service=name, instance=node.instance, gpu_type=gpu_type)


def _others(name: str, options: ServiceOptions, service: CatalogService) -> Iterator[Sentence]:
    if options.image is not None and not options.image.is_pinned:
        english = "{service}: the tag `latest` may mean another image tomorrow, and a rollback can't restore today's."
        yield sentence("image-unpinned", english, service=name)
    if service.uses_gpu and options.autoscaling is not None and options.autoscaling.enabled:
        english = "{service}: it is scaled by the use of its CPUs, which doesn't follow the load of its GPU."
        yield sentence("scaled-by-cpu", english, service=name)
    if secrets := sorted(each for each in options.environment if _SECRET.search(each)):
        english = (
            "{service}: the values of {names} can be read in the tenant, its events and its manifest; secrets belong "
            "into the Secret ecp-ai-credentials."
        )
        yield sentence("environment-secret", english, service=name, names=", ".join(secrets))
