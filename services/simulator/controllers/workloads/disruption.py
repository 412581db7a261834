"""PodDisruptionBudget status: healthy pods, required pods, and how many evictions are allowed."""

from services.simulator.controllers.pods.pod_objects import is_active
from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.controllers.runtime.owner_references import controller_uid
from services.simulator.controllers.workloads.rollout import resolve, wanted
from services.simulator.objects import with_condition
from shared.kube.objects import Obj, ObjectKey, is_ready, key_of, labels_of, selector_matches

BUDGETS = "poddisruptionbudgets.policy"
_SETTLE_SECONDS = 0.5


class DisruptionController:
    """Reports the counts; budgets aren't enforced, because the API doesn't serve evictions."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        context.changes.watch(BUDGETS, self._on_budget)
        context.changes.watch("pods", self._on_pod)

    def reconcile(self, key: ObjectKey) -> None:
        """Reconcile the budget with this key."""
        budget = self._context.store.get(BUDGETS, *key)
        if budget is None:
            return
        selector = budget["spec"].get("selector")
        pods = [pod for pod in self._context.store.list("pods", key[0]) if is_active(pod)]
        pods = [pod for pod in pods if selector_matches(selector, labels_of(pod))]
        expected = self._expected(pods)
        healthy, needed = sum(map(is_ready, pods)), _needed(budget, expected)
        allowed = max(0, healthy - needed) if pods else 0
        status = {
            "observedGeneration": budget["metadata"].get("generation"),
            "currentHealthy": healthy,
            "desiredHealthy": needed,
            "expectedPods": expected,
            "disruptionsAllowed": allowed,
            "conditions": self._conditions(budget, allowed),
        }
        self._context.store.replace(BUDGETS, {**budget, "status": status})

    def _expected(self, pods: list[Obj]) -> int:
        """Desired replicas of the workloads that these pods belong to; a pod without a workload counts as one."""
        workloads: dict[str, int] = {}
        for pod in pods:
            top = self._top_owner(pod)
            workloads[top["metadata"]["uid"]] = wanted(top) if top is not pod else 1
        return sum(workloads.values())

    def _top_owner(self, obj: Obj) -> Obj:
        uid = controller_uid(obj)
        ref = self._context.ownership.find(uid) if uid else None
        owner = self._context.store.get(*ref) if ref else None
        return self._top_owner(owner) if owner is not None else obj

    def _conditions(self, budget: Obj, allowed: int) -> list[Obj]:
        found = {
            "type": "DisruptionAllowed",
            "status": "True" if allowed else "False",
            "observedGeneration": budget["metadata"].get("generation"),
            "lastTransitionTime": self._context.timestamp(),
            "reason": "SufficientPods" if allowed else "InsufficientPods",
            "message": "",
        }
        return with_condition((budget.get("status") or {}).get("conditions") or [], found)

    def _on_budget(self, old: Obj | None, new: Obj | None) -> None:
        if new is not None and (old is None or old["spec"] != new["spec"]):
            self._context.queue.add(self.reconcile, key_of(new))

    def _on_pod(self, old: Obj | None, new: Obj | None) -> None:
        if old is not None and new is not None and _counts(old) == _counts(new):
            return
        for budget in self._context.store.list(BUDGETS, key_of(new or old or {})[0]):
            self._context.queue.add_within(_SETTLE_SECONDS, self.reconcile, key_of(budget))


def _needed(budget: Obj, expected: int) -> int:
    spec = budget["spec"]
    if (most := spec.get("maxUnavailable")) is not None:
        return max(0, expected - resolve(most, expected, up=True))
    least = spec.get("minAvailable", 1)
    return resolve(least, expected, up=True) if isinstance(least, str) else int(least)


def _counts(pod: Obj) -> tuple[bool, bool]:
    return is_active(pod), is_ready(pod)
