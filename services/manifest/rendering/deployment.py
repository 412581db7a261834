"""The Deployment of a service: its pods, and how they are replaced without an outage."""

from services.manifest.rendering.configuration import configuration_digest, settings
from services.manifest.rendering.naming import Obj, Place, instance, selector
from services.manifest.rendering.pod import pod_spec
from services.manifest.rendering.tenancy import Workload
from shared.kube.labels import NEEDED_REPLICAS

_REVISIONS = 5
_PROGRESS_FACTOR = 3
"""A rollout that hasn't moved for three times a pod's start has failed."""
_LEAST_PROGRESS_SECONDS = 600
"""Kubernetes' own default."""


def deployment(workload: Workload, place: Place, *, monitoring: bool) -> Obj:
    """A Deployment named as the service.

    With an HPA, `replicas` is left out: an apply would undo the scaling.
    """
    replicas = {} if workload.has_autoscaler else {"replicas": workload.sizing.replicas}
    startup = workload.service.startup_seconds.value
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(workload, place),
        "spec": {
            **replicas,
            "revisionHistoryLimit": _REVISIONS,
            "progressDeadlineSeconds": max(_LEAST_PROGRESS_SECONDS, _PROGRESS_FACTOR * startup),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": _rolling_update(workload)},
            "selector": {"matchLabels": selector(workload.name)},
            "template": {
                "metadata": {
                    "labels": {**selector(workload.name), "ecp.ai/service": workload.name, **place.pod_labels},
                    "annotations": _annotations(workload, monitoring),
                },
                "spec": pod_spec(workload, place),
            },
        },
    }


def _metadata(workload: Workload, place: Place) -> Obj:
    """Polaris wants `replicas` even where an HPA sets them, which kube-score and a rollout forbid: exempt from that."""
    exempt = {"polaris.fairwinds.com/deploymentMissingReplicas-exempt": "true"} if workload.has_autoscaler else {}
    return {
        **instance(place.metadata_of(workload.name)),
        "annotations": {NEEDED_REPLICAS: str(workload.needed), **exempt},
    }


def _rolling_update(workload: Workload) -> Obj:
    """New pods first, then the old ones go: an update costs no capacity."""
    return {"maxSurge": 1 if workload.sizing.gpu else "25%", "maxUnavailable": 0}


def _annotations(workload: Workload, monitoring: bool) -> Obj:
    found = {"ecp.ai/config-digest": configuration_digest(settings(workload))}
    if not monitoring:
        return found
    return {
        **found,
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(workload.sizing.port),
        "prometheus.io/path": "/metrics",
    }
