"""ResourceQuota and LimitRange of the tenant: the documented values, raised where the sizing needs more.

The quota allows for every autoscaler at its maximum during a rolling update. A terminating pod counts until it is gone,
so an update needs its surge twice: for the new pods, and for the old ones that finish their sessions.
"""

from collections.abc import Iterator
from typing import NamedTuple

from services.manifest.rendering import redis
from services.manifest.rendering.tenancy import Tenancy
from shared.kube.objects import Obj
from shared.kube.quantities import from_bytes, from_milli

_MIB = 2**20
_GIB = 2**30
_QUOTA = {"requests.cpu": 100_000, "limits.cpu": 200_000}
_QUOTA_MIB = {"requests.memory": 200 * 1024, "limits.memory": 400 * 1024}
_CONTAINER_CPU_M, _CONTAINER_MIB = 4000, 8192
_PODS, _SERVICES, _CLAIMS = 50, 100, 50


class _Demand(NamedTuple):
    """A number of equal pods. CPU in millicores and memory in MiB are per pod."""

    pods: int
    cpu_request: int
    cpu_limit: int
    memory_request: int
    memory_limit: int
    gpu: int = 0


def quota(tenancy: Tenancy) -> Obj:
    """The tenant's ResourceQuota. Without node ports and load balancers, the Ingress is the only way in."""
    demands = list(_demands(tenancy))
    pods = sum(each.pods for each in demands)
    hard = {
        "requests.cpu": from_milli(_raised("requests.cpu", sum(d.pods * d.cpu_request for d in demands))),
        "requests.memory": from_bytes(_raised_mib("requests.memory", sum(d.pods * d.memory_request for d in demands))),
        "limits.cpu": from_milli(_raised("limits.cpu", sum(d.pods * d.cpu_limit for d in demands))),
        "limits.memory": from_bytes(_raised_mib("limits.memory", sum(d.pods * d.memory_limit for d in demands))),
        "requests.nvidia.com/gpu": str(sum(d.pods * d.gpu for d in demands)),
        "pods": str(max(_PODS, pods)),
        "services": str(_SERVICES),
        "services.nodeports": "0",
        "services.loadbalancers": "0",
        "persistentvolumeclaims": str(_CLAIMS),
        "requests.storage": from_bytes(_storage_gib(tenancy) * _GIB),
    }
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": tenancy.scope.metadata("ecp-tenant-quota"),
        "spec": {"hard": hard},
    }


def limit_range(tenancy: Tenancy) -> Obj:
    """A container's default resources, and their minimum and maximum."""
    demands = list(_demands(tenancy))
    cpu = max(_CONTAINER_CPU_M, *(each.cpu_limit for each in demands))
    memory = max(_CONTAINER_MIB, *(each.memory_limit for each in demands))
    limits = {
        "type": "Container",
        "default": {"cpu": "1", "memory": "2Gi"},
        "defaultRequest": {"cpu": "100m", "memory": "256Mi"},
        "max": {"cpu": from_milli(cpu), "memory": from_bytes(memory * _MIB)},
        "min": {"cpu": "50m", "memory": "128Mi"},
    }
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": tenancy.scope.metadata("ecp-tenant-limits"),
        "spec": {"limits": [limits]},
    }


def _demands(tenancy: Tenancy) -> Iterator[_Demand]:
    for each in tenancy.workloads:
        sizing = each.sizing
        yield _Demand(
            sizing.max_replicas + 2 * each.surge,
            sizing.cpu_request_m,
            sizing.cpu_limit_m,
            sizing.memory_request_mib,
            sizing.memory_limit_mib,
            sizing.gpu,
        )
    memory = redis.memory_mib(tenancy)
    yield _Demand(2, redis.CPU_REQUEST_M, redis.CPU_LIMIT_M, memory, memory)


def _raised(name: str, needed: int) -> int:
    """At least the documented value; above it in whole cores."""
    return max(_QUOTA[name], -(-needed // 1000) * 1000)


def _raised_mib(name: str, needed: int) -> int:
    """At least the documented value, in bytes; above it in whole GiB."""
    return max(_QUOTA_MIB[name], -(-needed // 1024) * 1024) * _MIB


def _storage_gib(tenancy: Tenancy) -> int:
    """The storage of all claims, with a reserve of 50 % for growth."""
    claimed = sum(each.recordings_gib for each in tenancy.workloads) + redis.storage_gib(tenancy)
    return claimed + -(-claimed // 2)
