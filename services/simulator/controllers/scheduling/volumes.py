"""Persistent volume claims: each is bound and resized immediately. There is no real storage."""

from typing import Any

from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.storage.store import Store
from shared.kube.objects import Obj, ObjectKey, annotations_of, is_terminating, key_of

CLAIMS = "persistentvolumeclaims"
STORAGE_CLASSES = "storageclasses.storage.k8s.io"
_DEFAULT = "storageclass.kubernetes.io/is-default-class"


def standard_class() -> Obj:
    """The StorageClass of every simulated cluster: the default one, with expansion allowed."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "standard", "annotations": {_DEFAULT: "true"}},
        "provisioner": "simulator.ecp.ai/volumes",
        "allowVolumeExpansion": True,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }


def with_default_class(store: Store, spec: dict[str, Any]) -> dict[str, Any]:
    """A claim's spec, with the default class if it names none; of several defaults the newest."""
    if spec.get("storageClassName") is not None:
        return spec
    defaults = [each for each in store.list(STORAGE_CLASSES) if annotations_of(each).get(_DEFAULT) == "true"]
    newest = max(defaults, key=lambda each: each["metadata"].get("creationTimestamp") or "", default=None)
    return {**spec, "storageClassName": newest["metadata"]["name"]} if newest else spec


class VolumeController:
    """Acts as provisioner and resizer of volumes."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        context.changes.watch(CLAIMS, self._on_claim)

    def reconcile(self, key: ObjectKey) -> None:
        """Bind the claim with this key, or resize its volume."""
        claim = self._context.store.get(CLAIMS, *key)
        if claim is None or is_terminating(claim):
            return
        status, requests = claim.get("status") or {}, _requests(claim)
        if status.get("phase") != "Bound":
            self._bind(claim, requests)
        elif status.get("capacity") != requests:
            grown = self._context.store.replace(CLAIMS, {**claim, "status": {**status, "capacity": requests}})
            message = "MountVolume.NodeExpandVolume succeeded for volume"
            self._context.events.record(grown, "FileSystemResizeSuccessful", message, component="kubelet")

    def _bind(self, claim: Obj, requests: dict[str, Any]) -> None:
        # Defaulted once more, as in Kubernetes: the claim may have been created before any class.
        classed = with_default_class(self._context.store, claim["spec"])
        spec = {"volumeMode": "Filesystem", **classed, "volumeName": f"pvc-{claim['metadata']['uid']}"}
        status = {"phase": "Bound", "accessModes": spec.get("accessModes") or [], "capacity": requests}
        bound = self._context.store.replace(CLAIMS, {**claim, "spec": spec, "status": status})
        message = f"Successfully provisioned volume {spec['volumeName']}"
        self._context.events.record(bound, "ProvisioningSucceeded", message, component="persistentvolume-controller")

    def _on_claim(self, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            self._context.queue.add(self.reconcile, key_of(new))


def _requests(claim: Obj) -> dict[str, Any]:
    return (claim["spec"].get("resources") or {}).get("requests") or {}
