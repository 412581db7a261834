"""The status that a kubelet reports for each stage of a pod's life. Pure.

All containers of a pod change their state together. This is simpler than a real kubelet and enough for clients that
read readiness, restarts and reasons.
"""

from hashlib import sha256

from services.simulator.controllers.pods.pod_objects import NEVER_READY, failure_of
from services.simulator.objects import with_condition
from shared.kube.objects import Obj

NOT_READY = "ContainersNotReady"


def admitted(pod: Obj, host_ip: str, now: str) -> Obj:
    """The status of a pod that its node has admitted and whose images are being pulled."""
    waits = "PodInitializing" if pod["spec"].get("initContainers") else "ContainerCreating"
    status = {
        **(pod.get("status") or {}),
        "phase": "Pending",
        "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}],
        "startTime": now,
        "containerStatuses": [waiting(container, {"reason": waits}) for container in _containers(pod)],
    }
    if pod["spec"].get("initContainers"):
        status["initContainerStatuses"] = [waiting(one, {"reason": waits}) for one in pod["spec"]["initContainers"]]
    return _with_conditions(
        pod, status, now, sandbox=False, initialized=not pod["spec"].get("initContainers"), ready=False
    )


def held_up(pod: Obj, reason: str, message: str, now: str, last: Obj | None = None) -> Obj:
    """The status while the containers wait for `reason`, such as ErrImagePull; `last` is their previous end."""
    status = pod["status"]
    known = {one["name"]: one for one in status.get("containerStatuses") or ()}
    state = {"waiting": {"reason": reason, "message": message}}
    changed = [
        {**known[name], "state": state, "ready": False, "started": False} | ({"lastState": last} if last else {})
        for container in _containers(pod)
        if (name := container["name"]) in known
    ]
    status = {**status, "containerStatuses": changed}
    return _with_conditions(pod, status, now, sandbox=True, initialized=True, ready=False)


def running(pod: Obj, pod_ip: str, now: str, restarts: int = 0, last: Obj | None = None) -> Obj:
    """The status of running containers; those without probes are ready."""
    containers = [_running(pod, container, now, restarts, last) for container in _containers(pod)]
    status = {
        **pod["status"],
        "phase": "Running",
        "podIP": pod_ip,
        "podIPs": [{"ip": pod_ip}],
        "containerStatuses": containers,
    }
    if inits := pod["spec"].get("initContainers"):
        status["initContainerStatuses"] = [_init_done(pod, one, now) for one in inits]
    ready = all(one["ready"] for one in containers)
    return _with_conditions(pod, status, now, sandbox=True, initialized=True, ready=ready)


def ready(pod: Obj, now: str) -> Obj:
    """The status after all probes have passed."""
    containers = [{**one, "ready": True, "started": True} for one in pod["status"]["containerStatuses"]]
    status = {**pod["status"], "containerStatuses": containers}
    return _with_conditions(pod, status, now, sandbox=True, initialized=True, ready=True)


def ended(pod: Obj, phase: str, now: str) -> Obj:
    """The status after all containers have ended; `phase` is Succeeded or Failed."""
    reason, code = ("Completed", 0) if phase == "Succeeded" else ("Error", 1)
    containers = [
        {**one, "state": terminated(one, reason, code, now), "ready": False, "started": False}
        for one in pod["status"]["containerStatuses"]
    ]
    status = {**pod["status"], "phase": phase, "containerStatuses": containers}
    return _with_conditions(
        pod,
        status,
        now,
        sandbox=False,
        initialized=True,
        ready=False,
        reason=f"Pod{'Completed' if code == 0 else 'Failed'}",
    )


def terminated(container: Obj, reason: str, code: int, now: str) -> Obj:
    """The state `terminated` of a container that was running."""
    started = ((container.get("state") or {}).get("running") or {}).get("startedAt", now)
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason,
            "startedAt": started,
            "finishedAt": now,
            "containerID": container.get("containerID", ""),
        }
    }


def waiting(container: Obj, why: Obj) -> Obj:
    """The status of a container that doesn't run yet."""
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "state": {"waiting": why},
        "lastState": {},
        "ready": False,
        "started": False,
        "restartCount": 0,
    }


def _running(pod: Obj, container: Obj, now: str, restarts: int, last: Obj | None) -> Obj:
    probed = bool(container.get("readinessProbe") or container.get("startupProbe"))
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": image_id(container["image"]),
        "containerID": _container_id(pod, container, restarts),
        "state": {"running": {"startedAt": now}},
        "lastState": last or {},
        "ready": not probed and failure_of(pod) != NEVER_READY,
        "started": not container.get("startupProbe"),
        "restartCount": restarts,
    }


def _init_done(pod: Obj, container: Obj, now: str) -> Obj:
    done = _running(pod, container, now, 0, None)
    if container.get("restartPolicy") == "Always":
        return {**done, "ready": True, "started": True}
    return {**done, "state": terminated(done, "Completed", 0, now), "ready": True, "started": False}


def image_id(image: str) -> str:
    """A reference by digest, which depends only on the image's name."""
    repository = image.partition("@")[0]
    head, _, tail = repository.rpartition("/")
    plain = tail.partition(":")[0]
    repository = f"{head}/{plain}" if head else plain
    return f"{repository}@sha256:{sha256(image.encode()).hexdigest()}"


def _container_id(pod: Obj, container: Obj, restarts: int) -> str:
    about = f"{pod['metadata']['uid']}/{container['name']}/{restarts}"
    return f"containerd://{sha256(about.encode()).hexdigest()}"


def _containers(pod: Obj) -> list[Obj]:
    containers: list[Obj] = pod["spec"]["containers"]
    return containers


def _with_conditions(
    pod: Obj, status: Obj, now: str, *, sandbox: bool, initialized: bool, ready: bool, reason: str = NOT_READY
) -> Obj:
    """The pod with this status and the five standard conditions."""
    unready = " ".join(container["name"] for container in _containers(pod))
    why = {} if ready else {"reason": reason}
    if not ready and reason == NOT_READY:
        why["message"] = f"containers with unready status: [{unready}]"
    conditions = status.get("conditions") or []
    for kind, holds, more in (
        ("PodReadyToStartContainers", sandbox, {}),
        ("Initialized", initialized, {} if initialized else {"reason": "ContainersNotInitialized"}),
        ("Ready", ready, why),
        ("ContainersReady", ready, why),
    ):
        found = {"type": kind, "status": "True" if holds else "False", "lastProbeTime": None, "lastTransitionTime": now}
        conditions = with_condition(conditions, {**found, **more})
    return {**pod, "status": {**status, "conditions": conditions}}
