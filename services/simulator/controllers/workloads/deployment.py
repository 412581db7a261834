"""The Deployment controller: each reconciliation makes one step of a rollout and writes the status.

Each change of a ReplicaSet's status triggers the next reconciliation. The sizes are computed in `rollout`, the status
in `deployment_status`; `revisions` manages the ReplicaSets.
"""

from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.controllers.runtime.owner_references import controller_uid
from services.simulator.controllers.workloads import deployment_status as report
from services.simulator.controllers.workloads.revisions import REPLICA_SETS, REVISION, Revisions, revision_of, split
from services.simulator.controllers.workloads.rollout import DESIRED, is_rolling, new_size, shrink_old, spread, wanted
from services.simulator.objects import with_condition, with_metadata
from shared.kube.objects import Obj, ObjectKey, annotations_of, condition, is_terminating, key_of

DEPLOYMENTS = "deployments.apps"


class DeploymentController:
    """Scales the ReplicaSets of Deployments and reports their status."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        self._revisions = Revisions(context)
        context.changes.watch(DEPLOYMENTS, self._on_deployment)
        context.changes.watch(REPLICA_SETS, self._on_replica_set)
        context.changes.watch("pods", self._on_pod)

    def reconcile(self, key: ObjectKey) -> None:
        """Reconcile the Deployment with this key."""
        deployment = self._context.store.get(DEPLOYMENTS, *key)
        if deployment is None:
            self._context.queue.forget(self.reconcile, key)
            return
        sets = self._revisions.all(deployment)
        if is_terminating(deployment) or self._context.terminating(key[0]):
            new, _ = split(deployment, sets)
            self._report(deployment, new, sets, [])
            return
        deployment = self._with_pause_noted(deployment)
        if deployment["spec"].get("paused") or _is_resized(deployment, sets):
            self._resize(deployment, sets)
        else:
            self._roll(deployment, sets)

    def _roll(self, deployment: Obj, sets: list[Obj]) -> None:
        """One step towards the current template."""
        new, old = split(deployment, sets)
        recreates = not is_rolling(deployment)
        if recreates and self._stop_old(deployment, old):
            self._report(deployment, new, sets, [])
            return
        conditions: list[Obj] = []
        if new is None:
            new = self._revisions.create(deployment, sets)
            if new is None:
                return
            message = f'Created new replica set "{new["metadata"]["name"]}"'
            conditions = [report.progressing("True", report.NEW_CREATED, message, self._context.clock.now())]
        else:
            new = self._revisions.annotate(deployment, new, old)
            if condition(deployment, "Progressing") is None:
                message = f'Found new replica set "{new["metadata"]["name"]}"'
                conditions = [report.progressing("True", report.FOUND_NEW, message, self._context.clock.now())]
        before = wanted(new)
        new = self._revisions.scale(deployment, new, new_size(deployment, new, [new, *old]))
        if wanted(new) == before and not recreates:
            old = self._shrink(deployment, new, old)
        self._report(deployment, new, [*old, new], conditions)

    def _stop_old(self, deployment: Obj, old: list[Obj]) -> bool:
        """For Recreate: scale old ReplicaSets to 0; True while old pods remain."""
        running = [one for one in old if wanted(one)]
        for one in running:
            self._revisions.scale(deployment, one, 0)
        return bool(running) or self._revisions.has_pods(old)

    def _shrink(self, deployment: Obj, new: Obj, old: list[Obj]) -> list[Obj]:
        sizes = shrink_old(deployment, new, old)
        return [
            self._revisions.scale(deployment, one, sizes[name]) if (name := one["metadata"]["name"]) in sizes else one
            for one in old
        ]

    def _resize(self, deployment: Obj, sets: list[Obj]) -> None:
        """Scale a paused or resized Deployment; templates don't change."""
        new, old = split(deployment, sets)
        active = [one for one in sets if wanted(one)]
        if len(active) <= 1:
            target = active[0] if active else new or (sets[-1] if sets else None)
            sizes = {target["metadata"]["name"]: wanted(deployment)} if target else {}
        elif new is not None and _is_saturated(deployment, new):
            sizes = {one["metadata"]["name"]: 0 for one in old if wanted(one)}
            sizes[new["metadata"]["name"]] = wanted(new)
        elif is_rolling(deployment):
            sizes = spread(deployment, active)
        else:
            sizes = {one["metadata"]["name"]: wanted(one) for one in active}
        scaled = [
            self._revisions.scale(deployment, one, sizes[name]) if (name := one["metadata"]["name"]) in sizes else one
            for one in sets
        ]
        new, _ = split(deployment, scaled)
        self._report(deployment, new, scaled, [])

    def _with_pause_noted(self, deployment: Obj) -> Obj:
        """The Deployment with the condition DeploymentPaused or DeploymentResumed where it applies."""
        current = condition(deployment, "Progressing")
        if report.deadline_of(deployment) is None or (current and current["reason"] == report.TIMED_OUT):
            return deployment
        paused, noted = bool(deployment["spec"].get("paused")), bool(current and current["reason"] == report.PAUSED)
        if paused == noted:
            return deployment
        reason, message = (
            (report.PAUSED, "Deployment is paused") if paused else (report.RESUMED, "Deployment is resumed")
        )
        found = report.progressing("Unknown", reason, message, self._context.clock.now())
        status = deployment.get("status") or {}
        conditions = with_condition(status.get("conditions") or [], found)
        return self._context.store.replace(DEPLOYMENTS, {**deployment, "status": {**status, "conditions": conditions}})

    def _report(self, deployment: Obj, new: Obj | None, sets: list[Obj], news: list[Obj]) -> None:
        """Write the status, and the new ReplicaSet's revision as an annotation of the Deployment."""
        context, now = self._context, self._context.clock.now()
        conditions = (deployment.get("status") or {}).get("conditions") or []
        for found in news:
            conditions = with_condition(conditions, found)
        result = report.status(deployment, new, sets, conditions, now)
        current = condition({"status": result}, "Progressing")
        elapsed = context.clock.since(report.moment(current)) if current else 0.0
        if not deployment["spec"].get("paused") and not is_terminating(deployment):
            result = report.with_progress(deployment, new, result, now, elapsed)
            self._check_later(deployment, result, elapsed)
            if new is not None and report.is_complete(deployment, result):
                self._revisions.drop_history(deployment, [one for one in sets if one is not new])
        updated = {**deployment, "status": result}
        if new is not None and revision_of(new) and revision_of(new) != revision_of(deployment):
            annotations = {**annotations_of(deployment), REVISION: str(revision_of(new))}
            updated = with_metadata(updated, annotations=annotations)
        context.store.replace(DEPLOYMENTS, updated)

    def _check_later(self, deployment: Obj, result: Obj, elapsed: float) -> None:
        check = report.earliest_check(deployment, result, elapsed)
        if check is not None:
            self._context.queue.add_after(check.total_seconds(), self.reconcile, key_of(deployment))

    def _on_deployment(self, old: Obj | None, new: Obj | None) -> None:
        self._context.queue.add(self.reconcile, key_of(new or old or {}))

    def _on_replica_set(self, old: Obj | None, new: Obj | None) -> None:
        self._enqueue_owner(new or old or {})

    def _on_pod(self, old: Obj | None, new: Obj | None) -> None:
        """A Recreate may be waiting for the deletion of this pod."""
        if new is None and old is not None and (uid := controller_uid(old)):
            ref = self._context.ownership.find(uid)
            owner = self._context.store.get(*ref) if ref and ref.resource == REPLICA_SETS else None
            if owner is not None:
                self._enqueue_owner(owner)

    def _enqueue_owner(self, replica_set: Obj) -> None:
        uid = controller_uid(replica_set)
        ref = self._context.ownership.find(uid) if uid else None
        if ref is not None and ref.resource == DEPLOYMENTS:
            self._context.queue.add(self.reconcile, (ref.namespace, ref.name))


def _is_resized(deployment: Obj, sets: list[Obj]) -> bool:
    """True if spec.replicas differs from the number for which the ReplicaSets were last sized."""
    goal = str(wanted(deployment))
    noted = [annotations_of(one).get(DESIRED) for one in sets if wanted(one)]
    return any(desired is not None and desired != goal for desired in noted)


def _is_saturated(deployment: Obj, new: Obj) -> bool:
    """True if the new ReplicaSet has all its replicas and all are available."""
    goal = wanted(deployment)
    desired = annotations_of(new).get(DESIRED)
    available = (new.get("status") or {}).get("availableReplicas") or 0
    return wanted(new) == goal and desired == str(goal) and available == goal
