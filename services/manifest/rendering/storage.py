"""Volumes for what sessions leave behind."""

from services.manifest.rendering.naming import Obj, recordings_name
from services.manifest.rendering.tenancy import Tenancy, Workload


def recordings(workload: Workload, tenancy: Tenancy) -> Obj:
    """One claim for all replicas of a service, wherever they run: that takes a class that many nodes can write to."""
    chosen = tenancy.platform.shared_storage_class
    return claim(
        tenancy.place.metadata_of(workload.name, recordings_name(workload.name)),
        claim_spec("ReadWriteMany", workload.recordings_gib, chosen),
    )


def claim(metadata: Obj, spec: Obj) -> Obj:
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def claim_spec(mode: str, size_gib: int, storage_class: str | None = None) -> Obj:
    """Of a claim, or of a template for claims."""
    named = {"storageClassName": storage_class} if storage_class else {}
    return {"accessModes": [mode], **named, "resources": {"requests": {"storage": _size(size_gib)}}}


def _size(gib: int) -> str:
    return f"{gib // 1024}Ti" if gib % 1024 == 0 else f"{gib}Gi"
