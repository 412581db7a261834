"""Cheaper and safer neighbours of a sizing: another preset, another GPU type, another availability.

Each alternative is sized like a tenant of its own, and then evaluated under this tenant's load: response time, rejected
sessions and availability. It has the resources that the tenant chose for its replicas, but not a chosen number of them:
that wouldn't fit to another load or target.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from math import isfinite

from services.calculator.sizing.cost import krw, monthly_cost, price_text, round_half_up, totals
from services.calculator.sizing.dimensioning import Performance, dimension, goal, performance
from services.calculator.sizing.load import Load
from services.calculator.sizing.planning import SizingContext, SizingPlan, measured_types, performance_of, plan
from services.calculator.sizing.presets import neighbours, preset_channels
from services.calculator.sizing.reasons import number
from shared.catalog import Catalog, Discipline, Preset
from shared.errors import Refused
from shared.messages import Sentence, joined, messages_of, sentence
from shared.sizing import Alternative, AlternativeKind
from shared.tenants import SlaTarget

_HIGHEST = Fraction("99.999")
"""Percent. Above it, independent replica failures are no longer the dominant cause of downtime."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The tenant's own sizing, which alternatives are compared with."""

    plan: SizingPlan
    loads: Mapping[str, Load]
    context: SizingContext
    preset: str
    recommended: str
    channels: int
    target: SlaTarget
    usd: Fraction
    effect: "Effect"


@dataclass(frozen=True, slots=True)
class Effect:
    """Response time, blocking and availability of a plan under a load, over all services."""

    p95_seconds: float | None
    blocked: float | None
    availability: float
    """Between 0 and 1."""


def alternatives(chosen: Chosen, catalog: Catalog) -> tuple[Alternative, ...]:
    """Presets, then GPU types in the catalogue's order, then availability targets from the lowest."""
    return (*_presets(chosen, catalog), *_gpu_types(chosen, catalog), *_availabilities(chosen, catalog))


def effect(plan: SizingPlan, own: SizingPlan, catalog: Catalog) -> Effect:
    """How the workloads of `plan` perform under the load that `own` was sized for."""
    found = {name: _performance(name, plan, own, catalog) for name in own.workloads}
    response_times = [
        each.p95_seconds
        for name, each in found.items()
        if each.p95_seconds is not None and catalog.services[name].discipline is Discipline.QUEUED
    ]
    blocked = [each.blocked for each in found.values() if each.blocked is not None]
    availability = 1.0
    for each in found.values():
        availability *= 1 - each.unavailability
    return Effect(max(response_times, default=None), max(blocked, default=None), availability)


def _performance(name: str, plan: SizingPlan, own: SizingPlan, catalog: Catalog) -> Performance:
    if plan is own:
        return performance_of(name, own.workloads[name], own.goal, catalog)
    service, load, other = catalog.services[name], own.workloads[name].load, plan.workloads[name]
    # If all replicas together are too few, none is spare: the shortfall shows as blocking and waiting, not as downtime.
    needed = min(dimension(service, load, other.capacity, plan.goal).needed, other.dimension.needed)
    return performance(service, load, other.capacity, own.goal, replicas=other.replicas, needed=needed)


def _presets(chosen: Chosen, catalog: Catalog) -> Iterator[Alternative]:
    for name in neighbours(chosen.recommended, catalog):
        preset = catalog.presets[name]
        held = preset_channels(name, chosen.channels, catalog)
        factor = Fraction(held, chosen.channels)
        target = SlaTarget(availability=preset.availability, response_time=preset.response_time)
        context = replace(chosen.context, goal=goal(target, len(chosen.plan.workloads), catalog))
        loads = {service: load.scaled(factor) for service, load in chosen.loads.items()}
        try:
            other = plan(loads, context, catalog)
        except Refused:
            continue
        yield _alternative(chosen, other, catalog, kind="preset", change=_of_preset(chosen, preset, held), preset=name)


def _of_preset(chosen: Chosen, preset: Preset, channels: int) -> Sentence:
    return sentence(
        "other-preset",
        "laid out for {channels} channels at {availability} and {response_time}, {factor} times these {own}",
        channels=channels,
        availability=preset.availability,
        response_time=preset.response_time,
        factor=number(Fraction(channels, chosen.channels)),
        own=chosen.channels,
    )


def _gpu_types(chosen: Chosen, catalog: Catalog) -> Iterator[Alternative]:
    if not chosen.plan.rents:
        return
    for gpu_type in measured_types(chosen.loads, catalog):
        if list(chosen.plan.rents) == [gpu_type]:
            continue
        try:
            other = plan(chosen.loads, replace(chosen.context, gpu_type=gpu_type), catalog)
        except Refused:
            continue
        change = sentence("everything-on-a-gpu", "everything on {gpu_type}", gpu_type=gpu_type)
        yield _alternative(chosen, other, catalog, kind="gpu_type", change=change)


def _availabilities(chosen: Chosen, catalog: Catalog) -> Iterator[Alternative]:
    """The next lower availability target that costs less, and the next higher one that costs more.

    Candidates are the presets' targets; above the highest of them, each further nine up to `_HIGHEST`.
    """
    promised = sorted({_percent(each.availability) for each in catalog.presets.values()})
    target = _percent(chosen.target.availability)
    lower = [each for each in reversed(promised) if each < target]
    higher = [each for each in promised if each > target]
    while (nine := 100 - (100 - max([target, *higher])) / 10) <= _HIGHEST:
        higher.append(nine)
    for candidates in (lower, higher):
        found = (_at_availability(chosen, each, catalog) for each in candidates)
        yield from islice(filter(None, found), 1)


def _at_availability(chosen: Chosen, percent: Fraction, catalog: Catalog) -> Alternative | None:
    """None if it costs the same: since replicas are whole numbers, they often exceed the target.

    None as well if replicas were chosen, and a lower target costs more than they do, or a higher one less.
    """
    asked = chosen.target.model_copy(update={"availability": f"{float(percent):.10g}%"})
    other = plan(chosen.loads, replace(chosen.context, goal=goal(asked, len(chosen.loads), catalog)), catalog)
    usd, is_lower = monthly_cost(other, catalog), percent < _percent(chosen.target.availability)
    if usd == chosen.usd or is_lower != (usd < chosen.usd):
        return None
    english = "sized for {availability} instead of {target}"
    change = sentence("other-availability", english, availability=asked.availability, target=chosen.target.availability)
    return _alternative(chosen, other, catalog, kind="availability", change=change)


def _alternative(
    chosen: Chosen,
    other: SizingPlan,
    catalog: Catalog,
    *,
    kind: AlternativeKind,
    change: Sentence,
    preset: str | None = None,
) -> Alternative:
    usd = monthly_cost(other, catalog)
    then = effect(other, chosen.plan, catalog)
    p95 = then.p95_seconds
    impact = (change, *_differences(chosen.effect, then), _difference(usd - chosen.usd))
    return Alternative(
        kind=kind,
        preset=preset or chosen.preset,
        gpu_type=main_type(other),
        resources=totals(other, catalog),
        cost=price_text(usd),
        monthly_cost_usd=float(round_half_up(usd)),
        monthly_cost_krw=krw(usd, catalog, chosen.context.options),
        availability=then.availability * 100,
        response_time_p95_ms=round(p95 * 1000, 1) if p95 is not None and isfinite(p95) else None,
        blocked=then.blocked,
        performance_impact=joined(impact),
        performance_impact_messages=messages_of(impact),
    )


def main_type(plan: SizingPlan) -> str | None:
    """The GPU type that a plan uses most of; None without GPUs."""
    return max(plan.rents, key=lambda name: plan.rents[name].gpus, default=None)


def _differences(now: Effect, then: Effect) -> Iterator[Sentence]:
    if now.p95_seconds is not None and then.p95_seconds is not None:
        if not isfinite(then.p95_seconds):
            yield sentence("queue-unbounded", "requests would pile up without an end at full load")
        elif not isfinite(now.p95_seconds):
            after = number(then.p95_seconds * 1000)
            yield sentence("queue-bounded", "p95 {after} ms instead of requests that pile up", after=after)
        else:
            before, after = (number(each.p95_seconds * 1000) for each in (now, then) if each.p95_seconds is not None)
            yield sentence("p95-changed", "p95 {after} ms instead of {before} ms", after=after, before=before)
    if now.blocked is not None and then.blocked is not None:
        english = "{after} of sessions turned away in the busy hour instead of {before}"
        yield sentence("blocking-changed", english, after=f"{then.blocked:.2%}", before=f"{now.blocked:.2%}")
    english = "availability {after} instead of {before}"
    after, before = f"{then.availability:.4%}", f"{now.availability:.4%}"
    yield sentence("availability-changed", english, after=after, before=before)


def _difference(usd: Fraction) -> Sentence:
    amount = round_half_up(abs(usd))
    if not amount:
        return sentence("cost-unchanged", "the same cost")
    direction = "more" if usd > 0 else "less"
    return sentence("cost-changed", "${amount} {direction} a month", amount=amount, direction=direction)


def _percent(availability: str) -> Fraction:
    return Fraction(availability.rstrip("%"))
