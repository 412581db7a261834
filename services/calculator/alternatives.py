"""Cheaper and safer neighbours of a sizing: another preset, another GPU type, another availability.

Each is sized like any tenant, and then held against the tenant's own load: what response time, how many sessions turned
away, and how much availability that would really mean.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import isfinite

from services.calculator.cost import krw, monthly_cost, totals, whole, written
from services.calculator.dimensioning import Performance, dimension, goal, performance
from services.calculator.load import Load
from services.calculator.planning import Plan, Wish, measured_types, plan, reached
from services.calculator.presets import holds, neighbours
from services.calculator.reasons import number
from shared.catalog import Catalog, Discipline
from shared.errors import Refused
from shared.sizing import Alternative, AlternativeKind
from shared.tenants import SlaTarget


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sizing that alternatives are neighbours of."""

    plan: Plan
    loads: Mapping[str, Load]
    wish: Wish
    preset: str
    recommended: str
    channels: int
    target: SlaTarget
    usd: Fraction
    effect: "Effect"


@dataclass(frozen=True, slots=True)
class Effect:
    """What a plan does for a load, over all services."""

    p95_seconds: float | None
    blocked: float | None
    availability: float
    """A part of 1."""


def alternatives(chosen: Chosen, catalog: Catalog) -> tuple[Alternative, ...]:
    """Presets first, as documented; then GPU types, from the cheapest; then availabilities, from the lowest."""
    return (*_presets(chosen, catalog), *_gpu_types(chosen, catalog), *_availabilities(chosen, catalog))


def effect(plan: Plan, own: Plan, catalog: Catalog) -> Effect:
    """What the workloads of `plan` do for the load that `own` was sized for."""
    found = {name: _performance(name, plan, own, catalog) for name in own.workloads}
    waited_for = [
        each.p95_seconds
        for name, each in found.items()
        if each.p95_seconds is not None and catalog.services[name].discipline is Discipline.QUEUED
    ]
    blocked = [each.blocked for each in found.values() if each.blocked is not None]
    availability = 1.0
    for each in found.values():
        availability *= 1 - each.away
    return Effect(max(waited_for, default=None), max(blocked, default=None), availability)


def _performance(name: str, plan: Plan, own: Plan, catalog: Catalog) -> Performance:
    if plan is own:
        return reached(name, own.workloads[name], own.goal, catalog)
    service, load, other = catalog.services[name], own.workloads[name].load, plan.workloads[name]
    # Where not even all of them are enough, none is spare: then that shows in blocking and waiting, not in failures.
    needed = min(dimension(service, load, other.capacity, plan.goal).needed, other.dimension.needed)
    return performance(service, load, other.capacity, own.goal, replicas=other.replicas, needed=needed)


def _presets(chosen: Chosen, catalog: Catalog) -> Iterator[Alternative]:
    for name in neighbours(chosen.recommended, catalog):
        preset = catalog.presets[name]
        held = holds(name, chosen.channels, catalog)
        factor = Fraction(held, chosen.channels)
        target = SlaTarget(availability=preset.availability, response_time=preset.response_time)
        wish = replace(chosen.wish, goal=goal(target, len(chosen.plan.workloads), catalog))
        loads = {service: load.scaled(factor) for service, load in chosen.loads.items()}
        try:
            other = plan(loads, wish, catalog)
        except Refused:
            continue
        sentence = (
            f"laid out for {held} channels at {preset.availability} and {preset.response_time}, "
            f"{number(factor)} times these {chosen.channels}"
        )
        yield _alternative(chosen, other, catalog, kind="preset", sentence=sentence, preset=name)


def _gpu_types(chosen: Chosen, catalog: Catalog) -> Iterator[Alternative]:
    if not chosen.plan.rents:
        return
    for gpu_type in measured_types(chosen.loads, catalog):
        if list(chosen.plan.rents) == [gpu_type]:
            continue
        try:
            other = plan(chosen.loads, replace(chosen.wish, gpu_type=gpu_type), catalog)
        except Refused:
            continue
        yield _alternative(chosen, other, catalog, kind="gpu_type", sentence=f"everything on {gpu_type}")


def _availabilities(chosen: Chosen, catalog: Catalog) -> Iterator[Alternative]:
    """The presets' promises: the highest below the target that saves something, and the next above it."""
    promised = sorted({_percent(each.availability) for each in catalog.presets.values()})
    target = _percent(chosen.target.availability)
    lower = [each for each in reversed(promised) if each < target]
    saved = False
    for percent in (*lower, *[each for each in promised if each > target][:1]):
        if saved and percent < target:
            continue
        asked = chosen.target.model_copy(update={"availability": f"{float(percent):g}%"})
        wish = replace(chosen.wish, goal=goal(asked, len(chosen.loads), catalog))
        other = plan(chosen.loads, wish, catalog)
        if monthly_cost(other, catalog) == chosen.usd:
            continue
        saved = True
        sentence = f"sized for {asked.availability} instead of {chosen.target.availability}"
        yield _alternative(chosen, other, catalog, kind="availability", sentence=sentence)


def _alternative(
    chosen: Chosen, other: Plan, catalog: Catalog, *, kind: AlternativeKind, sentence: str, preset: str | None = None
) -> Alternative:
    usd = monthly_cost(other, catalog)
    then = effect(other, chosen.plan, catalog)
    p95 = then.p95_seconds
    return Alternative(
        kind=kind,
        preset=preset or chosen.preset,
        gpu_type=main_type(other),
        resources=totals(other, catalog),
        cost=written(usd),
        monthly_cost_usd=float(whole(usd)),
        monthly_cost_krw=krw(usd, catalog, chosen.wish.options),
        availability=then.availability * 100,
        response_time_p95_ms=round(p95 * 1000, 1) if p95 is not None and isfinite(p95) else None,
        blocked=then.blocked,
        performance_impact="; ".join([sentence, *_differences(chosen.effect, then), _difference(usd - chosen.usd)]),
    )


def main_type(plan: Plan) -> str | None:
    """The GPU type of which a plan has most."""
    return max(plan.rents, key=lambda name: plan.rents[name].gpus, default=None)


def _differences(now: Effect, then: Effect) -> Iterator[str]:
    if now.p95_seconds is not None and then.p95_seconds is not None:
        if not isfinite(then.p95_seconds):
            yield "requests would pile up without an end at full load"
        else:
            yield f"p95 {number(then.p95_seconds * 1000)} ms instead of {number(now.p95_seconds * 1000)} ms"
    if now.blocked is not None and then.blocked is not None:
        yield f"{then.blocked:.2%} of sessions turned away in the busy hour instead of {now.blocked:.2%}"
    yield f"availability {then.availability:.4%} instead of {now.availability:.4%}"


def _difference(usd: Fraction) -> str:
    amount = whole(abs(usd))
    return f"${amount} {'more' if usd > 0 else 'less'} a month" if amount else "the same cost"


def _percent(availability: str) -> Fraction:
    return Fraction(availability.rstrip("%"))
