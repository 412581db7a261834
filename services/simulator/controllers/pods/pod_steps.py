"""Taking one step in a pod's life: writing it, remembering when, and coming back for the next.

A status has whole seconds; the moment of a pod's last step is remembered exactly while the process lives, and taken
from the status after a restart.
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
    """Shared by what moves pods: `again` is called with a pod's key when its next step is due."""

    def __init__(self, context: ControllerContext, again: Reconcile) -> None:
        self.context = context
        self._again = again
        self._last: dict[str, datetime] = {}

    def take(self, pod: Obj) -> Obj:
        """Writes the pod's new state and starts the clock of this step."""
        self._last[pod["metadata"]["uid"]] = self.context.clock.now()
        return self.context.store.replace("pods", pod)

    def is_due(self, pod: Obj, seconds: float) -> bool:
        """True when the pod's last step was so long ago; otherwise it will be looked at again then."""
        left = seconds - self.context.clock.since(self._last.get(pod["metadata"]["uid"]) or _last_step(pod))
        # Below a millisecond it is a rounding error of the clock, not time to wait.
        if left < 0.001:
            return True
        self.again_after(pod, left)
        return False

    def again_after(self, pod: Obj, seconds: float) -> None:
        """Looks at the pod again after so many seconds."""
        self.context.queue.add_after(seconds, self._again, key_of(pod))

    def note(self, pod: Obj, reason: str, message: str, container: Obj, *, warning: bool = False) -> None:
        """An event about one container of the pod."""
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
        """The pod is gone."""
        self._last.pop(pod["metadata"]["uid"], None)
        self.context.queue.forget(self._again, key_of(pod))


def backoff(failures: int) -> int:
    """Seconds before the next try after so many failures (from 0): 10, 20, 40 ... 300, as the kubelet waits."""
    return min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS << min(failures, 10))


def _last_step(pod: Obj) -> datetime:
    """The latest time in the status: when the containers started or ended, else when the node took the pod."""
    status = pod["status"]
    first = (status.get("containerStatuses") or [{}])[0]
    started = ((first.get("state") or {}).get("running") or {}).get("startedAt")
    ended = ((first.get("lastState") or {}).get("terminated") or {}).get("finishedAt")
    return parse_time(started or ended or status["startTime"])
