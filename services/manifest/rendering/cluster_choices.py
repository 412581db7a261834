"""What a tenant chose for its cluster and every object has: labels, annotations, and where its pods run.

Applied to the finished objects, so that no builder can forget it; without a choice the objects stay as they are. Ours
take precedence. Templates of volume claims are left alone, because they are immutable.
"""

from collections.abc import Iterable
from typing import Any

from shared.choices import ClusterOptions, placement_of
from shared.kube.objects import Obj
from shared.kube.placement import GPU, GPU_PRODUCT

_NOTHING = ClusterOptions()


def with_choices(objects: Iterable[Obj], cluster: ClusterOptions) -> list[Obj]:
    """The objects with the choices of `cluster`."""
    return list(objects) if cluster == _NOTHING else [_chosen(each, cluster) for each in objects]


def _chosen(obj: Obj, cluster: ClusterOptions) -> Obj:
    found = {**obj, "metadata": _metadata(obj["metadata"], cluster)}
    template = (obj.get("spec") or {}).get("template")
    if template is None:
        return found
    pods = {"metadata": _metadata(template["metadata"], cluster), "spec": _pod(template["spec"], cluster)}
    return {**found, "spec": {**obj["spec"], "template": pods}}


def _metadata(metadata: Obj, cluster: ClusterOptions) -> Obj:
    labels = {**cluster.labels, **metadata.get("labels", {})}
    annotations = {**cluster.annotations, **metadata.get("annotations", {})}
    return {
        **metadata,
        **({"labels": labels} if labels else {}),
        **({"annotations": annotations} if annotations else {}),
    }


def _pod(spec: Obj, cluster: ClusterOptions) -> Obj:
    product = (spec.get("nodeSelector") or {}).get(GPU_PRODUCT)
    runtime = (cluster.gpu_runtime_class if _has_gpu(spec) else None) or cluster.runtime_class
    secrets = [{"name": name} for name in cluster.image_pull_secrets or ()]
    added: dict[str, Any] = {"imagePullSecrets": secrets} if secrets else {}
    return {**spec, **added, **({"runtimeClassName": runtime} if runtime else {}), **placement_of(cluster, product)}


def _has_gpu(spec: Obj) -> bool:
    return any(GPU in container["resources"]["requests"] for container in spec["containers"])
