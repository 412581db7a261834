"""Sized tenants keep what they promise, played event by event: p95 and availability, with fixed seeds."""

from collections.abc import Iterator
from functools import partial
from random import Random

import pytest

from services.calculator.sizing import size
from shared.catalog import Discipline, load_catalog
from shared.sizing import ServiceSizing, Sizing
from shared.tenants import SlaTarget
from tests.integration.sizing_simulation import Pool, Queue, at_most, away_parts, bounds, slow_parts

CATALOG = load_catalog()
P = float(CATALOG.quality.replica_availability.value)
SLOW = float(CATALOG.quality.slow.value)
REQUESTS = 40_000
OUTAGES = 60


def tenant(seed: int) -> tuple[dict[str, int], SlaTarget]:
    """A tenant of any mix and size, from a seed; some with response times that only a few servers more can keep."""
    random = Random(seed)
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


def hours(target: SlaTarget) -> float:
    """In which outages of half an hour each would use up what is allowed `OUTAGES` times."""
    return OUTAGES * 0.5 / (1 - target.availability_ratio)


@pytest.mark.parametrize("seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(5, 55))])
def test_a_sized_tenant_meets_its_response_time_and_its_availability(seed: int) -> None:
    requirements, target = tenant(seed)
    sizing = size(requirements, target, None, None, CATALOG)
    for queue in queues(sizing):
        slow = partial(slow_parts, queue, target.response_time_seconds, seed)
        assert at_most(SLOW, lambda times, slow=slow: slow(REQUESTS * times), most=256)
    pools = [pool(each) for each in sizing.services]
    allowed = 1 - target.availability_ratio
    assert at_most(allowed, lambda times: away_parts(pools, seed, hours(target) * times), most=64)


def test_one_server_less_would_not_meet_the_response_time() -> None:
    """The test above can fail: here it has to."""
    sizing = size({"nlp": 740}, SlaTarget(response_time="40ms"), None, "t4", CATALOG)
    [queue] = queues(sizing)
    assert sizing.services[0].constraints["response-time"] == queue.servers
    assert at_most(SLOW, lambda times: slow_parts(queue, 0.04, 1, REQUESTS * times), most=256)
    fewer = Queue(queue.rate, queue.servers - 1, queue.own_seconds)
    assert bounds(slow_parts(fewer, 0.04, 1, REQUESTS))[0] > SLOW


def test_one_replica_less_would_not_meet_the_availability() -> None:
    target = SlaTarget(availability="99.9%")
    sizing = size({"stt": 130}, target, None, None, CATALOG)
    [stt] = sizing.services
    assert stt.decided_by == "availability"
    fewer = Pool(stt.replicas - 1, stt.needed, P)
    assert bounds(away_parts([fewer], 1, hours(target)))[0] > 1 - target.availability_ratio
