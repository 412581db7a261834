"""The steps in a pod's life: storing the new status, and scheduling the next step.

A status has whole seconds. The exact time of each pod's last step is kept in memory; after a restart the time in the
status is used.
"""

from datetime import datetime

from services.simulator.controllers.pods.pod_objects import node_of
from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.controllers.runtime.work_queue import Reconcile
from shared.kube.objects import Obj, key_of
from shared.kube.texts import parse_time

COMPONENT = "kubelet"
FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 10, 300


class PodSteps:
    """Steps of pods, for kubelets and fault injection; `again` is called with a pod's key when its next step is due."""

    def __init__(self, context: ControllerContext, again: Reconcile) -> None:
        self.context = context
        self._again = again
        self._last: dict[str, datetime] = {}

    def take(self, pod: Obj) -> Obj:
        """Store the pod's new state and remember the time of this step."""
        self._last[pod["metadata"]["uid"]] = self.context.clock.now()
        return self.context.store.replace("pods", pod)

    def is_due(self, pod: Obj, seconds: float) -> bool:
        """True if the pod's last step was at least `seconds` ago; otherwise the pod is enqueued for that time."""
        left = seconds - self.context.clock.since(self._last.get(pod["metadata"]["uid"]) or _last_step(pod))
        # Less than a millisecond is a rounding error of the clock.
        if left < 0.001:
            return True
        self.again_after(pod, left)
        return False

    def again_after(self, pod: Obj, seconds: float) -> None:
        """Enqueue the pod after a delay in seconds."""
        self.context.queue.add_after(seconds, self._again, key_of(pod))

    def note(self, pod: Obj, reason: str, message: str, container: Obj, *, warning: bool = False) -> None:
        """Record an event about one container of the pod."""
        self.context.events.record(
            pod,
            reason,
            message,
            component=COMPONENT,
            kind="Warning" if warning else "Normal",
            host=node_of(pod),
            field_path=f"spec.containers{{{container['name']}}}",
        )

    def forget(self, pod: Obj) -> None:
        """Drop the state of a deleted pod."""
        self._last.pop(pod["metadata"]["uid"], None)
        self.context.queue.forget(self._again, key_of(pod))


def backoff(failures: int) -> int:
    """Seconds before the retry after `failures` earlier retries: 10, 20, 40 ... 300, as in the kubelet."""
    return min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS << min(failures, 10))


def _last_step(pod: Obj) -> datetime:
    """The latest time in the status: when the containers started or ended, otherwise when the node admitted the pod."""
    status = pod["status"]
    first = (status.get("containerStatuses") or [{}])[0]
    started = ((first.get("state") or {}).get("running") or {}).get("startedAt")
    ended = ((first.get("lastState") or {}).get("terminated") or {}).get("finishedAt")
    return parse_time(started or ended or status["startTime"])
