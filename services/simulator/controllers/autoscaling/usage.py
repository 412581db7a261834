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


class _LoadPattern(NamedTuple):
    """How one pod differs from others: a level, and four waves of (period in seconds, phase)."""

    level: float
    memory: float
    waves: tuple[tuple[float, float], ...]


IDLE = LoadShares(0.0, 0.0, 0.0)


def shares(uid: str, running_since: datetime, now: datetime) -> LoadShares:
    """The usage at `now` of the pod with this uid, as shares of its requests."""
    age = (now - running_since).total_seconds()
    if age < 0:
        return IDLE
    pattern, seconds = _load_pattern(uid), now.timestamp()
    drift = sum(math.sin(2 * math.pi * (seconds / period + phase)) for period, phase in pattern.waves) / len(
        pattern.waves
    )
    warm = _risen(age / WARM_UP_SECONDS)
    cpu = warm * _bounded(day_profile(now) * pattern.level * (1 + 0.25 * drift))
    memory = _bounded(_risen(age / MEMORY_FILL_SECONDS) * pattern.memory * (1 + 0.04 * drift))
    return LoadShares(cpu, memory, warm * _bounded(day_profile(now) * pattern.level * 1.1 * (1 + 0.3 * drift)))


def day_profile(now: datetime) -> float:
    """The load of the hour, 0 to 1: about 0.4 at night, peaks near 0.65 at 10:30 and 15:00 of business time. Smooth."""
    local = now.astimezone(BUSINESS_TIME)
    hour = local.hour + local.minute / 60 + local.second / 3600 + local.microsecond / 3.6e9
    return 0.40 + 0.24 * _bump(hour, 10.5, 2.2) + 0.22 * _bump(hour, 15.0, 2.5)


def container_usages(pod: Obj, now: datetime) -> list[tuple[str, ResourceUsage]]:
    """(container name, usage) for each running container of the pod."""
    status = pod.get("status") or {}
    if status.get("phase") != "Running":
        return []
    running = {
        one["name"]: one["state"]["running"]["startedAt"]
        for one in status.get("containerStatuses") or ()
        if "running" in one["state"]
    }
    found = []
    for container in pod["spec"]["containers"]:
        if started := running.get(container["name"]):
            # Each container has waves of its own, so that the containers of a pod don't rise and fall together.
            rhythm = shares(f"{pod['metadata']['uid']}/{container['name']}", parse_time(started), now)
            found.append((container["name"], _applied(rhythm, requested(container))))
    return found


def pod_usage(pod: Obj, now: datetime) -> ResourceUsage:
    """The usage of all containers of the pod together."""
    total = ResourceUsage()
    for _, used in container_usages(pod, now):
        total = total.plus(used)
    return total


def requested(container: Obj) -> Amounts:
    """The container's requests, or limits where it has no request: cpu in thousandths, others in whole units."""
    resources = container.get("resources") or {}
    return amounts({**(resources.get("limits") or {}), **(resources.get("requests") or {})})


def gpus(request: Amounts) -> int:
    """Whole GPUs of any vendor in a request."""
    return sum(amount for name, amount in request.items() if name.endswith("/gpu"))


def _applied(rhythm: LoadShares, request: Amounts) -> ResourceUsage:
    cpu = request.get("cpu") or UNREQUESTED["cpu"]
    memory = request.get("memory") or UNREQUESTED["memory"]
    return ResourceUsage(
        int(cpu * 1_000_000 * rhythm.cpu), int(memory * rhythm.memory), int(gpus(request) * 1000 * rhythm.gpu)
    )


@lru_cache(maxsize=16384)
def _load_pattern(uid: str) -> _LoadPattern:
    digest = blake2b(uid.encode(), digest_size=16).digest()
    parts = [byte / 255 for byte in digest]
    periods = ((60, 90), (120, 240), (300, 600), (700, 1200))
    waves = tuple(
        (least + (most - least) * parts[2 * index], parts[2 * index + 1]) for index, (least, most) in enumerate(periods)
    )
    return _LoadPattern(level=0.88 + 0.24 * parts[8], memory=0.62 + 0.16 * parts[9], waves=waves)


def _bump(hour: float, centre: float, width: float) -> float:
    # The day is a circle: 23:59 and 00:00 are adjacent.
    distance = min(abs(hour - centre), 24 - abs(hour - centre))
    return math.exp(-((distance / width) ** 2))


def _risen(part: float) -> float:
    """A smooth step from 0 at 0 to 1 at 1, flat at both ends."""
    part = _bounded(part)
    return part * part * (3 - 2 * part)


def _bounded(share: float) -> float:
    return min(1.0, max(0.0, share))
