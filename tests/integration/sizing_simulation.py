"""A discrete-event simulation of a sized tenant: requests that queue for its servers, and replicas that fail.

The two are simulated separately, since failures are a million times rarer than requests. The queue has the servers that
the sizing needs, the worst case that doesn't count as an outage; an outage is any time at which some service has fewer.
A tenant that passes both meets its response time for the promised fraction of time.

The test is sequential in two stages (C. Stein, 1945), so that its length doesn't depend on its outcome:

1. A pilot of a fixed length measures the variance of the batches. It decides nothing else.
2. From the variance, and from the distance between the limit and the mean by the formulae, follows the length at which
   a sound sizing fails only once in ten thousand runs. It is fixed before the simulation begins.
3. The simulation, with random numbers of its own, is judged once: the one-sided upper 99.9 % confidence bound of its
   mean must not exceed the limit. A sizing that just misses its target passes once in a thousand runs.
"""

from array import array
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from random import Random
from statistics import mean, stdev
from typing import Any

import simpy
from scipy.special import stdtrit  # the quantile of Student's t; scipy.stats takes a second to import

CONFIDENCE = 0.999
POWER = 0.9999
BATCHES = 20

Play = Callable[[str, int], list[float]]
"""Batches of equal length, from the name of their random numbers and so many times the least length."""


@dataclass(frozen=True)
class Queue:
    """M/M/n: requests a second, servers, and what a request takes of one, in seconds."""

    rate: float
    servers: int
    own_seconds: float


@dataclass(frozen=True)
class Pool:
    """Replicas of a service, how many of them must be there, and what part of the time each is."""

    replicas: int
    needed: int
    replica_availability: float


@dataclass(frozen=True)
class Verdict:
    """What a play has shown: its length, decided in advance, and what its mean is at least and at most."""

    times: int
    low: float
    high: float


def judged(limit: float, predicted: float, play: Play) -> Verdict:
    """Play once, for as long as it takes to tell a mean of `predicted` from one of `limit`, both stages as above."""
    times = planned(limit - predicted, play("pilot", 1))
    return Verdict(times, *bounds(play("judged", times)))


def planned(margin: float, pilot: list[float]) -> int:
    """How many times the pilot's length is enough: (t_confidence + t_power) standard errors fit into the margin."""
    if margin <= 0:
        raise ValueError("by the formulae themselves the limit isn't kept")
    spread = stdev(pilot) / BATCHES**0.5
    return max(1, ceil((spread * (_quantile(CONFIDENCE) + _quantile(POWER)) / margin) ** 2))


def bounds(batches: list[float]) -> tuple[float, float]:
    """What the mean is at least and at most, each at `CONFIDENCE`: batch means, Student's t."""
    spread = _quantile(CONFIDENCE) * stdev(batches) / len(batches) ** 0.5
    return mean(batches) - spread, mean(batches) + spread


def _quantile(confidence: float) -> float:
    return float(stdtrit(BATCHES - 1, confidence))


def slow_parts(queue: Queue, seconds: float, seed: str, requests: int) -> list[float]:
    """The part of requests that take longer than `seconds`, in batches of equal numbers of them, after a warm-up."""
    taken = response_times(queue, seed, requests + requests // 10)
    size = requests // BATCHES
    starts = range(len(taken) - size * BATCHES, len(taken), size)
    return [sum(each > seconds for each in taken[start : start + size]) / size for start in starts]


def response_times(queue: Queue, seed: str, requests: int) -> Sequence[float]:
    """Wait and own time of each request, in the order in which they are done.

    First come, first served, as `simpy.Resource` does it, at a fifth of its price; a test compares both.
    """
    environment, random = simpy.Environment(), Random(seed)
    waiting: deque[tuple[float, float]] = deque()
    free = queue.servers
    taken = array("d")

    def begin(arrived: float, own: float) -> None:
        done = environment.timeout(own)
        done.callbacks.append(lambda _: end(arrived))

    def end(arrived: float) -> None:
        nonlocal free
        taken.append(environment.now - arrived)
        if waiting:
            begin(*waiting.popleft())
        else:
            free += 1

    def arrivals() -> Generator[simpy.Event, Any, Any]:
        nonlocal free
        for gap, own in _requests(queue, random, requests):
            yield environment.timeout(gap)
            if free:
                free -= 1
                begin(environment.now, own)
            else:
                waiting.append((environment.now, own))

    environment.process(arrivals())
    environment.run()
    return taken


def response_times_of_a_resource(queue: Queue, seed: str, requests: int) -> Sequence[float]:
    """The same by simpy's own queue, request by request."""
    environment, random = simpy.Environment(), Random(seed)
    servers = simpy.Resource(environment, capacity=queue.servers)
    taken = array("d")

    def request(own: float) -> Generator[simpy.Event, Any, Any]:
        arrived = environment.now
        with servers.request() as server:
            yield server
            yield environment.timeout(own)
        taken.append(environment.now - arrived)

    def arrivals() -> Generator[simpy.Event, Any, Any]:
        for gap, own in _requests(queue, random, requests):
            yield environment.timeout(gap)
            environment.process(request(own))

    environment.process(arrivals())
    environment.run()
    return taken


def _requests(queue: Queue, random: Random, count: int) -> Iterator[tuple[float, float]]:
    """The time since the one before, and the own time, of each: both exponential."""
    for _ in range(count):
        yield random.expovariate(queue.rate), random.expovariate(1 / queue.own_seconds)


def away_parts(pools: list[Pool], seed: str, hours: float) -> list[float]:
    """The part of the time that some pool has too few replicas, in batches of equal length. A repair takes an hour."""
    environment, random = simpy.Environment(), Random(seed)
    there = [pool.replicas for pool in pools]
    clock = _Outages(environment)

    def replica(index: int, pool: Pool) -> Generator[simpy.Event, Any, Any]:
        failures_an_hour = (1 - pool.replica_availability) / pool.replica_availability
        while True:
            yield environment.timeout(random.expovariate(failures_an_hour))
            there[index] -= 1
            clock.short += there[index] == pool.needed - 1
            clock.tell()
            yield environment.timeout(random.expovariate(1))
            there[index] += 1
            clock.short -= there[index] == pool.needed
            clock.tell()

    for index, pool in enumerate(pools):
        for _ in range(pool.replicas):
            environment.process(replica(index, pool))
    parts = []
    for batch in range(BATCHES):
        before = clock.away
        environment.run(until=hours / BATCHES * (batch + 1))
        clock.tell()
        parts.append((clock.away - before) / (hours / BATCHES))
    return parts


class _Outages:
    """Adds up the time during which some pool is short."""

    def __init__(self, environment: simpy.Environment) -> None:
        self._environment = environment
        self._since = 0.0
        self._was_short = False
        self.short = 0
        self.away = 0.0

    def tell(self) -> None:
        if self._was_short:
            self.away += self._environment.now - self._since
        self._since, self._was_short = self._environment.now, self.short > 0
