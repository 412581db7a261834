"""Explains the number of replicas: one sentence for each service with the figures behind it, in both languages."""

from fractions import Fraction

from services.calculator.sizing.capacity import HolderCapacity
from services.calculator.sizing.dimensioning import Dimension, Goal
from services.calculator.sizing.planning import SizedWorkload
from shared.catalog import CatalogService, Confidence, Discipline
from shared.texts import Text


def reason(service: CatalogService, workload: SizedWorkload, goal: Goal) -> Text:
    """The load, the capacity of a replica, and each constraint that raised the number."""
    capacity = workload.capacity
    parts = [_load(service, workload), *_raised(service, capacity, workload.dimension, goal)]
    if capacity.confidence is Confidence.ESTIMATE:
        parts.append(Text("its capacity is an estimate", "용량은 추정치입니다"))
    return joined(parts)


def joined(parts: list[Text]) -> Text:
    """Join several parts into one sentence."""
    return Text("; ".join(each.en for each in parts), "; ".join(each.ko for each in parts))


def number(value: Fraction | float) -> str:
    """Four significant digits; integers and numbers from 100 on as whole numbers."""
    return str(round(value)) if value >= 100 or value == int(value) else f"{float(value):.4g}"


def _load(service: CatalogService, workload: SizedWorkload) -> Text:
    load, capacity, dimension = workload.load, workload.capacity, workload.dimension
    en = ko = f"{number(load.amount)} {service.unit}"
    if service.is_rate:
        en, ko = f"{en} of {load.sessions} sessions", f"세션 {load.sessions}개의 {ko}"
    if service.is_serial:
        erlangs = number(dimension.erlangs)
        en, ko = f"{en} are {erlangs} erlangs", f"{ko}({erlangs} 얼랑)"
    carried = number(capacity.amount) if service.is_serial else str(capacity.servers)
    replicas = dimension.constraints["throughput"]
    on = "레플리카" if workload.holder.gpu_type is None else str(workload.holder)
    return Text(f"{en}, at {carried} per {workload.holder}: {replicas}", f"{ko}, {on}당 {carried}: {replicas}개")


def _raised(service: CatalogService, capacity: HolderCapacity, dimension: Dimension, goal: Goal) -> list[Text]:
    """The constraints that raised the number above the throughput, each with its reason."""
    before, parts = dimension.constraints["throughput"], []
    for name, replicas in list(dimension.constraints.items())[1:]:
        if replicas > before:
            why = _why(name, service, capacity, dimension, goal)
            parts.append(Text(f"{replicas} {why.en}", f"{why.ko} {replicas}개"))
            before = replicas
    return parts


def _why(name: str, service: CatalogService, capacity: HolderCapacity, dimension: Dimension, goal: Goal) -> Text:
    if name == "blocking":
        return Text(
            f"so that at most {goal.blocking:.2g} of sessions find no slot",
            f"빈 자리가 없어 거절되는 세션이 {goal.blocking:.2g} 이하가 되도록",
        )
    if name == "response-time":
        return _response(service, capacity, goal)
    if name == "availability":
        needed, there = dimension.needed, f"{100 * (1 - goal.unavailability):.5g} %"
        return Text(
            f"so that {needed} {'is' if needed == 1 else 'are'} there {there} of the time",
            f"시간의 {there} 동안 {needed}개가 동작하도록",
        )
    return Text("never fewer", "최소 개수이므로")


def _response(service: CatalogService, capacity: HolderCapacity, goal: Goal) -> Text:
    if capacity.own_seconds is None:
        return Text(f"so that at most {goal.slow:.2g} of them wait", f"기다리는 요청이 {goal.slow:.2g} 이하가 되도록")
    within = service.within_seconds
    seconds = float(within.value) if service.discipline is Discipline.DEFERRED and within else goal.response_seconds
    slowest = f"{seconds * 1000:.4g} ms"
    return Text(
        f"so that at most {goal.slow:.2g} of answers take over {slowest}",
        f"{slowest}를 넘는 응답이 {goal.slow:.2g} 이하가 되도록",
    )
