"""The pod of an AI service: container, probes, resources, volumes."""

from math import ceil

from services.manifest.rendering.configuration import CREDENTIALS_PATH, RECORDINGS_PATH
from services.manifest.rendering.naming import ACCOUNT, CREDENTIALS, Obj, Place, config_name, recordings_name
from services.manifest.rendering.placement import apart, gpu_placement
from services.manifest.rendering.redis import URL as REDIS_URL
from services.manifest.rendering.security import container_security, pod_security
from services.manifest.rendering.tenancy import Workload
from shared.kube.placement import GPU
from shared.kube.quantities import from_bytes, from_milli

_GRACE_SECONDS = 60
"""For the sentences that are being spoken when a pod has to go."""
_MIB = 2**20
_SCRATCH = {"request": "1Gi", "limit": "4Gi", "tmp": "2Gi"}
"""A node's disk for logs and temporary files. Images and models aren't counted by Kubernetes."""


def pod_spec(workload: Workload, place: Place) -> Obj:
    """A pod with one container named as the service, spread over zones and nodes."""
    return {
        "serviceAccountName": ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": place.priority,
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "securityContext": pod_security(),
        **gpu_placement(workload.gpu_product),
        **apart(workload.name),
        "containers": [_container(workload, place.tenant_id)],
        "volumes": _volumes(workload),
    }


def _container(workload: Workload, tenant_id: str) -> Obj:
    sizing = workload.sizing
    return {
        "name": sizing.service,
        "image": sizing.image,
        "imagePullPolicy": "Always",
        "ports": [{"name": "http", "protocol": "TCP", "containerPort": sizing.port}],
        "envFrom": [{"configMapRef": {"name": config_name(sizing.service)}}],
        "env": [
            {"name": "TENANT_ID", "value": tenant_id},
            {"name": "SERVICE_TYPE", "value": sizing.service},
            {"name": "REDIS_URL", "value": REDIS_URL},
        ],
        "resources": _resources(workload),
        **_probes(sizing.port, workload.service.startup_seconds.value),
        "securityContext": container_security(),
        "volumeMounts": _mounts(workload),
    }


def _resources(workload: Workload) -> Obj:
    """Kubernetes wants a GPU's request and limit to be equal."""
    sizing = workload.sizing
    gpu = {GPU: str(sizing.gpu)} if sizing.gpu else {}
    return {
        "requests": {
            "cpu": from_milli(sizing.cpu_request_m),
            "memory": from_bytes(sizing.memory_request_mib * _MIB),
            "ephemeral-storage": _SCRATCH["request"],
            **gpu,
        },
        "limits": {
            "cpu": from_milli(sizing.cpu_limit_m),
            "memory": from_bytes(sizing.memory_limit_mib * _MIB),
            "ephemeral-storage": _SCRATCH["limit"],
            **gpu,
        },
    }


def _probes(port: int, startup_seconds: int) -> Obj:
    """The documented two, not asked until the startup probe is content, for which a pod has twice the usual time."""

    def get(path: str) -> Obj:
        return {"httpGet": {"path": path, "port": port, "scheme": "HTTP"}}

    every = 5
    return {
        "startupProbe": {
            **get("/health"),
            "periodSeconds": every,
            "failureThreshold": ceil(2 * startup_seconds / every),
        },
        "livenessProbe": {**get("/health"), "initialDelaySeconds": 30, "periodSeconds": 10, "timeoutSeconds": 5},
        "readinessProbe": {**get("/ready"), "initialDelaySeconds": 5, "periodSeconds": 5, "timeoutSeconds": 3},
    }


def _volumes(workload: Workload) -> list[Obj]:
    found: list[Obj] = [
        {"name": "tmp", "emptyDir": {"sizeLimit": _SCRATCH["tmp"]}},
        # Optional: with External Secrets it may come a moment after the pods.
        {"name": "credentials", "secret": {"secretName": CREDENTIALS, "optional": True}},
    ]
    if workload.recordings_gib:
        claim = {"claimName": recordings_name(workload.name)}
        found.append({"name": "recordings", "persistentVolumeClaim": claim})
    return found


def _mounts(workload: Workload) -> list[Obj]:
    """The root filesystem is read-only: what isn't mounted here can't be written to."""
    found: list[Obj] = [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
        {"name": "credentials", "mountPath": CREDENTIALS_PATH, "readOnly": True},
    ]
    if workload.recordings_gib:
        found.append({"name": "recordings", "mountPath": RECORDINGS_PATH})
    return found
