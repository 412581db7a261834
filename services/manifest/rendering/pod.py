"""The pod of an AI service: container, probes, resources, volumes."""

from math import ceil

from services.manifest.rendering.configuration import CREDENTIALS_PATH, RECORDINGS_PATH
from services.manifest.rendering.naming import ACCOUNT, CREDENTIALS, TenantScope, config_name, recordings_name
from services.manifest.rendering.placement import apart, gpu_placement
from services.manifest.rendering.redis import URL as REDIS_URL
from services.manifest.rendering.security import container_security, pod_security
from services.manifest.rendering.tenancy import RenderedWorkload
from shared.choices import HealthPaths
from shared.kube.objects import Obj
from shared.kube.placement import GPU
from shared.kube.quantities import from_bytes, from_milli

_GRACE_SECONDS = 60
"""Time for a terminating pod to finish its calls."""
_MIB = 2**20
_SCRATCH = {"request": "1Gi", "limit": "4Gi", "tmp": "2Gi"}
"""Ephemeral storage for logs and temporary files; Kubernetes doesn't count images."""


def pod_spec(workload: RenderedWorkload, scope: TenantScope) -> Obj:
    """A pod with one container named as the service, spread over zones and nodes."""
    return {
        "serviceAccountName": ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": scope.priority,
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "securityContext": pod_security(),
        **gpu_placement(workload.gpu_product),
        **apart(workload.name),
        "containers": [_container(workload, scope.tenant_id)],
        "volumes": _volumes(workload),
    }


def _container(workload: RenderedWorkload, tenant_id: str) -> Obj:
    sizing = workload.sizing
    return {
        "name": sizing.service,
        "image": workload.image,
        "imagePullPolicy": "Always",
        "ports": [{"name": "http", "protocol": "TCP", "containerPort": sizing.port}],
        "envFrom": [{"configMapRef": {"name": config_name(sizing.service)}}],
        "env": _environment(workload, tenant_id),
        "resources": _resources(workload),
        **_probes(sizing.port, workload.service.startup_seconds.value, workload.options.health or HealthPaths()),
        "securityContext": container_security(),
        "volumeMounts": _mounts(workload),
    }


def _environment(workload: RenderedWorkload, tenant_id: str) -> list[Obj]:
    """The documented variables, and those that the tenant chose."""
    ours = {"TENANT_ID": tenant_id, "SERVICE_TYPE": workload.name, "REDIS_URL": REDIS_URL}
    return [{"name": name, "value": value} for name, value in (*ours.items(), *workload.options.environment.items())]


def _resources(workload: RenderedWorkload) -> Obj:
    """Requests and limits; Kubernetes requires them to be equal for GPUs."""
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


def _probes(port: int, startup_seconds: int, chosen: HealthPaths) -> Obj:
    """The documented probes, preceded by a startup probe that allows twice the usual startup time."""
    liveness = chosen.liveness or "/health"

    def get(path: str) -> Obj:
        return {"httpGet": {"path": path, "port": port, "scheme": "HTTP"}}

    every = 5
    return {
        "startupProbe": {
            **get(chosen.startup or liveness),
            "periodSeconds": every,
            "failureThreshold": ceil(2 * startup_seconds / every),
        },
        "livenessProbe": {**get(liveness), "initialDelaySeconds": 30, "periodSeconds": 10, "timeoutSeconds": 5},
        "readinessProbe": {
            **get(chosen.readiness or "/ready"),
            "initialDelaySeconds": 5,
            "periodSeconds": 5,
            "timeoutSeconds": 3,
        },
    }


def _volumes(workload: RenderedWorkload) -> list[Obj]:
    found: list[Obj] = [
        {"name": "tmp", "emptyDir": {"sizeLimit": _SCRATCH["tmp"]}},
        # Optional: External Secrets may create it after the pods.
        {"name": "credentials", "secret": {"secretName": CREDENTIALS, "optional": True}},
    ]
    if workload.recordings_gib:
        claim = {"claimName": recordings_name(workload.name)}
        found.append({"name": "recordings", "persistentVolumeClaim": claim})
    return found


def _mounts(workload: RenderedWorkload) -> list[Obj]:
    """The mounts; the root filesystem is read-only, so only they are writable."""
    found: list[Obj] = [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
        {"name": "credentials", "mountPath": CREDENTIALS_PATH, "readOnly": True},
    ]
    if workload.recordings_gib:
        found.append({"name": "recordings", "mountPath": RECORDINGS_PATH})
    return found
