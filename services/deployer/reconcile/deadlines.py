"""When waiting for a deployment ends: a final failure, one that lasts too long, or a timeout. Pure; the time is given.

    at once            a final failure that began with this deployment (ProgressDeadlineExceeded, a failed Job)
    after a grace      any other failure, and a pod's problem: registries, dependencies and nodes recover
    resource_timeout   one object isn't healthy
    timeout            the whole deployment isn't

An autoscaler never ends the waiting: it may have no metrics for a while, and some clusters have none at all. Without it
a workload keeps its minimum, so an unhealthy autoscaler is a warning once all else is healthy. The grace of a pod's
problem runs on while the pod alternates between crashing and starting, but ends the waiting only while it is visible.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from services.deployer.cluster.manifest_objects import AUTOSCALER
from services.deployer.health.pods import UNSCHEDULABLE, PodProblem
from services.deployer.health.rules import HealthStatus
from services.deployer.health.snapshot import ObjectStatus, UnreadyPod
from services.deployer.reconcile.clock_jumps import ClockJumps
from shared.errors import PermanentError
from shared.kube.objects import Obj

_UNSCHEDULED = "unscheduled"


class Timeouts(NamedTuple):
    """How long to wait for what, in seconds."""

    timeout: float
    resource_timeout: float | None
    failure_grace: float
    unschedulable_grace: float
    takeover_grace: float
    capacity_grace: float = 10.0


class DeploymentFailed(PermanentError):
    """A deployment that won't become healthy, or not in time. `item` is the object that the message names."""

    code = "DEPLOYMENT_FAILED"

    def __init__(self, message: str, *, code: str | None = None, item: ObjectStatus | None = None) -> None:
        super().__init__(message, code=code)
        self.item = item


class _Symptom(NamedTuple):
    """What ends the waiting if it lasts for `grace` seconds; `key` identifies it between two snapshots."""

    key: tuple[str, ...]
    grace: float
    item: ObjectStatus
    reason: str


@dataclass
class Deadlines:
    """The clocks of one generation. They run on when the work starts over in the same process."""

    timeouts: Timeouts
    started_at: datetime
    taken_over_at: datetime
    jumps: ClockJumps = field(default_factory=ClockJumps)
    _since: dict[tuple[str, ...], datetime] = field(default_factory=dict)
    _only_autoscalers_since: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether the timeout has passed. A takeover extends it, so that our own outage doesn't fail a deployment."""
        now = self.jumps.without(now)
        timeout = timedelta(seconds=self.timeouts.timeout)
        grace = min(timeout, timedelta(seconds=self.timeouts.takeover_grace))
        return now >= max(self.started_at + timeout, self.taken_over_at + grace)

    def longest_unscheduled(self, now: datetime) -> float:
        """Seconds since the first pod without a node was seen; 0 if all pods have one."""
        now = self.jumps.without(now)
        since = [moment for key, moment in self._since.items() if key[0] == _UNSCHEDULED]
        return (now - min(since)).total_seconds() if since else 0.0

    def start_at(self, now: datetime) -> None:
        """Start the timeout now: the time before doesn't count."""
        self.started_at = self.jumps.without(now)

    def judge(self, items: Sequence[ObjectStatus], now: datetime) -> DeploymentFailed | None:
        """The failure that ends waiting for `items`; None to continue."""
        unhealthy = [item for item in items if not item.is_done]
        if all(item.ref.kind == AUTOSCALER for item in unhealthy):
            return None
        steady = self.jumps.without(now)
        symptoms = list(self._symptoms(unhealthy))
        self._since = {each.key: self._since.get(each.key, steady) for each in symptoms} | self._flapping(unhealthy)
        for symptom in symptoms:
            if (steady - self._since[symptom.key]).total_seconds() >= symptom.grace:
                return _failure(symptom.item, symptom.reason)
        return self.timed_out(unhealthy) if self.is_over(now) else None

    def tolerate(self, items: Sequence[ObjectStatus], now: datetime) -> list[ObjectStatus]:
        """`items`, with unhealthy autoscalers as warnings once nothing else has been unhealthy for a grace."""
        unhealthy = [item for item in items if not item.is_done]
        if not unhealthy or any(item.ref.kind != AUTOSCALER for item in unhealthy):
            self._only_autoscalers_since = None
            return list(items)
        steady = self.jumps.without(now)
        self._only_autoscalers_since = self._only_autoscalers_since or steady
        lasted = (steady - self._only_autoscalers_since).total_seconds()
        if lasted < self.timeouts.failure_grace and not self.is_over(now):
            return list(items)
        return [item if item.is_done else replace(item, tolerated=True) for item in items]

    def timed_out(self, unhealthy: Sequence[ObjectStatus]) -> DeploymentFailed:
        """The failure by timeout. It names the first unhealthy object, workloads first."""
        first = min(unhealthy, key=lambda item: not item.is_workload)
        rest = f", and {len(unhealthy) - 1} more" if len(unhealthy) > 1 else ""
        failure = _failure(first, _reason(first))
        message = f"not healthy within {self.timeouts.timeout:g} s: {failure.message}{rest}"
        return DeploymentFailed(message, code=failure.code, item=first)

    def _symptoms(self, unhealthy: Sequence[ObjectStatus]) -> Iterator[_Symptom]:
        for item in unhealthy:
            if item.ref.kind == AUTOSCALER:
                continue
            if item.health.status is HealthStatus.FAILED:
                yield _Symptom(("failed", *item.ref.identity), self._grace_of(item), item, item.health.reason)
            for pod in item.unready:
                if pod.problem is not None:
                    yield _Symptom(_pod_key(pod, pod.problem), self._grace(pod.problem), item, _pod_reason(pod))
            if (limit := self.timeouts.resource_timeout) is not None:
                reason = f"not healthy within {limit:g} s; {_reason(item)}"
                yield _Symptom(("open", *item.ref.identity), limit, item, reason)

    def _flapping(self, unhealthy: Sequence[ObjectStatus]) -> dict[tuple[str, ...], datetime]:
        """The beginnings of pods' problems that aren't visible now, while the pods are still unready."""
        present = {pod.uid for item in unhealthy for pod in item.unready}
        return {key: since for key, since in self._since.items() if key[0] == "pod" and key[1] in present}

    def _grace_of(self, item: ObjectStatus) -> float:
        began_with_us = item.health.since is None or item.health.since >= self.started_at
        return 0.0 if item.health.final and began_with_us else self.timeouts.failure_grace

    def _grace(self, problem: PodProblem) -> float:
        is_unschedulable = problem.reason == UNSCHEDULABLE
        return self.timeouts.unschedulable_grace if is_unschedulable else self.timeouts.failure_grace


def explain(failure: DeploymentFailed, events: Iterable[Obj]) -> DeploymentFailed:
    """`failure` with Kubernetes' newest warning about its object or its pods, unless its message has that already."""
    if failure.item is None:
        return failure
    warnings = [event for event in events if event.get("type") == "Warning" and _concerns(event, failure.item)]
    for event in sorted(warnings, key=_event_time, reverse=True):
        message = event.get("message", "")
        if message and message not in failure.message:
            text = f"{failure.message} ({event.get('reason')}: {message})"
            return DeploymentFailed(text, code=failure.code, item=failure.item)
    return failure


def describe_terminating(namespace: Obj) -> str:
    """Why a namespace isn't gone yet, with the namespace controller's messages."""
    conditions = namespace.get("status", {}).get("conditions") or ()
    messages = [each.get("message", "") for each in conditions if each.get("status") == "True"]
    return "; ".join(message for message in messages if message) or "it is still being deleted"


def _failure(item: ObjectStatus, reason: str) -> DeploymentFailed:
    lacks = "Insufficient " in reason or "exceeded quota" in reason
    counts = f" {item.ready}/{item.wanted} ready" if item.is_workload else ""
    return DeploymentFailed(
        f"{item.ref}:{counts}{';' if counts else ''} {reason}",
        code="INSUFFICIENT_RESOURCES" if lacks else None,
        item=item,
    )


def _reason(item: ObjectStatus) -> str:
    """The most specific reason: a failure, a pod's problem, or what is missing and the state of a pod."""
    if item.health.status is HealthStatus.FAILED:
        return item.health.reason
    troubled = next((pod for pod in item.unready if pod.problem is not None), None)
    if troubled is not None:
        return _pod_reason(troubled)
    at = f"; pod {item.unready[0].name} is at {item.unready[0].state}" if item.unready else ""
    return f"{item.health.reason}{at}"


def _pod_reason(pod: UnreadyPod) -> str:
    return f"pod {pod.name}: {pod.problem.text if pod.problem else pod.state}"


def _pod_key(pod: UnreadyPod, problem: PodProblem) -> tuple[str, ...]:
    """Scheduling and running are timed apart; ErrImagePull and ImagePullBackOff are one problem."""
    return (_UNSCHEDULED if problem.reason == UNSCHEDULABLE else "pod", pod.uid)


def _concerns(event: Obj, item: ObjectStatus) -> bool:
    """Whether an event is about the object, one of its unready pods, or one of its ReplicaSets."""
    about = event.get("involvedObject", {})
    kind, name = about.get("kind"), about.get("name", "")
    if kind == "Pod":
        return any(pod.name == name for pod in item.unready)
    if kind == "ReplicaSet":
        return bool(name.rpartition("-")[0] == item.ref.name)
    return bool((kind, name) == (item.ref.kind, item.ref.name))


def _event_time(event: Obj) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")
