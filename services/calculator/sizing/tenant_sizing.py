"""Sizes a tenant: from concurrent sessions and an SLA target to replicas, resources, cost, preset and alternatives.

    requirements ─▶ loads ─▶ replicas of each service on each GPU type ─▶ the cheapest of them ─▶ totals, neighbours
     (load)          (dimensioning: Erlang B and C, k of n)               (placement)             (cost, alternatives)

A pure function of its arguments: every replica of the calculator gives the same answer to a request. More load never
costs less, and neither does a stricter SLA target.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import isfinite

from services.calculator.sizing.alternatives import Chosen, alternatives, effect, main_type
from services.calculator.sizing.choice_warnings import choice_warnings
from services.calculator.sizing.cost import cost, monthly_cost, price_text, round_half_up, totals
from services.calculator.sizing.dimensioning import goal
from services.calculator.sizing.load import Load, channels, fan_out
from services.calculator.sizing.planning import (
    PRODUCTION,
    SizingContext,
    SizingOptions,
    SizingPlan,
    measured_types,
    plan,
)
from services.calculator.sizing.presets import growth_factor, recommended, warnings
from services.calculator.sizing.service_sizings import services
from shared.catalog import Catalog
from shared.choices import ServiceOptions
from shared.durations import starting
from shared.errors import Refused
from shared.messages import Sentence, messages_of, problem, sentence
from shared.sizing import Sizing
from shared.tenants import SlaTarget

_NOTHING: Mapping[str, ServiceOptions] = {}


def size(
    requirements: Mapping[str, int],
    sla_target: SlaTarget,
    preset: str | None,
    gpu_type: str | None,
    catalog: Catalog,
    *,
    choices: Mapping[str, ServiceOptions] = _NOTHING,
    options: SizingOptions = PRODUCTION,
) -> Sizing:
    """Size a tenant. The preset defaults to the one that fits, the GPU type to the cheapest mix of types.

    What is chosen for a service takes the place of what would be sized, with a warning if the load or the target needs
    more. Raises Refused: VALIDATION_ERROR for requirements, choices, a GPU type or a response time that can't be sized,
    INVALID_PRESET for an unknown preset. The message lists what is possible.
    """
    _check(requirements, preset, gpu_type, choices, catalog)
    usual, catalog = catalog, catalog.with_choices(choices)
    loads = fan_out(requirements, catalog, sla_target.concurrent_users)
    gpu_type, unused = _requested_gpu(gpu_type, loads, options, catalog)
    count = channels(requirements, loads, catalog)
    fitting = recommended(count, catalog)
    context = SizingContext(goal(sla_target, len(loads), catalog), gpu_type, options)
    found = plan(loads, replace(context, choices=choices), catalog)
    reached = effect(found, found, catalog)
    usd = monthly_cost(found, catalog)
    chosen = Chosen(found, loads, context, preset or fitting, fitting, count, sla_target, usd, reached)
    notes = (
        *(warnings(preset, fitting, count, sla_target, catalog) if preset else ()),
        *unused,
        *_reservations(requirements, sla_target, found, options, catalog),
        *choice_warnings(found, catalog, usual),
    )
    return _as_contract(chosen, notes, catalog)


def _as_contract(chosen: Chosen, warnings: tuple[Sentence, ...], catalog: Catalog) -> Sizing:
    """The sizing in the contract's form."""
    plan, reached, options = chosen.plan, chosen.effect, chosen.context.options
    return Sizing(
        recommended_preset=chosen.recommended,
        preset=chosen.preset,
        services=services(plan, growth_factor(chosen.preset, chosen.channels, catalog), catalog),
        resources=totals(plan, catalog),
        gpu_type=main_type(plan),
        gpus={name: each.gpus for name, each in plan.rents.items()},
        gpu_nodes={name: each.nodes for name, each in plan.rents.items()},
        gpu_sharing=options.gpu_sharing,
        estimated_cost=price_text(chosen.usd),
        monthly_cost_usd=float(round_half_up(chosen.usd)),
        cost=cost(plan, catalog, options),
        availability=reached.availability * 100,
        response_time_p95_ms=_milliseconds(reached.p95_seconds),
        deployment_time=_deployment_time(plan, catalog),
        alternatives=alternatives(chosen, catalog),
        warnings=tuple(each.english for each in warnings),
        warning_messages=messages_of(warnings),
    )


def _milliseconds(seconds: float | None) -> float | None:
    """None as well where requests pile up without an end."""
    return None if seconds is None or not isfinite(seconds) else round(seconds * 1000, 1)


def _check(
    requirements: Mapping[str, int],
    preset: str | None,
    gpu_type: str | None,
    choices: Mapping[str, ServiceOptions],
    catalog: Catalog,
) -> None:
    catalog.check_requirements(requirements)
    catalog.check_service_options(choices)
    if preset is not None:
        catalog.check_preset(preset)
    if gpu_type is not None:
        catalog.check_gpu_type(gpu_type)


def _requested_gpu(
    gpu_type: str | None, loads: Mapping[str, Load], options: SizingOptions, catalog: Catalog
) -> tuple[str | None, tuple[Sentence, ...]]:
    """The requested GPU type, and a warning if no service uses a GPU. Raises Refused if it is unmeasured for one."""
    if gpu_type is None:
        return None, ()
    users = [name for name in loads if catalog.services[name].uses_gpu]
    if not users:
        english = "No service of this tenant uses a GPU: {gpu_type} is left out."
        return None, (sentence("gpu-unused", english, gpu_type=gpu_type),)
    unmeasured = [name for name in users if catalog.services[name].carries(gpu_type) is None]
    if options.unmeasured or not unmeasured:
        return gpu_type, ()
    candidates = measured_types(loads, catalog)
    reason = sentence(
        "services-unmeasured",
        "not measured on {gpu_type}: {services}. GPUs that all have been measured on: {candidates}",
        gpu_type=gpu_type,
        services=", ".join(unmeasured),
        candidates=", ".join(candidates) or "none",
    )
    raise Refused(reason.english, details={"errors": [problem("gpu_type", reason)], "gpu_types": candidates})


def _reservations(
    requirements: Mapping[str, int], target: SlaTarget, plan: SizingPlan, options: SizingOptions, catalog: Catalog
) -> Iterator[Sentence]:
    """Warnings about limits of the figures: bounded sessions, estimated capacities, shared GPUs."""
    asked = fan_out(requirements, catalog) if target.concurrent_users is not None else {}
    bounded = [name for name, load in asked.items() if plan.workloads[name].load.amount < load.amount]
    if bounded:
        yield sentence(
            "users-fewer-than-sessions",
            "{users} concurrent users are fewer than the sessions asked for: {services} sized for the mix of so many "
            "that is worst for each.",
            users=target.concurrent_users,
            services=", ".join(bounded),
        )
    for name, each in plan.workloads.items():
        gpu_type = each.holder.gpu_type
        if gpu_type and catalog.services[name].carries(gpu_type) is None:
            english = "{service} has not been measured on {gpu_type}: its capacity there is an estimate."
            yield sentence("service-unmeasured", english, service=name, gpu_type=gpu_type)
    if any(each.holder.slices > 1 for each in plan.workloads.values()):
        english = "This is what GPUs shared by {sharing} would take. A tenant is deployed on whole GPUs."
        yield sentence("gpus-shared", english, sharing=options.gpu_sharing)


def _deployment_time(plan: SizingPlan, catalog: Catalog) -> str:
    """The default, from how long the services take to start; the gateway has the measured durations of a target."""
    return starting(catalog.services[name].startup_seconds.value for name in plan.workloads).text
