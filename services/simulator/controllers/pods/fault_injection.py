"""Fault injection: the annotation `simulator.ecp.ai/fail` on a pod template makes its pods fail.

`image-pull`: alternates between ErrImagePull and ImagePullBackOff. `crash-loop`: ends with exit code 1 after a second
or two, then CrashLoopBackOff with an increasing delay. `never-ready`: runs, but its readiness probe always fails.
When the annotation is removed, the pod recovers at its next retry.
"""

from services.simulator.controllers.pods import pod_status
from services.simulator.controllers.pods.pod_objects import CRASH_LOOP, IMAGE_PULL, NEVER_READY, failure_of
from services.simulator.controllers.pods.pod_steps import PodSteps, backoff
from services.simulator.controllers.pods.pod_timing import PodTiming
from shared.kube.objects import Obj, is_ready

# How long the reason is ErrImagePull before it becomes ImagePullBackOff.
PULL_ERROR_SECONDS = 2.0


class FaultInjection:
    """Takes the steps of failing pods in place of the kubelet."""

    def __init__(self, steps: PodSteps) -> None:
        self._steps = steps
        self._pull_failures: dict[str, int] = {}

    def step(self, pod: Obj, timing: PodTiming, seconds_to_start: float) -> bool:
        """True if the pod's next step belongs to a fault, whether due or not; False if the kubelet takes it."""
        state = pod["status"]["containerStatuses"][0]["state"]
        reason = (state.get("waiting") or {}).get("reason")
        failure = failure_of(pod)
        if reason == "CrashLoopBackOff":
            self._back_off_crash(pod)
        elif reason == "ErrImagePull":
            self._show_pull_error(pod)
        elif reason == "ImagePullBackOff":
            return self._back_off_pull(pod, failure)
        elif failure == IMAGE_PULL and "running" not in state:
            self._pull(pod, seconds_to_start)
        elif failure == CRASH_LOOP and "running" in state:
            self._crash(pod, timing)
        elif failure == NEVER_READY and "running" in state and not is_ready(pod):
            self._probe(pod, timing)
        else:
            return False
        return True

    def forget(self, pod: Obj) -> None:
        """Drop the state of a deleted pod."""
        self._pull_failures.pop(pod["metadata"]["uid"], None)

    def _pull(self, pod: Obj, seconds: float) -> None:
        if self._steps.is_due(pod, seconds):
            self._fail_pull(pod)

    def _fail_pull(self, pod: Obj) -> None:
        uid = pod["metadata"]["uid"]
        self._pull_failures[uid] = self._pull_failures.get(uid, 0) + 1
        for container in pod["spec"]["containers"]:
            message = f'Failed to pull image "{container["image"]}": {_not_found(container["image"])}'
            self._steps.note(pod, "Failed", message, container, warning=True)
            self._steps.note(pod, "Failed", "Error: ErrImagePull", container, warning=True)
        message = _not_found(pod["spec"]["containers"][0]["image"])
        pod = self._hold_up(pod, "ErrImagePull", message)
        self._steps.is_due(pod, PULL_ERROR_SECONDS)

    def _show_pull_error(self, pod: Obj) -> None:
        if not self._steps.is_due(pod, PULL_ERROR_SECONDS):
            return
        for container in pod["spec"]["containers"]:
            self._steps.note(pod, "BackOff", f'Back-off pulling image "{container["image"]}"', container)
            self._steps.note(pod, "Failed", "Error: ImagePullBackOff", container, warning=True)
        pod = self._hold_up(
            pod, "ImagePullBackOff", f'Back-off pulling image "{pod["spec"]["containers"][0]["image"]}"'
        )
        self._steps.is_due(pod, self._pull_backoff(pod))

    def _back_off_pull(self, pod: Obj, failure: str | None) -> bool:
        if not self._steps.is_due(pod, self._pull_backoff(pod)):
            return True
        if failure == IMAGE_PULL:
            self._fail_pull(pod)
            return True
        return False

    def _pull_backoff(self, pod: Obj) -> int:
        return backoff(self._pull_failures.get(pod["metadata"]["uid"], 1) - 1)

    def _crash(self, pod: Obj, timing: PodTiming) -> None:
        container = pod["status"]["containerStatuses"][0]
        restarts = container["restartCount"]
        if not self._steps.is_due(pod, timing.crash(restarts)):
            return
        now = self._steps.context.timestamp()
        if pod["spec"].get("restartPolicy") == "Never":
            self._steps.take(pod_status.ended(pod, "Failed", now))
            return
        last = pod_status.terminated(container, "Error", 1, now)
        if restarts == 0:
            self._restart(pod, last)
            return
        about = f"{pod['metadata']['name']}_{pod['metadata']['namespace']}({pod['metadata']['uid']})"
        wait = backoff(restarts - 1)
        message = f"back-off {_go_duration(wait)} restarting failed container={container['name']} pod={about}"
        text = f"Back-off restarting failed container {container['name']} in pod {about}"
        self._steps.note(pod, "BackOff", text, container, warning=True)
        pod = self._hold_up(pod, "CrashLoopBackOff", message, last)
        self._steps.is_due(pod, wait)

    def _back_off_crash(self, pod: Obj) -> None:
        container = pod["status"]["containerStatuses"][0]
        if self._steps.is_due(pod, backoff(container["restartCount"] - 1)):
            self._restart(pod, container.get("lastState") or {})

    def _restart(self, pod: Obj, last: Obj) -> None:
        """Restart the containers; the pod keeps its address."""
        restarts = pod["status"]["containerStatuses"][0]["restartCount"] + 1
        now = self._steps.context.timestamp()
        pod = self._steps.take(pod_status.running(pod, pod["status"]["podIP"], now, restarts, last))
        for container in pod["spec"]["containers"]:
            self._steps.note(pod, "Created", f"Created container: {container['name']}", container)
            self._steps.note(pod, "Started", f"Started container {container['name']}", container)
        self._steps.again_after(pod, 0.0)

    def _probe(self, pod: Obj, timing: PodTiming) -> None:
        if not self._steps.is_due(pod, timing.ready):
            return
        container = pod["spec"]["containers"][0]
        probe = container.get("readinessProbe") or container.get("startupProbe") or {}
        kind = "Readiness" if container.get("readinessProbe") else "Startup"
        message = f"{kind} probe failed: HTTP probe failed with statuscode: 503"
        self._steps.note(pod, "Unhealthy", message, container, warning=True)
        self._steps.again_after(pod, probe.get("periodSeconds") or 10)

    def _hold_up(self, pod: Obj, reason: str, message: str, last: Obj | None = None) -> Obj:
        return self._steps.take(pod_status.held_up(pod, reason, message, self._steps.context.timestamp(), last))


def _not_found(image: str) -> str:
    return (
        f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": '
        f'failed to resolve reference "{image}": {image}: not found'
    )


def _go_duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
