"""ResourceQuota status: what a namespace uses of its quota, updated a second after a change.

Quotas are reported and not enforced: the API admits a pod that exceeds one.
"""

from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.controllers.scheduling.placement import Amounts, amounts
from shared.kube.objects import Obj, ObjectKey, key_of
from shared.kube.quantities import from_bytes, from_milli

QUOTAS = "resourcequotas"
# Quotas on the number of objects, and the resource that each of them counts.
_COUNTED = {
    "services": "services",
    "configmaps": "configmaps",
    "secrets": "secrets",
    "persistentvolumeclaims": "persistentvolumeclaims",
    "resourcequotas": "resourcequotas",
    "count/deployments.apps": "deployments.apps",
    "count/statefulsets.apps": "statefulsets.apps",
    "count/jobs.batch": "jobs.batch",
}
_SETTLE_SECONDS = 1.0


class QuotaController:
    """Reports status.hard and status.used."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        context.changes.watch(QUOTAS, self._on_quota)
        for resource in {"pods", *_COUNTED.values()} - {QUOTAS}:
            context.changes.watch(resource, self._on_content)

    def reconcile(self, key: ObjectKey) -> None:
        """Reconcile the quota with this key."""
        quota = self._context.store.get(QUOTAS, *key)
        if quota is None:
            return
        hard = quota["spec"].get("hard") or {}
        totals = self._totals(key[0])
        used = {name: self._used(name, key[0], totals) for name in hard}
        self._context.store.replace(QUOTAS, {**quota, "status": {"hard": hard, "used": used}})

    def _totals(self, namespace: str) -> Amounts:
        """pods, requests.<resource> and limits.<resource> of all pods that haven't ended, and the claimed storage."""
        totals: Amounts = {"pods": 0, "requests.storage": 0}
        for claim in self._context.store.list("persistentvolumeclaims", namespace):
            requests = (claim["spec"].get("resources") or {}).get("requests") or {}
            totals["requests.storage"] += amounts(requests).get("storage", 0)
        for pod in self._context.store.list("pods", namespace):
            if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
                continue
            totals["pods"] += 1
            for container in pod["spec"]["containers"]:
                resources = container.get("resources") or {}
                limits = resources.get("limits") or {}
                for kind, listed in (
                    ("requests", {**limits, **(resources.get("requests") or {})}),
                    ("limits", limits),
                ):
                    for name, amount in amounts(listed).items():
                        totals[f"{kind}.{name}"] = totals.get(f"{kind}.{name}", 0) + amount
        return totals

    def _used(self, name: str, namespace: str, totals: Amounts) -> str:
        if name in _COUNTED:
            return str(len(self._context.store.list(_COUNTED[name], namespace)))
        if name in ("pods", "count/pods"):
            return str(totals["pods"])
        amount = totals.get(name, totals.get(f"requests.{name}", 0))
        resource = name.partition(".")[2] or name
        if resource == "cpu":
            return from_milli(amount)
        return from_bytes(amount) if resource in ("memory", "storage", "ephemeral-storage") else str(amount)

    def _on_quota(self, old: Obj | None, new: Obj | None) -> None:
        if new is not None and (old is None or old["spec"] != new["spec"]):
            self._context.queue.add(self.reconcile, key_of(new))

    def _on_content(self, old: Obj | None, new: Obj | None) -> None:
        if old is not None and new is not None and _ended(old) == _ended(new):
            return
        for quota in self._context.store.list(QUOTAS, key_of(new or old or {})[0]):
            self._context.queue.add_within(_SETTLE_SECONDS, self.reconcile, key_of(quota))


def _ended(obj: Obj) -> bool:
    return (obj.get("status") or {}).get("phase") in ("Succeeded", "Failed")
