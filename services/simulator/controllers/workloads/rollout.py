"""The sizes of a Deployment's ReplicaSets in each step of a rollout. Pure.

The rules are those of Kubernetes' deployment controller: never more than replicas + maxSurge pods, never fewer
available ones than replicas - maxUnavailable, broken old pods go first, and a Deployment that is resized in the
middle of a rollout spreads the difference over its ReplicaSets in proportion.
"""

import math
from typing import NamedTuple

from shared.kube.objects import Obj, annotations_of

DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"


class RolloutLimits(NamedTuple):
    """How many pods a rollout may have above the desired number (`surge`), or lack (`unavailable`)."""

    surge: int
    unavailable: int


def wanted(workload: Obj) -> int:
    """spec.replicas; absent is 1."""
    replicas = workload["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def available(replica_set: Obj) -> int:
    """status.availableReplicas; absent is 0."""
    return int((replica_set.get("status") or {}).get("availableReplicas") or 0)


def is_rolling(deployment: Obj) -> bool:
    """True unless the strategy is Recreate."""
    strategy = deployment["spec"].get("strategy") or {}
    return bool(strategy.get("type", "RollingUpdate") == "RollingUpdate")


def limits(deployment: Obj) -> RolloutLimits:
    """The limits maxSurge (rounded up) and maxUnavailable (rounded down; at least 1 if both are zero)."""
    replicas = wanted(deployment)
    if not is_rolling(deployment):
        return RolloutLimits(0, 0)
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    surge = resolve(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = resolve(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return RolloutLimits(surge, min(unavailable, replicas))


def resolve(value: int | str, total: int, *, up: bool) -> int:
    """An IntOrString: a number, or a percentage of `total` rounded up or down."""
    if isinstance(value, str) and value.endswith("%"):
        share = int(value[:-1]) * total
        return -(-share // 100) if up else share // 100
    return int(value)


def new_size(deployment: Obj, new: Obj | None, sets: list[Obj]) -> int:
    """The next size of the new ReplicaSet; `sets` are all ReplicaSets, `new` is None before its creation."""
    present, goal = (wanted(new) if new else 0), wanted(deployment)
    if not is_rolling(deployment) or present > goal:
        return goal
    room = goal + limits(deployment).surge - sum(map(wanted, sets))
    return present + max(0, min(room, goal - present))


def shrink_old(deployment: Obj, new: Obj | None, old: list[Obj]) -> dict[str, int]:
    """The next sizes of the old ReplicaSets that can shrink now, by name."""
    least = wanted(deployment) - limits(deployment).unavailable
    everything = [*old, new] if new else old
    starting = wanted(new) - available(new) if new else 0
    room = sum(map(wanted, everything)) - least - starting
    if room <= 0:
        return {}
    sizes = {one["metadata"]["name"]: wanted(one) for one in old}
    oldest_first = sorted(old, key=_age)
    for one in oldest_first:
        room -= _take(sizes, one, min(wanted(one) - available(one), room))
    spare = sum(map(available, everything)) - least
    for one in oldest_first:
        spare -= _take(sizes, one, spare)
    return {name: size for one in old if (size := sizes[name := one["metadata"]["name"]]) != wanted(one)}


def _take(sizes: dict[str, int], one: Obj, most: int) -> int:
    name = one["metadata"]["name"]
    taken = min(sizes[name], max(0, most))
    sizes[name] -= taken
    return taken


def spread(deployment: Obj, sets: list[Obj]) -> dict[str, int]:
    """Sizes by name after a resize during a rollout: proportional, with the remainder added to the largest."""
    goal = wanted(deployment)
    allowed = goal + limits(deployment).surge if goal else 0
    missing = allowed - sum(map(wanted, sets))
    newest_first = sorted(sets, key=_age, reverse=missing > 0)
    by_size = sorted(newest_first, key=lambda one: -wanted(one))
    sizes: dict[str, int] = {}
    added = 0
    for one in by_size:
        share = _share(deployment, one, allowed) if missing and added != missing else 0
        share = min(share, missing - added) if missing > 0 else max(share, missing - added)
        sizes[one["metadata"]["name"]] = wanted(one) + share
        added += share
    if by_size:
        first = by_size[0]["metadata"]["name"]
        sizes[first] = max(0, sizes[first] + missing - added)
    return sizes


def _share(deployment: Obj, one: Obj, allowed: int) -> int:
    """The change of this ReplicaSet's size that keeps its proportion of the new total."""
    if wanted(deployment) == 0:
        return -wanted(one)
    noted = annotations_of(one).get(MAXIMUM)
    before = int(noted) if noted else int((deployment.get("status") or {}).get("replicas") or 0)
    if before == 0:
        return 0
    return math.floor(wanted(one) * allowed / before + 0.5) - wanted(one)


def _age(one: Obj) -> tuple[str, str]:
    return one["metadata"]["creationTimestamp"], one["metadata"]["name"]
