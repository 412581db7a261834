"""Volumes for recordings."""

from services.manifest.rendering.naming import recordings_name
from services.manifest.rendering.tenancy import RenderedWorkload, Tenancy
from shared.kube.objects import Obj


def recordings(workload: RenderedWorkload, tenancy: Tenancy) -> Obj:
    """One claim for all replicas of a service: needs a class whose volumes several nodes can write to."""
    return claim(
        tenancy.scope.metadata_of(workload.name, recordings_name(workload.name)),
        claim_spec("ReadWriteMany", workload.recordings_gib, tenancy.shared_storage_class),
    )


def claim(metadata: Obj, spec: Obj) -> Obj:
    """A PersistentVolumeClaim."""
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def claim_spec(mode: str, size_gib: int, storage_class: str | None = None) -> Obj:
    """The spec of a claim or of a claim template."""
    named = {"storageClassName": storage_class} if storage_class else {}
    return {"accessModes": [mode], **named, "resources": {"requests": {"storage": _size(size_gib)}}}


def _size(gib: int) -> str:
    return f"{gib // 1024}Ti" if gib % 1024 == 0 else f"{gib}Gi"
