"""The Deployment of a service: its pods, and their rolling update without an outage."""

from services.manifest.rendering.configuration import configuration_digest, settings
from services.manifest.rendering.naming import TenantScope, instance, selector
from services.manifest.rendering.pod import pod_spec
from services.manifest.rendering.tenancy import RenderedWorkload
from shared.kube import labels
from shared.kube.labels import NEEDED_REPLICAS
from shared.kube.objects import Obj

_REVISIONS = 5
_PROGRESS_FACTOR = 3
"""A rollout fails after this many times the startup time of a pod without progress."""
_LEAST_PROGRESS_SECONDS = 600
"""Kubernetes' own default."""


def deployment(workload: RenderedWorkload, scope: TenantScope, *, monitoring: bool) -> Obj:
    """A Deployment named as the service.

    With an HPA, `replicas` is left out: an apply would undo the scaling.
    """
    replicas = {} if workload.has_autoscaler else {"replicas": workload.sizing.replicas}
    startup = workload.service.startup_seconds.value
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(workload, scope),
        "spec": {
            **replicas,
            "revisionHistoryLimit": _REVISIONS,
            "progressDeadlineSeconds": max(_LEAST_PROGRESS_SECONDS, _PROGRESS_FACTOR * startup),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": _rolling_update(workload)},
            "selector": {"matchLabels": selector(workload.name)},
            "template": {
                "metadata": {
                    "labels": {**selector(workload.name), labels.SERVICE: workload.name, **scope.pod_labels},
                    "annotations": _annotations(workload, monitoring),
                },
                "spec": pod_spec(workload, scope),
            },
        },
    }


def _metadata(workload: RenderedWorkload, scope: TenantScope) -> Obj:
    """Polaris requires `replicas` even with an HPA, which kube-score and server-side apply forbid: exempt from it."""
    exempt = {"polaris.fairwinds.com/deploymentMissingReplicas-exempt": "true"} if workload.has_autoscaler else {}
    return {
        **instance(scope.metadata_of(workload.name)),
        "annotations": {NEEDED_REPLICAS: str(workload.needed), **exempt},
    }


def _rolling_update(workload: RenderedWorkload) -> Obj:
    """New pods become ready before old ones end, so that an update keeps the capacity."""
    return {"maxSurge": 1 if workload.sizing.gpu else "25%", "maxUnavailable": 0}


def _annotations(workload: RenderedWorkload, monitoring: bool) -> Obj:
    found = {labels.CONFIG_DIGEST: configuration_digest(settings(workload))}
    if not monitoring:
        return found
    return {
        **found,
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(workload.sizing.port),
        "prometheus.io/path": "/metrics",
    }
