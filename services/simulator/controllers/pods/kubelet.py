"""The kubelets of all nodes: the life of a pod after its binding.

A pod pulls its images, starts, becomes ready and finally stops. Each step is taken when it is due and enqueues the
next. A pod's progress is in its status alone, so that a restarted simulator continues from it. `fault_injection`
handles pods that are annotated to fail.
"""

from datetime import datetime

from services.simulator.controllers.pods import pod_status
from services.simulator.controllers.pods.addresses import Addresses
from services.simulator.controllers.pods.fault_injection import FaultInjection
from services.simulator.controllers.pods.pod_objects import node_of
from services.simulator.controllers.pods.pod_steps import PodSteps
from services.simulator.controllers.pods.pod_timing import PodTiming
from services.simulator.controllers.runtime.context import ControllerContext
from shared.kube.objects import Obj, ObjectKey, is_ready, is_terminating, key_of


class Kubelets:
    """Takes the steps in the life of bound pods."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        self._steps = PodSteps(context, self.reconcile)
        self._fault_injection = FaultInjection(self._steps)
        self._addresses = Addresses(context.store)
        self._images: set[tuple[str, str]] = set()
        self._stopping: dict[str, datetime] = {}
        self._timings: dict[str, PodTiming] = {}
        context.changes.watch("pods", self._on_pod)
        context.changes.watch("nodes", self._on_node)

    def reconcile(self, key: ObjectKey) -> None:
        """Take the pod's next step if it is due; otherwise enqueue the pod for that time."""
        pod = self._context.store.get("pods", *key)
        if pod is None or not node_of(pod):
            return
        if self._context.store.get("nodes", "", node_of(pod)) is None:
            self._context.store.delete("pods", *key, grace_seconds=0)
        elif is_terminating(pod):
            self._stop(pod)
        elif "startTime" not in (pod.get("status") or {}):
            self._admit(pod)
        elif pod["status"]["phase"] in ("Pending", "Running"):
            self._advance(pod)

    def _advance(self, pod: Obj) -> None:
        timing = self._timing(pod)
        runs = "running" in pod["status"]["containerStatuses"][0]["state"]
        seconds = 0.0 if runs else self._seconds_to_start(pod, timing)
        if self._fault_injection.step(pod, timing, seconds):
            return
        if runs:
            self._while_running(pod, timing)
        elif self._steps.is_due(pod, seconds):
            self._start(pod, timing)

    def _admit(self, pod: Obj) -> None:
        host_ip = self._addresses.host(node_of(pod))
        pod = self._steps.take(pod_status.admitted(pod, host_ip, self._context.timestamp()))
        for container in pod["spec"]["containers"]:
            if not self._has_image(pod, container):
                self._steps.note(pod, "Pulling", f'Pulling image "{container["image"]}"', container)
        self._advance(pod)

    def _seconds_to_start(self, pod: Obj, timing: PodTiming) -> float:
        missing = {one["image"] for one in pod["spec"]["containers"] if not self._has_image(pod, one)}
        return sum(timing.pull(image).seconds for image in sorted(missing)) + timing.start

    def _start(self, pod: Obj, timing: PodTiming) -> None:
        for container in pod["spec"]["containers"]:
            self._note_pull(pod, container, timing)
        pod = self._steps.take(pod_status.running(pod, self._addresses.assign(pod), self._context.timestamp()))
        for container in pod["spec"]["containers"]:
            self._images.add((node_of(pod), container["image"]))
            self._steps.note(pod, "Created", f"Created container: {container['name']}", container)
            self._steps.note(pod, "Started", f"Started container {container['name']}", container)
        self._advance(pod)

    def _while_running(self, pod: Obj, timing: PodTiming) -> None:
        if pod["spec"].get("restartPolicy", "Always") != "Always":
            if self._steps.is_due(pod, timing.complete()):
                self._steps.take(pod_status.ended(pod, "Succeeded", self._context.timestamp()))
        elif not is_ready(pod) and self._steps.is_due(pod, timing.ready):
            self._steps.take(pod_status.ready(pod, self._context.timestamp()))

    def _stop(self, pod: Obj) -> None:
        """Stop the pod after one or two seconds, or at the end of its grace period if that is sooner."""
        uid, grace = pod["metadata"]["uid"], pod["metadata"].get("deletionGracePeriodSeconds") or 0
        if uid not in self._stopping:
            self._stopping[uid] = self._context.clock.now()
            for container in pod["spec"]["containers"]:
                self._steps.note(pod, "Killing", f"Stopping container {container['name']}", container)
        seconds = min(float(grace), self._timing(pod).stop())
        left = seconds - self._context.clock.since(self._stopping[uid])
        if left > 0.001:
            self._steps.again_after(pod, left)
        else:
            self._context.store.delete("pods", *key_of(pod), grace_seconds=0)

    def _timing(self, pod: Obj) -> PodTiming:
        uid = pod["metadata"]["uid"]
        found = self._timings.get(uid)
        if found is None:
            found = self._timings[uid] = PodTiming(self._context.seed, pod)
        return found

    def _has_image(self, pod: Obj, container: Obj) -> bool:
        return container.get("imagePullPolicy") != "Always" and (node_of(pod), container["image"]) in self._images

    def _note_pull(self, pod: Obj, container: Obj, timing: PodTiming) -> None:
        image = container["image"]
        if self._has_image(pod, container):
            message = f'Container image "{image}" already present on machine'
        else:
            took, size = timing.pull(image)
            message = (
                f'Successfully pulled image "{image}" in {took:.3f}s ({took:.3f}s including waiting). '
                f"Image size: {size} bytes."
            )
        self._steps.note(pod, "Pulled", message, container)

    def _on_pod(self, old: Obj | None, new: Obj | None) -> None:
        self._addresses.observe(old, new)
        if new is None:
            if old is not None:
                self._steps.forget(old)
                self._fault_injection.forget(old)
                self._stopping.pop(old["metadata"]["uid"], None)
                self._timings.pop(old["metadata"]["uid"], None)
            return
        if old is None:
            self._recall_images(new)
        if node_of(new) and (old is None or _concerns_the_node(old, new)):
            self._context.queue.add(self.reconcile, key_of(new))

    def _recall_images(self, pod: Obj) -> None:
        for status in (pod.get("status") or {}).get("containerStatuses") or ():
            if status.get("imageID"):
                self._images.add((node_of(pod), status["image"]))

    def _on_node(self, old: Obj | None, new: Obj | None) -> None:
        """Delete the pods of a deleted node."""
        if new is None and old is not None:
            for pod in self._context.store.list("pods"):
                if node_of(pod) == old["metadata"]["name"]:
                    self._context.queue.add(self.reconcile, key_of(pod))


def _concerns_the_node(old: Obj, new: Obj) -> bool:
    before, after = old["metadata"], new["metadata"]
    return (
        node_of(old) != node_of(new)
        or before.get("deletionTimestamp") != after.get("deletionTimestamp")
        or before.get("annotations") != after.get("annotations")
    )
