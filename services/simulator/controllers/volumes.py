"""Persistent volume claims: each is bound as soon as it is made, whatever its storage class. Nothing is stored."""

from services.simulator.controllers.context import Context
from services.simulator.objects import Key, Obj, is_terminating, key_of

CLAIMS = "persistentvolumeclaims"


class VolumeController:
    """Plays the provisioner."""

    def __init__(self, context: Context) -> None:
        self._context = context
        context.manager.watch(CLAIMS, self._on_claim)

    def reconcile(self, key: Key) -> None:
        """Binds the claim with this key, if it isn't yet."""
        claim = self._context.store.get(CLAIMS, *key)
        if claim is None or is_terminating(claim) or (claim.get("status") or {}).get("phase") == "Bound":
            return
        spec = {"volumeMode": "Filesystem", **claim["spec"], "volumeName": f"pvc-{claim['metadata']['uid']}"}
        requests = (spec.get("resources") or {}).get("requests") or {}
        status = {"phase": "Bound", "accessModes": spec.get("accessModes") or [], "capacity": requests}
        bound = self._context.store.replace(CLAIMS, {**claim, "spec": spec, "status": status})
        message = f"Successfully provisioned volume {spec['volumeName']}"
        self._context.events.record(bound, "ProvisioningSucceeded", message, component="persistentvolume-controller")

    def _on_claim(self, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            self._context.queue.add(self.reconcile, key_of(new))
