"""The redis behind the documented `REDIS_URL`: session state and caches of one tenant.

One replica with its data on a volume: the documented URL is a single address, which couldn't follow a failover to
another one. During a restart sessions wait for seconds, without data loss.
"""

from collections.abc import Iterator

from services.manifest.rendering.configuration import config_map, configuration_digest
from services.manifest.rendering.disruption import budget
from services.manifest.rendering.naming import ACCOUNT, TenantScope, config_name, instance, selector
from services.manifest.rendering.placement import apart
from services.manifest.rendering.security import container_security, pod_security
from services.manifest.rendering.storage import claim_spec
from services.manifest.rendering.tenancy import Tenancy
from shared.choices import with_registry
from shared.kube.labels import CONFIG_DIGEST, NEEDED_REPLICAS, PRESET
from shared.kube.objects import Obj
from shared.kube.quantities import from_bytes, from_milli

NAME = "redis"
SERVICE = "redis-service"
HEADLESS = "redis-headless"
PORT = 6379
URL = f"redis://{SERVICE}:{PORT}"
CPU_REQUEST_M, CPU_LIMIT_M = 250, 1000

_SESSION_KIB = 256
"""The state of a session: some turns of a conversation, and search results for it. An estimate."""
_LEAST_MIB = 256
_MIB = 2**20


def data_mib(tenancy: Tenancy) -> int:
    """The maximum data of redis, in steps of 256 MiB."""
    return max(_LEAST_MIB, -(-tenancy.sessions * _SESSION_KIB // 1024 // _LEAST_MIB) * _LEAST_MIB)


def memory_mib(tenancy: Tenancy) -> int:
    """Twice the data: to rewrite its log redis forks, and copy-on-write may double every page."""
    return 2 * data_mib(tenancy)


_SMALL_GIB, _LARGE_GIB = 16, 256


def storage_gib(tenancy: Tenancy) -> int:
    """The log before and after a rewrite, each at most twice the data, in two steps.

    The size of a claim template is immutable, so it must not follow every change of the sessions.
    """
    needed = -(-4 * data_mib(tenancy) // 1024)
    return _SMALL_GIB if needed <= _SMALL_GIB else max(_LARGE_GIB, needed)


def configuration(tenancy: Tenancy) -> Obj:
    """The ConfigMap of redis."""
    return config_map(tenancy.scope.metadata(config_name(NAME), NAME), _settings(tenancy))


def services(scope: TenantScope) -> Iterator[Obj]:
    """The documented Service, and the headless one that a StatefulSet needs."""
    port = {"name": "redis", "protocol": "TCP", "port": PORT, "targetPort": PORT}
    for name, kind in ((SERVICE, {"type": "ClusterIP"}), (HEADLESS, {"type": "ClusterIP", "clusterIP": "None"})):
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": scope.metadata(name, NAME),
            "spec": {**kind, "selector": selector(NAME), "ports": [port]},
        }


def disruption_budget(scope: TenantScope) -> Obj:
    """Allows the eviction of the only replica: it restarts on another node within seconds."""
    return budget(scope.metadata(NAME), NAME)


def stateful_set(tenancy: Tenancy) -> Obj:
    """One pod with a stable name and a volume of its own."""
    scope = tenancy.scope
    annotations = {CONFIG_DIGEST: configuration_digest(_settings(tenancy))}
    # Claim templates are immutable, so they must not have the preset, which changes with the tenant's size.
    labels = {name: value for name, value in scope.tenant_labels.items() if name != PRESET}
    data = {"metadata": {"name": "data", "labels": {**selector(NAME), **labels}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {**instance(scope.metadata(NAME)), "annotations": {NEEDED_REPLICAS: "1"}},
        "spec": {
            "serviceName": HEADLESS,
            "replicas": 1,
            "revisionHistoryLimit": 5,
            "updateStrategy": {"type": "RollingUpdate"},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Retain"},
            "selector": {"matchLabels": selector(NAME)},
            "template": {
                "metadata": {"labels": {**selector(NAME), **scope.pod_labels}, "annotations": annotations},
                "spec": _pod_spec(tenancy),
            },
            "volumeClaimTemplates": [{**data, "spec": _claim(tenancy)}],
        },
    }


def _claim(tenancy: Tenancy) -> Obj:
    return claim_spec("ReadWriteOnce", storage_gib(tenancy), tenancy.cluster.storage_class)


def _pod_spec(tenancy: Tenancy) -> Obj:
    return {
        "serviceAccountName": ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": tenancy.scope.priority,
        "terminationGracePeriodSeconds": 30,
        "securityContext": pod_security(),
        **apart(NAME),
        "containers": [_container(tenancy)],
        "volumes": [
            {"name": "config", "configMap": {"name": config_name(NAME)}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        ],
    }


def _container(tenancy: Tenancy) -> Obj:
    memory = from_bytes(memory_mib(tenancy) * _MIB)
    requests = {"cpu": from_milli(CPU_REQUEST_M), "memory": memory, "ephemeral-storage": "64Mi"}
    limits = {"cpu": from_milli(CPU_LIMIT_M), "memory": memory, "ephemeral-storage": "256Mi"}
    return {
        "name": NAME,
        "image": with_registry(tenancy.platform.redis_image, tenancy.cluster.registry),
        "imagePullPolicy": "Always",
        "args": ["redis-server", "/etc/redis/redis.conf"],
        "ports": [{"name": "redis", "protocol": "TCP", "containerPort": PORT}],
        "resources": {"requests": requests, "limits": limits},
        "startupProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 2, "failureThreshold": 150},
        "livenessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 10, "timeoutSeconds": 5},
        # While redis loads its log it accepts connections and answers -LOADING: only PING shows readiness.
        "readinessProbe": {
            "exec": {"command": ["sh", "-c", f"redis-cli -p {PORT} ping | grep -q PONG"]},
            "periodSeconds": 5,
            "timeoutSeconds": 3,
        },
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "config", "mountPath": "/etc/redis", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
        ],
    }


def _settings(tenancy: Tenancy) -> dict[str, str]:
    """The settings. Protected mode would refuse all other pods; the NetworkPolicy restricts access instead."""
    lines = (
        "bind * -::*",
        "protected-mode no",
        f"port {PORT}",
        "dir /data",
        "appendonly yes",
        "appendfsync everysec",
        f"maxmemory {data_mib(tenancy)}mb",
        "maxmemory-policy volatile-lru",
    )
    return {"redis.conf": "\n".join(lines) + "\n"}
