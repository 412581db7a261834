"""Simulated usage of pods: cpu, memory and GPU as shares of their requests. Pure.

Usage is a function of the pod's uid and the time, so that it is the same after a restart and for every reader. It is
a sum of slow waves: the profile of a working day (quiet at night, two peaks, as in call centres), and a drift of each
pod with periods from one to twenty minutes. It changes by a few hundredths at most within five seconds. Over the pods
of a cluster, cpu averages about 60 % of the requests at noon and 40 % at night; memory rises to about 70 % within
minutes of the start and then varies slightly; GPU usage follows the cpu. A pod that doesn't run uses nothing, and its
load increases gradually after the start.
"""

import math
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from services.simulator.controllers.scheduling.placement import Amounts, amounts
from shared.kube.objects import Obj
from shared.kube.texts import parse_time

# The time zone of the call centres for which the product is made.
BUSINESS_TIME = timezone(timedelta(hours=9))
WARM_UP_SECONDS = 90.0
MEMORY_FILL_SECONDS = 120.0
# Usage of a container without requests at full load: thousandths of a core, bytes.
UNREQUESTED: Amounts = {"cpu": 50, "memory": 64 * 2**20}


class ResourceUsage(NamedTuple):
    """Usage: cpu in billionths of a core (nanocores), memory in bytes, GPUs in thousandths."""

    cpu: int = 0
    memory: int = 0
    gpu: int = 0

    def plus(self, other: "ResourceUsage") -> "ResourceUsage":
        """The sum of both."""
        return ResourceUsage(self.cpu + other.cpu, self.memory + other.memory, self.gpu + other.gpu)


class LoadShares(NamedTuple):
    """Usage as a share of the request, 0 to 1."""

    cpu: float
    memory: float
    gpu: float


_Wave = tuple[float, float]


class _LoadPattern(NamedTuple):
    """How one pod differs from others: a level, and four waves of (period in seconds, phase)."""

    level: float
    memory: float
    waves: tuple[_Wave, _Wave, _Wave, _Wave]


IDLE = LoadShares(0.0, 0.0, 0.0)


class Moment(NamedTuple):
    """A time, and what all pods have in common then."""

    now: datetime
    seconds: float
    profile: float

    @classmethod
    def at(cls, now: datetime) -> "Moment":
        """The moment `now`."""
        return cls(now, now.timestamp(), day_profile(now))


class ContainerLoad(NamedTuple):
    """A running container: everything on which its usage depends besides the time. cpu is in thousandths of a core."""

    name: str
    running_since: datetime
    pattern: _LoadPattern
    cpu: int
    memory: int
    gpus: int


def shares(uid: str, running_since: datetime, now: datetime) -> LoadShares:
    """The usage at `now` of the pod with this uid, as shares of its requests."""
    return _shares(_load_pattern(uid), running_since, Moment.at(now))


def _shares(pattern: _LoadPattern, running_since: datetime, moment: Moment) -> LoadShares:
    age = (moment.now - running_since).total_seconds()
    if age < 0:
        return IDLE
    seconds, sine, turn = moment.seconds, math.sin, 2 * math.pi
    # Not a loop, which takes twice as long: this is most of the work for the metrics of ten thousand pods.
    (one, first), (two, second), (three, third), (four, fourth) = pattern.waves
    drift = (
        sine(turn * (seconds / one + first))
        + sine(turn * (seconds / two + second))
        + sine(turn * (seconds / three + third))
        + sine(turn * (seconds / four + fourth))
    ) / 4
    warm, filled = _risen(age / WARM_UP_SECONDS), _risen(age / MEMORY_FILL_SECONDS)
    load = moment.profile * pattern.level
    return LoadShares(
        warm * _bounded(load * (1 + 0.25 * drift)),
        _bounded(filled * pattern.memory * (1 + 0.04 * drift)),
        warm * _bounded(load * 1.1 * (1 + 0.3 * drift)),
    )


def day_profile(now: datetime) -> float:
    """The load of the hour, 0 to 1: about 0.4 at night, peaks near 0.65 at 10:30 and 15:00 of business time. Smooth."""
    local = now.astimezone(BUSINESS_TIME)
    hour = local.hour + local.minute / 60 + local.second / 3600 + local.microsecond / 3.6e9
    return 0.40 + 0.24 * _bump(hour, 10.5, 2.2) + 0.22 * _bump(hour, 15.0, 2.5)


def container_usages(pod: Obj, now: datetime) -> list[tuple[str, ResourceUsage]]:
    """(container name, usage) for each running container of the pod."""
    moment = Moment.at(now)
    return [(load.name, usage_at(load, moment)) for load in container_loads(pod)]


def container_loads(pod: Obj) -> list[ContainerLoad]:
    """The running containers of the pod."""
    status = pod.get("status") or {}
    if status.get("phase") != "Running":
        return []
    running = {
        one["name"]: one["state"]["running"]["startedAt"]
        for one in status.get("containerStatuses") or ()
        if "running" in one["state"]
    }
    return [
        _load(pod["metadata"]["uid"], container, parse_time(started))
        for container in pod["spec"]["containers"]
        if (started := running.get(container["name"]))
    ]


def usage_at(load: ContainerLoad, moment: Moment) -> ResourceUsage:
    """What the container uses at a moment."""
    rhythm = _shares(load.pattern, load.running_since, moment)
    return ResourceUsage(
        int(load.cpu * 1_000_000 * rhythm.cpu), int(load.memory * rhythm.memory), int(load.gpus * 1000 * rhythm.gpu)
    )


def requested(container: Obj) -> Amounts:
    """The container's requests, or limits where it has no request: cpu in thousandths, others in whole units."""
    resources = container.get("resources") or {}
    return amounts({**(resources.get("limits") or {}), **(resources.get("requests") or {})})


def gpus(request: Amounts) -> int:
    """Whole GPUs of any vendor in a request."""
    return sum(amount for name, amount in request.items() if name.endswith("/gpu"))


def _load(uid: str, container: Obj, since: datetime) -> ContainerLoad:
    name, request = container["name"], requested(container)
    cpu, memory = (request.get(each) or UNREQUESTED[each] for each in ("cpu", "memory"))
    # Each container has waves of its own, so that the containers of a pod don't rise and fall together.
    return ContainerLoad(name, since, _load_pattern(f"{uid}/{name}"), cpu, memory, gpus(request))


@lru_cache(maxsize=16384)
def _load_pattern(uid: str) -> _LoadPattern:
    digest = blake2b(uid.encode(), digest_size=16).digest()
    parts = [byte / 255 for byte in digest]

    def wave(index: int, least: int, most: int) -> _Wave:
        return least + (most - least) * parts[2 * index], parts[2 * index + 1]

    waves = (wave(0, 60, 90), wave(1, 120, 240), wave(2, 300, 600), wave(3, 700, 1200))
    return _LoadPattern(level=0.88 + 0.24 * parts[8], memory=0.62 + 0.16 * parts[9], waves=waves)


def _bump(hour: float, centre: float, width: float) -> float:
    # The day is a circle: 23:59 and 00:00 are adjacent.
    distance = min(abs(hour - centre), 24 - abs(hour - centre))
    return math.exp(-((distance / width) ** 2))


def _risen(part: float) -> float:
    """A smooth step from 0 at 0 to 1 at 1, flat at both ends."""
    if part >= 1.0:
        return 1.0
    part = _bounded(part)
    return part * part * (3 - 2 * part)


def _bounded(share: float) -> float:
    return 0.0 if share < 0.0 else min(share, 1.0)
