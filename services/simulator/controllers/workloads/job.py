"""The Job controller: runs pods to completion until enough have succeeded or too many have failed."""

from services.simulator.controllers.pods.pod_objects import admitted, is_active, new_pod
from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.controllers.runtime.name_generator import free_name
from shared.kube.objects import Obj, ObjectKey, condition, is_ready, is_terminating, key_of
from shared.kube.texts import parse_time

JOBS = "jobs.batch"
COMPONENT = "job-controller"


class JobController:
    """Creates the pods of Jobs and reports their completion."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        context.changes.watch(JOBS, self._on_job)
        context.pod_owners.register("Job", self.reconcile)

    def reconcile(self, key: ObjectKey) -> None:
        """Reconcile the Job with this key."""
        job = self._context.store.get(JOBS, *key)
        if job is None or is_terminating(job) or self._context.terminating(key[0]):
            return
        if is_finished(job):
            self._expire(job)
            return
        pods = list(self._context.ownership.controlled(job["metadata"]["uid"], "pods"))
        succeeded, failed = _in_phase(pods, "Succeeded"), _in_phase(pods, "Failed")
        active = [pod for pod in pods if is_active(pod)]
        goal = job["spec"].get("completions") or job["spec"].get("parallelism") or 1
        conditions = []
        if failed > job["spec"].get("backoffLimit", 6):
            message = "Job has reached the specified backoff limit"
            conditions = self._conditions(("FailureTarget", "Failed"), "BackoffLimitExceeded", message)
        elif succeeded >= goal:
            message = "Reached expected number of succeeded pods"
            conditions = self._conditions(("SuccessCriteriaMet", "Complete"), "CompletionsReached", message)
        elif not job["spec"].get("suspend"):
            room = min(job["spec"].get("parallelism", 1), goal - succeeded) - len(active)
            active += [self._create(job) for _ in range(max(0, room))]
        if conditions:
            for pod in active:
                self._context.store.delete("pods", *key_of(pod))
            active = []
        self._report(job, active, succeeded, failed, conditions)

    def _create(self, job: Obj) -> Obj:
        namespace, name = key_of(job)
        pod_name = free_name(self._context, "pods", namespace, f"{name}-")
        template = job["spec"]["template"]
        labels = {
            "batch.kubernetes.io/job-name": name,
            "job-name": name,
            "batch.kubernetes.io/controller-uid": job["metadata"]["uid"],
        }
        metadata = template.get("metadata") or {}
        marked = {**template, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}}}
        pod = new_pod(job, pod_name, marked, admitted(template["spec"]), generate_name=f"{name}-")
        made = self._context.store.create("pods", pod)
        self._context.events.record(job, "SuccessfulCreate", f"Created pod: {pod_name}", component=COMPONENT)
        return made

    def _report(self, job: Obj, active: list[Obj], succeeded: int, failed: int, conditions: list[Obj]) -> None:
        before = job.get("status") or {}
        counts = {
            "active": len(active),
            "ready": sum(map(is_ready, active)),
            "succeeded": succeeded,
            "failed": failed,
        }
        status: Obj = {
            "startTime": before.get("startTime") or self._context.timestamp(),
            **{name: count for name, count in counts.items() if count},
        }
        if conditions:
            status["conditions"] = conditions
            if conditions[-1]["type"] == "Complete":
                status["completionTime"] = self._context.timestamp()
                self._context.events.record(job, "Completed", "Job completed", component=COMPONENT)
            else:
                message = conditions[-1]["message"]
                self._context.events.record(job, "BackoffLimitExceeded", message, component=COMPONENT, kind="Warning")
        self._context.store.replace(JOBS, {**job, "status": status})

    def _conditions(self, kinds: tuple[str, str], reason: str, message: str) -> list[Obj]:
        now = self._context.timestamp()
        return [
            {
                "type": kind,
                "status": "True",
                "lastProbeTime": now,
                "lastTransitionTime": now,
                "reason": reason,
                "message": message,
            }
            for kind in kinds
        ]

    def _expire(self, job: Obj) -> None:
        """Delete a finished Job after its ttlSecondsAfterFinished."""
        seconds = job["spec"].get("ttlSecondsAfterFinished")
        if seconds is None:
            return
        ended = condition(job, "Complete") or condition(job, "Failed") or {}
        left = seconds - self._context.clock.since(parse_time(ended["lastTransitionTime"]))
        if left > 0:
            self._context.queue.add_after(left, self.reconcile, key_of(job))
        else:
            self._context.store.delete(JOBS, *key_of(job))

    def _on_job(self, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            self._context.queue.add(self.reconcile, key_of(new))


def is_finished(job: Obj) -> bool:
    """True if the Job is complete or has failed."""
    found = [condition(job, "Complete"), condition(job, "Failed")]
    return any(one is not None and one["status"] == "True" for one in found)


def _in_phase(pods: list[Obj], phase: str) -> int:
    return sum((pod.get("status") or {}).get("phase") == phase for pod in pods)
