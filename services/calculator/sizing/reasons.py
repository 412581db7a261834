"""Explains the number of replicas: one sentence for each service with the figures behind it, part by part."""

from collections.abc import Iterator
from fractions import Fraction

from services.calculator.sizing.capacity import HolderCapacity
from services.calculator.sizing.chosen import CHOSEN
from services.calculator.sizing.dimensioning import Dimension, Goal
from services.calculator.sizing.planning import SizedWorkload
from shared.catalog import CatalogService, Confidence, Discipline
from shared.messages import Sentence, sentence


def reason(service: CatalogService, workload: SizedWorkload, goal: Goal) -> list[Sentence]:
    """The load, the capacity of a replica, and each constraint that raised the number."""
    capacity = workload.capacity
    parts = [_load(service, workload), *_raised(service, capacity, workload.dimension, goal)]
    if capacity.confidence is Confidence.ESTIMATE:
        parts.append(sentence("capacity-estimated", "its capacity is an estimate"))
    return parts


def number(value: Fraction | float) -> str:
    """Four significant digits; integers and numbers from 100 on as whole numbers."""
    return str(round(value)) if value >= 100 or value == int(value) else f"{float(value):.4g}"


def _load(service: CatalogService, workload: SizedWorkload) -> Sentence:
    load, capacity, dimension = workload.load, workload.capacity, workload.dimension
    of_sessions = " of {sessions} sessions" if service.is_rate else ""
    are_erlangs = " are {erlangs} erlangs" if service.is_serial else ""
    return sentence(
        "load",
        f"{{amount}} {{unit}}{of_sessions}{are_erlangs}, at {{carried}} per {{holder}}: {{replicas}}",
        amount=number(load.amount),
        unit=service.unit,
        per="session" if service.is_rate else "none",
        sessions=load.sessions,
        offered="erlangs" if service.is_serial else "none",
        erlangs=number(dimension.erlangs),
        carried=number(capacity.amount) if service.is_serial else capacity.servers,
        holder=workload.holder,
        replicas=dimension.constraints["throughput"],
    )


def _raised(service: CatalogService, capacity: HolderCapacity, dimension: Dimension, goal: Goal) -> Iterator[Sentence]:
    """The constraints that raised the number above the throughput, each with its reason."""
    before = dimension.constraints["throughput"]
    for name, replicas in list(dimension.constraints.items())[1:]:
        if replicas > before or name == CHOSEN:
            yield _why(name, replicas, service, capacity, dimension, goal)
            before = replicas


def _why(  # noqa: PLR0917
    name: str, replicas: int, service: CatalogService, capacity: HolderCapacity, dimension: Dimension, goal: Goal
) -> Sentence:
    if name == "blocking":
        english = "{replicas} so that at most {share} of sessions find no slot"
        return sentence("raised-by-blocking", english, replicas=replicas, share=f"{goal.blocking:.2g}")
    if name == "response-time":
        return _response(replicas, service, capacity, goal)
    if name == "availability":
        needed, percent = (dimension.sized or dimension).needed, f"{100 * (1 - goal.unavailability):.5g} %"
        english = f"{{replicas}} so that {{needed}} {'is' if needed == 1 else 'are'} there {{percent}} of the time"
        return sentence("raised-by-availability", english, replicas=replicas, needed=needed, percent=percent)
    if name == CHOSEN:
        return sentence("replicas-chosen", "{replicas} chosen", replicas=replicas)
    return sentence("raised-to-the-minimum", "{replicas} never fewer", replicas=replicas)


def _response(replicas: int, service: CatalogService, capacity: HolderCapacity, goal: Goal) -> Sentence:
    share = f"{goal.slow:.2g}"
    if capacity.own_seconds is None:
        english = "{replicas} so that at most {share} of them wait"
        return sentence("raised-by-waiting", english, replicas=replicas, share=share)
    within = service.within_seconds
    seconds = float(within.value) if service.discipline is Discipline.DEFERRED and within else goal.response_seconds
    english = "{replicas} so that at most {share} of answers take over {time}"
    time = f"{seconds * 1000:.4g} ms"
    return sentence("raised-by-response-time", english, replicas=replicas, share=share, time=time)
