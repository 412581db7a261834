"""Sized tenants keep what they promise, played event by event: p95 and availability, with fixed seeds."""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import pytest

from services.calculator.sizing.availability import unavailability
from services.calculator.sizing.erlang import slower_than
from services.calculator.sizing.tenant_sizing import size
from shared.catalog import Discipline, load_catalog
from shared.sizing import ServiceSizing, Sizing
from shared.tenants import SlaTarget
from tests.integration.sizing_simulation import (
    BATCHES,
    Play,
    Pool,
    Queue,
    away_parts,
    bounds,
    judged,
    planned,
    response_times,
    response_times_of_a_resource,
    slow_parts,
)

CATALOG = load_catalog()
P = float(CATALOG.quality.replica_availability.value)
SLOW = float(CATALOG.quality.slow.value)
REQUESTS = 40_000
"""Of a pilot, and the least of what is judged: 2,000 a batch, many times what a queue remembers."""
OUTAGES = 400
"""The same for failures, in outages of half an hour that use up what is allowed. With so many, their sum is near enough
to normal: its skewness is 0.1, which the t distribution's wider tail more than makes up for."""


CLEAR = 0.9
"""Of the limit: where the formulae leave less than a tenth of it, a play would take a hundred million requests."""


def tenant(seed: int) -> tuple[dict[str, int], SlaTarget]:
    """The first tenant of a seed whose limits follow from the formulae, without a simulation."""
    random = Random(seed)
    return next(each for each in iter(lambda: drawn(random), None) if is_clear(*each))


def is_clear(requirements: dict[str, int], target: SlaTarget) -> bool:
    seconds = target.response_time_seconds
    found = queues(size(requirements, target, None, None, CATALOG))
    return all(slowness(queue, seconds, "").predicted <= CLEAR * SLOW for queue in found)


def drawn(random: Random) -> tuple[dict[str, int], SlaTarget]:
    """A tenant of any mix and size; some with response times that only a few servers more can keep."""
    mix = random.sample(["callbot", "chatbot", "advisor"], random.randint(1, 3))
    requirements = {name: random.randint(1, 400) for name in mix}
    if random.random() < 0.7:
        requirements["nlp"] = random.randint(1, 900)
    availability = random.choice(["99%", "99.3%", "99.5%", "99.9%"])
    return requirements, SlaTarget(availability=availability, response_time=f"{random.choice([32, 40, 60, 150])}ms")


def queues(sizing: Sizing) -> Iterator[Queue]:
    for each in sizing.services:
        service = CATALOG.services[each.service]
        carried = service.carries(each.gpu_type)
        if service.discipline is Discipline.QUEUED and carried is not None:
            yield Queue(each.erlangs * float(carried), each.needed, 1 / float(carried))


def pool(service: ServiceSizing) -> Pool:
    return Pool(service.replicas, service.needed, P)


class Claim(NamedTuple):
    """The mean by the formulae, and how it is simulated."""

    predicted: float
    play: Play


def slowness(queue: Queue, seconds: float, name: str) -> Claim:
    """Of a queue's requests, the part that takes longer than `seconds`."""
    predicted = slower_than(seconds, queue.servers, queue.rate * queue.own_seconds, queue.own_seconds)
    return Claim(predicted, lambda stage, times: slow_parts(queue, seconds, f"{name} {stage}", REQUESTS * times))


def absence(pools: list[Pool], target: SlaTarget, name: str) -> Claim:
    """Of the time, the part in which some service has too few replicas."""
    there = 1.0
    for each in pools:
        there *= 1 - unavailability(each.needed, each.replicas, each.replica_availability)
    hours = OUTAGES * 0.5 / (1 - target.availability_ratio)
    return Claim(1 - there, lambda stage, times: away_parts(pools, f"{name} {stage}", hours * times))


@pytest.mark.parametrize("seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(5, 55))])
def test_a_sized_tenant_meets_its_response_time_and_its_availability(seed: int) -> None:
    requirements, target = tenant(seed)
    sizing = size(requirements, target, None, None, CATALOG)
    for number, queue in enumerate(queues(sizing)):
        assert judged(SLOW, *slowness(queue, target.response_time_seconds, f"{seed} queue {number}")).high <= SLOW
    allowed = 1 - target.availability_ratio
    pools = [pool(each) for each in sizing.services]
    assert judged(allowed, *absence(pools, target, f"{seed} replicas")).high <= allowed


@pytest.mark.parametrize("queue", [Queue(90, 1, 0.01), Queue(700, 5, 1 / 150), Queue(900, 7, 1 / 150)])
def test_the_queue_that_is_played_is_simpy_s_own(queue: Queue) -> None:
    assert response_times(queue, "same", 5_000) == response_times_of_a_resource(queue, "same", 5_000)


def test_the_length_is_planned_from_the_pilot_s_scatter_and_the_margin() -> None:
    """Student's t with 19 degrees of freedom: 3.5794 at 99.9 % and 4.5899 at 99.99 %."""
    pilot = [0.04, 0.06] * (BATCHES // 2)
    spread = (0.01**2 * 20 / 19) ** 0.5 / 20**0.5
    assert planned(spread, pilot) == -(-((3.5794 + 4.5899) ** 2) // 1)
    assert planned(1.0, pilot) == 1
    with pytest.raises(ValueError, match="isn't kept"):
        planned(0.0, pilot)


def test_one_server_less_would_not_meet_the_response_time() -> None:
    """The test above can fail: here it has to."""
    sizing = size({"nlp": 740}, SlaTarget(response_time="40ms"), None, "t4", CATALOG)
    [queue] = queues(sizing)
    assert sizing.services[0].constraints["response-time"] == queue.servers
    assert judged(SLOW, *slowness(queue, 0.04, "enough")).high <= SLOW
    fewer = Queue(queue.rate, queue.servers - 1, queue.own_seconds)
    assert bounds(slow_parts(fewer, 0.04, "too few", REQUESTS))[0] > SLOW


def test_one_replica_less_would_not_meet_the_availability() -> None:
    target = SlaTarget(availability="99.9%")
    sizing = size({"stt": 130}, target, None, None, CATALOG)
    [stt] = sizing.services
    assert stt.decided_by == "availability"
    fewer = Pool(stt.replicas - 1, stt.needed, P)
    assert bounds(absence([fewer], target, "too few").play("judged", 1))[0] > 1 - target.availability_ratio
