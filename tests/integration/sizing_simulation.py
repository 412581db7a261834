"""A sized tenant, played: requests that queue for its servers, and replicas that fail and come back.

The two are played apart, since failures are a million times rarer than requests. The queue has as many servers as the
sizing says are needed, the worst case that doesn't count as an outage; an outage is any time at which some
service has fewer. So a tenant that passes both keeps its response time for as much of the time as it promised.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from statistics import mean, stdev

import simpy
from scipy.stats import t as student

CONFIDENCE = 0.999
BATCHES = 20


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


def bounds(batches: list[float]) -> tuple[float, float]:
    """What the mean is at least and at most, each at `CONFIDENCE`: batch means, Student's t."""
    spread = float(student.ppf(CONFIDENCE, len(batches) - 1)) * stdev(batches) / len(batches) ** 0.5
    return mean(batches) - spread, mean(batches) + spread


def at_most(limit: float, play: Callable[[int], list[float]], *, most: int) -> bool:
    """Whether the mean is shown to be at most `limit`: its upper bound is. Plays up to `most` times as long."""
    length = 1
    while True:
        shown = bounds(play(length))[1] <= limit
        if shown or length >= most:
            return shown
        length *= 4


def slow_parts(queue: Queue, seconds: float, seed: int, requests: int) -> list[float]:
    """The part of requests that take longer than `seconds`, in batches of equal numbers of them, after a warm-up."""
    environment, random = simpy.Environment(), Random(seed)
    waiting: deque[float] = deque()
    free = queue.servers
    slow = bytearray()

    def begin(arrived: float) -> None:
        own = environment.timeout(random.expovariate(1 / queue.own_seconds))
        own.callbacks.append(lambda _: end(arrived))

    def end(arrived: float) -> None:
        nonlocal free
        slow.append(environment.now - arrived > seconds)
        if waiting:
            begin(waiting.popleft())
        else:
            free += 1

    def arrivals() -> Iterator[simpy.Event]:
        nonlocal free
        for _ in range(requests + requests // 10):
            yield environment.timeout(random.expovariate(queue.rate))
            if free:
                free -= 1
                begin(environment.now)
            else:
                waiting.append(environment.now)

    environment.process(arrivals())
    environment.run()
    size = requests // BATCHES
    return [sum(slow[-start - size : len(slow) - start]) / size for start in range(0, size * BATCHES, size)]


def away_parts(pools: list[Pool], seed: int, hours: float) -> list[float]:
    """The part of the time that some pool has too few replicas, in batches of equal length. A repair takes an hour."""
    environment, random = simpy.Environment(), Random(seed)
    there = [pool.replicas for pool in pools]
    clock = _Outages(environment)

    def replica(index: int, pool: Pool) -> Iterator[simpy.Event]:
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
