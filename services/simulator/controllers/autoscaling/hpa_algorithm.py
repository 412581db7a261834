"""The number of replicas that metrics propose: the autoscaler's algorithm. Pure.

It is the formula in Kubernetes' documentation, ceil(current * usage / target) with a tolerance of 10 %. Pods that
aren't ready or have no metrics yet count as idle for scaling up and as fully busy for scaling down; if that reverses
the decision, the size stays. Then the `behavior` applies: recent recommendations (stabilization) and the allowed speed
(policies).
"""

import math
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.kube.objects import Obj
from shared.kube.quantities import milli

TOLERANCE = 0.1
_DEFAULT_RULES: dict[str, Obj] = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 300,
        "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    },
}


class MetricError(Exception):
    """A metric that isn't available; `reason` is that of the condition ScalingActive."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class MetricSample(NamedTuple):
    """A pod's request and usage, in thousandths of a core or bytes; `used` is None before it has metrics."""

    pod: str
    requested: int
    used: int | None
    ready: bool


class Proposal(NamedTuple):
    """The replicas that one metric proposes, its entry in status.currentMetrics, and its name in messages."""

    replicas: int
    metric: Obj
    name: str


def propose(metric: Obj, current: int, samples: list[MetricSample]) -> Proposal:
    """The proposal of a Resource or ContainerResource metric. Raises MetricError."""
    field = source_field(metric)
    source = metric[field]
    resource, by_request = source["name"], source["target"].get("type") == "Utilization"
    problem = _problem(resource, samples, by_request)
    if problem:
        what = "utilization" if by_request else "usage"
        raise MetricError(f"FailedGet{metric['type']}Metric", f"failed to get {resource} {what}: {problem}")
    goals = [_goal(resource, source["target"], sample) for sample in samples]
    given = {key: value for key, value in source.items() if key != "target"}
    line = {"type": metric["type"], field: {**given, "current": _present(resource, samples, by_request)}}
    what = "container resource" if "container" in source else "resource"
    name = f"{resource} {what} utilization (percentage of request)" if by_request else f"{resource} {what}"
    return Proposal(_replicas(current, samples, goals, resource), line, name)


def source_field(metric: Obj) -> str:
    """The field that describes a metric of this type, such as `containerResource` for `ContainerResource`."""
    kind: str = metric["type"]
    return kind[0].lower() + kind[1:]


def _goal(resource: str, target: Obj, sample: MetricSample) -> float:
    """The pod's usage at the target value."""
    if target.get("type") == "Utilization":
        return float(sample.requested * target["averageUtilization"] / 100)
    return milli(target["averageValue"]) / (1 if resource == "cpu" else 1000)


def _present(resource: str, samples: list[MetricSample], by_request: bool) -> Obj:
    measured = [sample for sample in samples if sample.used is not None]
    used = sum(sample.used or 0 for sample in measured)
    average = used // len(measured)
    present: Obj = {"averageValue": f"{average}m" if resource == "cpu" else str(average)}
    if by_request:
        present["averageUtilization"] = 100 * used // sum(sample.requested for sample in measured)
    return present


def _problem(resource: str, samples: list[MetricSample], by_request: bool) -> str:
    if all(sample.used is None for sample in samples):
        return f"unable to get metrics for resource {resource}: no metrics returned from resource metrics API"
    for sample in samples:
        if by_request and not sample.requested:
            return f"missing request for {resource} in pod {sample.pod}"
    return ""


def _replicas(current: int, samples: list[MetricSample], goals: list[float], resource: str) -> int:
    """The proposed number of replicas; `goals` is the usage of each pod at the target value."""
    pairs = list(zip(samples, goals, strict=True))
    # Only cpu usage is unusual while a pod starts; memory counts from the start.
    counted = [(s.used, goal) for s, goal in pairs if s.used is not None and (s.ready or resource != "cpu")]
    absent = [(s, goal) for s, goal in pairs if s.used is None or not (s.ready or resource != "cpu")]
    if not counted:
        return current
    ratio = sum(used for used, _ in counted) / sum(goal for _, goal in counted)
    if abs(1 - ratio) <= TOLERANCE:
        return current
    if not absent:
        return math.ceil(ratio * len(counted))
    assumed = [
        (0.0 if ratio > 1 else max(goal, float(s.requested)), goal) for s, goal in absent if ratio > 1 or s.used is None
    ]
    everything = [*counted, *assumed]
    cautious = sum(used for used, _ in everything) / sum(goal for _, goal in everything)
    if abs(1 - cautious) <= TOLERANCE or (ratio < 1) != (cautious < 1):
        return current
    replicas = math.ceil(cautious * len(everything))
    return current if (cautious < 1) == (replicas > current) else replicas


class RecommendationHistory:
    """Recent recommendations and scalings; in memory only, as in Kubernetes' controller."""

    def __init__(self) -> None:
        self._recommended: list[tuple[datetime, int]] = []
        self._scaled: list[tuple[datetime, int]] = []

    def note_scaling(self, now: datetime, change: int) -> None:
        """Record that the target was scaled by `change` replicas."""
        self._scaled.append((now, change))
        self._scaled = [(when, by) for when, by in self._scaled if now - when <= timedelta(hours=1)]

    def settle(self, autoscaler: Obj, current: int, recommended: int, now: datetime) -> int:
        """The recommendation after stabilization, limited by the policies."""
        self._recommended.append((now, recommended))
        self._recommended = [(when, n) for when, n in self._recommended if now - when <= timedelta(hours=1)]
        up, down = (_rules(autoscaler, name) for name in ("scaleUp", "scaleDown"))
        highest_up = min(self._recent(now, up["stabilizationWindowSeconds"], recommended))
        lowest_down = max(self._recent(now, down["stabilizationWindowSeconds"], recommended))
        stable = min(max(current, highest_up), lowest_down)
        if stable > current:
            return min(stable, max(current, self._limit(up, current, now, +1)))
        if stable < current:
            return max(stable, min(current, self._limit(down, current, now, -1)))
        return current

    def _recent(self, now: datetime, window: int, recommended: int) -> list[int]:
        return [recommended, *(n for when, n in self._recommended if now - when < timedelta(seconds=window))]

    def _limit(self, rules: Obj, current: int, now: datetime, sign: int) -> int:
        if rules["selectPolicy"] == "Disabled":
            return current
        limits: list[int] = []
        for policy in rules["policies"]:
            period = timedelta(seconds=policy["periodSeconds"])
            done = sum(by for when, by in self._scaled if now - when < period and by * sign > 0)
            start, value = current - done, policy["value"]
            if policy["type"] == "Pods":
                limits.append(start + sign * value)
            else:
                share = start * (1 + sign * value / 100)
                limits.append(math.ceil(share) if sign > 0 else math.floor(share))
        # "Max" is the policy that allows the largest change, in either direction.
        return max(limits) if (rules["selectPolicy"] == "Max") == (sign > 0) else min(limits)


def _rules(autoscaler: Obj, name: str) -> Obj:
    given = (autoscaler["spec"].get("behavior") or {}).get(name) or {}
    return {**_DEFAULT_RULES[name], **{key: value for key, value in given.items() if value is not None}}
