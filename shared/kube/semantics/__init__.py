"""Rules about an object beyond its schema, in the API server's words.

The schema knows that a port is a number; that 70000 is none, that `banana` is no quantity, and that a selector has
to match its template is known here. Used twice: the simulator refuses with these causes, and the manifest service
checks what it renders before a cluster has to.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from shared.kube.semantics import network, others, quotas, storage, workloads
from shared.kube.semantics.causes import Cause, CauseCollector
from shared.kube.semantics.names import check_metadata

__all__ = ["Cause", "validate"]

_Check = Callable[[CauseCollector, Mapping[str, Any], Mapping[str, Any] | None], None]

_CHECKS: Final[dict[str, _Check]] = {
    "ConfigMap": others.check_config_map,
    "CronJob": workloads.check_cron_job,
    "DaemonSet": workloads.check_daemon_set,
    "Deployment": workloads.check_deployment,
    "HorizontalPodAutoscaler": workloads.check_autoscaler,
    "Ingress": others.check_ingress,
    "Job": workloads.check_job,
    "LimitRange": quotas.check_limit_range,
    "NetworkPolicy": network.check_network_policy,
    "Node": others.check_taints,
    "PersistentVolumeClaim": storage.check_volume_claim,
    "Pod": others.check_pod,
    "PodDisruptionBudget": workloads.check_disruption_budget,
    "PriorityClass": others.check_priority_class,
    "ReplicaSet": workloads.check_replica_set,
    "ResourceQuota": quotas.check_resource_quota,
    "Secret": others.check_secret,
    "Service": others.check_service,
    "StatefulSet": workloads.check_stateful_set,
}


def validate(obj: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> list[Cause]:
    """What is wrong with an object that its schema accepts; with `old`, also what an update may not change.

    Expects `kind`, and defaults filled in; of kinds that aren't known here only the metadata is checked. An
    empty list means: nothing found.
    """
    found = CauseCollector()
    check_metadata(found, obj)
    check = _CHECKS.get(str(obj.get("kind", "")))
    if check is not None:
        check(found, obj, old)
    return found.causes
