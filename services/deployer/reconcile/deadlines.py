"""When waiting ends: what fails for good, what has failed for too long, what takes too long. Pure; the time is given.

    at once            a final failure that began with this deployment (ProgressDeadlineExceeded, a failed Job)
    after a grace      any other failure and a pod's error: registries, dependants and nodes do come back
    resource_timeout   one object isn't healthy
    timeout            the whole isn't

An autoscaler never ends the waiting: it may have no metrics for a while, and some clusters have none at all. What it
scales stands at its minimum without it, so that it is a warning once everything else is healthy. A pod's error
keeps its beginning while the pod flaps between crash and start; it counts while it shows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from services.deployer.health.pods import UNSCHEDULABLE, PodProblem
from services.deployer.health.rules import HealthStatus
from services.deployer.health.snapshot import AUTOSCALER, ObjectStatus, UnreadyPod
from services.deployer.reconcile.clock_jumps import ClockJumps
from shared.errors import PermanentError

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


@dataclass
class Deadlines:
    """The clocks of one generation. They go on when the work starts over in the same process."""

    limits: Timeouts
    started_at: datetime
    taken_over_at: datetime
    jumps: ClockJumps = field(default_factory=ClockJumps)
    _since: dict[tuple[str, ...], datetime] = field(default_factory=dict)
    _only_autoscalers_since: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether the whole time is up. A takeover gives some more, since our own outage must not fail a deployment."""
        now = self.jumps.without(now)
        timeout = timedelta(seconds=self.limits.timeout)
        grace = min(timeout, timedelta(seconds=self.limits.takeover_grace))
        return now >= max(self.started_at + timeout, self.taken_over_at + grace)

    def longest_unscheduled(self, now: datetime) -> float:
        """Seconds since the first of the pods that have no node was seen so; 0 if all have one."""
        now = self.jumps.without(now)
        since = [moment for key, moment in self._since.items() if key[0] == _UNSCHEDULED]
        return (now - min(since)).total_seconds() if since else 0.0

    def start_at(self, now: datetime) -> None:
        """Let the whole time begin now: what came before was no time of the deployment."""
        self.started_at = self.jumps.without(now)

    def judge(self, items: Sequence[ObjectStatus], now: datetime) -> DeploymentFailed | None:
        """Why to stop waiting for `items`, or None to go on."""
        unhealthy = [item for item in items if not item.is_done]
        if all(item.ref.kind == AUTOSCALER for item in unhealthy):
            return None
        steady = self.jumps.without(now)
        symptoms = list(self._symptoms(unhealthy, now))
        self._since = {key: self._since.get(key, steady) for key, *_ in symptoms} | self._flapping(unhealthy)
        for key, grace, item, reason in symptoms:
            if (steady - self._since[key]).total_seconds() >= grace:
                return _failure(item, reason)
        if self.is_over(now):
            return self.timed_out(unhealthy)
        return None

    def tolerate(self, items: Sequence[ObjectStatus], now: datetime) -> list[ObjectStatus]:
        """`items`, with autoscalers that still can't scale as warnings once nothing else was open for a grace."""
        unhealthy = [item for item in items if not item.is_done]
        if not unhealthy or any(item.ref.kind != AUTOSCALER for item in unhealthy):
            self._only_autoscalers_since = None
            return list(items)
        steady = self.jumps.without(now)
        self._only_autoscalers_since = self._only_autoscalers_since or steady
        lasted = (steady - self._only_autoscalers_since).total_seconds()
        if lasted < self.limits.failure_grace and not self.is_over(now):
            return list(items)
        return [item if item.is_done else replace(item, tolerated=True) for item in items]

    def timed_out(self, unhealthy: Sequence[ObjectStatus]) -> DeploymentFailed:
        """The failure of the whole, by its first open object, workloads first."""
        first = min(unhealthy, key=lambda item: not item.is_workload)
        rest = f", and {len(unhealthy) - 1} more" if len(unhealthy) > 1 else ""
        failure = _failure(first, _reason(first))
        message = f"not healthy within {self.limits.timeout:g} s: {failure.message}{rest}"
        return DeploymentFailed(message, code=failure.code, item=first)

    def _symptoms(
        self, unhealthy: Sequence[ObjectStatus], now: datetime
    ) -> Iterator[tuple[tuple[str, ...], float, ObjectStatus, str]]:
        """What may end the waiting: a key to time it by, how long it may last, and how to say it."""
        for item in unhealthy:
            if item.ref.kind == AUTOSCALER:
                continue
            if item.health.status is HealthStatus.FAILED:
                yield ("failed", *item.ref.identity), self._grace_of(item), item, item.health.reason
            for note in item.waiting:
                if note.trouble is not None:
                    yield _pod_key(note, note.trouble), self._grace(note.trouble), item, _pod_reason(note)
            if (limit := self.limits.resource_timeout) is not None:
                reason = f"not healthy within {limit:g} s; {_reason(item)}"
                yield ("open", *item.ref.identity), limit, item, reason

    def _flapping(self, unhealthy: Sequence[ObjectStatus]) -> dict[tuple[str, ...], datetime]:
        """The beginnings of errors that don't show just now, of pods that still aren't ready."""
        present = {note.uid for item in unhealthy for note in item.waiting}
        return {key: since for key, since in self._since.items() if key[0] == "pod" and key[1] in present}

    def _grace_of(self, item: ObjectStatus) -> float:
        began_with_us = item.health.since is None or item.health.since >= self.started_at
        return 0.0 if item.health.final and began_with_us else self.limits.failure_grace

    def _grace(self, trouble: PodProblem) -> float:
        is_unschedulable = trouble.reason == UNSCHEDULABLE
        return self.limits.unschedulable_grace if is_unschedulable else self.limits.failure_grace


def _failure(item: ObjectStatus, reason: str) -> DeploymentFailed:
    lacks = "Insufficient " in reason or "exceeded quota" in reason
    counts = f" {item.ready}/{item.wanted} ready" if item.is_workload else ""
    return DeploymentFailed(
        f"{item.ref}:{counts}{';' if counts else ''} {reason}",
        code="INSUFFICIENT_RESOURCES" if lacks else None,
        item=item,
    )


def _reason(item: ObjectStatus) -> str:
    """The most telling reason there is: a failure, a pod's error, what it lacks, what a pod is at."""
    if item.health.status is HealthStatus.FAILED:
        return item.health.reason
    troubled = next((note for note in item.waiting if note.trouble is not None), None)
    if troubled is not None:
        return _pod_reason(troubled)
    at = f"; pod {item.waiting[0].name} is at {item.waiting[0].doing}" if item.waiting else ""
    return f"{item.health.reason}{at}"


def _pod_reason(note: UnreadyPod) -> str:
    return f"pod {note.name}: {note.trouble.text if note.trouble else note.doing}"


def _pod_key(note: UnreadyPod, trouble: PodProblem) -> tuple[str, ...]:
    """A pod that gets a node has overcome one kind of trouble; ErrImagePull and ImagePullBackOff are the same one."""
    return (_UNSCHEDULED if trouble.reason == UNSCHEDULABLE else "pod", note.uid)
