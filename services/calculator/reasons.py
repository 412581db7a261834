"""Why so many replicas: one sentence for each service, with the numbers that it follows from."""

from fractions import Fraction

from services.calculator.capacity import Capacity
from services.calculator.dimensioning import Dimension, Goal
from services.calculator.planning import Workload
from shared.catalog import Confidence, Discipline, Service


def reason(service: Service, workload: Workload, goal: Goal) -> str:
    """The load, what carries it, and each constraint that raised the number."""
    capacity = workload.capacity
    parts = [_load(service, workload), *_raised(service, capacity, workload.dimension, goal)]
    if capacity.confidence is Confidence.ESTIMATE:
        parts.append("its capacity is an estimate")
    return "; ".join(parts)


def number(value: Fraction | float) -> str:
    """Four digits, or all of a whole number."""
    return str(round(value)) if value >= 100 or value == int(value) else f"{float(value):.4g}"


def _load(service: Service, workload: Workload) -> str:
    load, capacity, dimension = workload.load, workload.capacity, workload.dimension
    asked = f"{number(load.amount)} {service.unit}"
    if service.is_rate:
        asked += f" of {load.sessions} sessions"
    offered = f" are {number(dimension.erlangs)} erlangs" if service.is_serial else ""
    carried = number(capacity.amount) if service.is_serial else str(capacity.servers)
    return f"{asked}{offered}, at {carried} per {workload.holder}: {dimension.constraints['throughput']}"


def _raised(service: Service, capacity: Capacity, dimension: Dimension, goal: Goal) -> list[str]:
    """What each constraint after the load has added."""
    there = f"{dimension.needed} {'is' if dimension.needed == 1 else 'are'} there {100 * (1 - goal.away):.5g} %"
    sentences = {
        "blocking": f"so that at most {goal.blocking:.2g} of sessions find no slot",
        "response-time": _response(service, capacity, goal),
        "availability": f"so that {there} of the time",
        "minimum": "never fewer",
    }
    before, parts = dimension.constraints["throughput"], []
    for name, replicas in list(dimension.constraints.items())[1:]:
        if replicas > before:
            parts.append(f"{replicas} {sentences[name]}")
            before = replicas
    return parts


def _response(service: Service, capacity: Capacity, goal: Goal) -> str:
    if capacity.own_seconds is None:
        return f"so that at most {goal.slow:.2g} of them wait"
    within = service.within_seconds
    seconds = float(within.value) if service.discipline is Discipline.DEFERRED and within else goal.response_seconds
    return f"so that at most {goal.slow:.2g} of answers take over {seconds * 1000:.4g} ms"
