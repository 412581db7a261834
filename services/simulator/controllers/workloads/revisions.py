"""The ReplicaSets of a Deployment: finding, creating, numbering and deleting them.

The current template has one ReplicaSet, the new one. The others are old revisions; `kubectl rollout history` and
`undo` read them by the revision annotations that are maintained here.
"""

from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.controllers.runtime.name_generator import template_hash
from services.simulator.controllers.runtime.owner_references import owned_by
from services.simulator.controllers.workloads.rollout import DESIRED, MAXIMUM, limits, new_size, wanted
from services.simulator.objects import with_metadata
from shared.kube.objects import Obj, annotations_of, is_terminating, key_of, labels_of, selector_matches

REPLICA_SETS = "replicasets.apps"
HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
COMPONENT = "deployment-controller"
# Annotations that describe the Deployment itself and aren't copied to its ReplicaSets.
_NOT_INHERITED = {
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAXIMUM,
    "deprecated.deployment.rollback.to",
}


class Revisions:
    """Finds, creates, scales and deletes the ReplicaSets of Deployments."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context

    def all(self, deployment: Obj) -> list[Obj]:
        """The Deployment's ReplicaSets, oldest first; adopts matching ones without a controller."""
        context, uid, namespace = self._context, deployment["metadata"]["uid"], deployment["metadata"]["namespace"]
        if not is_terminating(deployment):
            for orphan in context.ownership.uncontrolled(REPLICA_SETS, namespace):
                if selector_matches(deployment["spec"].get("selector"), labels_of(orphan)) and not is_terminating(
                    orphan
                ):
                    context.store.replace(REPLICA_SETS, with_metadata(orphan, ownerReferences=owned_by(deployment)))
        found = [one for one in context.ownership.controlled(uid, REPLICA_SETS) if not is_terminating(one)]
        return sorted(found, key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"]))

    def create(self, deployment: Obj, sets: list[Obj]) -> Obj | None:
        """Create the ReplicaSet of the current template; None after a name collision, which the status counts."""
        context = self._context
        collisions = (deployment.get("status") or {}).get("collisionCount") or 0
        digest = template_hash(deployment["spec"]["template"], collisions)
        namespace, name = key_of(deployment)
        if context.store.get(REPLICA_SETS, namespace, f"{name}-{digest}") is not None:
            status = {**(deployment.get("status") or {}), "collisionCount": collisions + 1}
            context.store.replace("deployments.apps", {**deployment, "status": status})
            return None
        size = new_size(deployment, None, sets)
        made = context.store.create(REPLICA_SETS, _replica_set(deployment, digest, size, _next_revision(sets)))
        if size:
            message = f"Scaled up replica set {made['metadata']['name']} from 0 to {size}"
            context.events.record(deployment, "ScalingReplicaSet", message, component=COMPONENT)
        return made

    def annotate(self, deployment: Obj, new: Obj, old: list[Obj]) -> Obj:
        """Give the new ReplicaSet the highest revision, for example after a rollback to an earlier template."""
        annotations = dict(annotations_of(new)) | _inherited(deployment)
        revision = _next_revision(old)
        if revision_of(new) < revision:
            if before := annotations.get(REVISION):
                history = annotations.get(REVISION_HISTORY)
                annotations[REVISION_HISTORY] = f"{history},{before}" if history else before
            annotations[REVISION] = str(revision)
        if annotations == annotations_of(new):
            return new
        return self._context.store.replace(REPLICA_SETS, with_metadata(new, annotations=annotations))

    def scale(self, deployment: Obj, one: Obj, size: int) -> Obj:
        """Scale the ReplicaSet and annotate it with the Deployment's size, which a later resize needs."""
        noted = {DESIRED: str(wanted(deployment)), MAXIMUM: str(wanted(deployment) + limits(deployment).surge)}
        annotations = dict(annotations_of(one)) | noted
        before = wanted(one)
        if before == size and annotations == annotations_of(one):
            return one
        scaled = with_metadata({**one, "spec": {**one["spec"], "replicas": size}}, annotations=annotations)
        scaled = self._context.store.replace(REPLICA_SETS, scaled)
        if before != size:
            direction = "up" if size > before else "down"
            message = f"Scaled {direction} replica set {one['metadata']['name']} from {before} to {size}"
            self._context.events.record(deployment, "ScalingReplicaSet", message, component=COMPONENT)
        return scaled

    def drop_history(self, deployment: Obj, old: list[Obj]) -> None:
        """Delete revisions beyond revisionHistoryLimit, oldest first, but none that has pods."""
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        excess = len(old) - (10 if limit is None else limit)
        for one in sorted(old, key=revision_of)[: max(0, excess)]:
            status = one.get("status") or {}
            if wanted(one) == 0 and not status.get("replicas"):
                self._context.store.delete(REPLICA_SETS, *key_of(one))

    def has_pods(self, sets: list[Obj]) -> bool:
        """True if any of these ReplicaSets has a pod that hasn't ended; terminating pods count."""
        for one in sets:
            for pod in self._context.ownership.controlled(one["metadata"]["uid"], "pods"):
                if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
                    return True
        return False


def split(deployment: Obj, sets: list[Obj]) -> tuple[Obj | None, list[Obj]]:
    """(the ReplicaSet of the current template or None, the others); of several matches the oldest."""
    template = _plain(deployment["spec"]["template"])
    new = next((one for one in sets if _plain(one["spec"]["template"]) == template), None)
    return new, [one for one in sets if one is not new]


def revision_of(obj: Obj) -> int:
    """The revision number in the annotations; 0 if there is none."""
    text = annotations_of(obj).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def _next_revision(others: list[Obj]) -> int:
    return max(map(revision_of, others), default=0) + 1


def _inherited(deployment: Obj) -> dict[str, str]:
    annotations = annotations_of(deployment)
    return {name: value for name, value in annotations.items() if name not in _NOT_INHERITED}


def _plain(template: Obj) -> Obj:
    """The template without the fields in which a Deployment's copy differs from a ReplicaSet's."""
    metadata = {name: value for name, value in (template.get("metadata") or {}).items() if value is not None}
    labels = {name: value for name, value in (metadata.get("labels") or {}).items() if name != HASH_LABEL}
    return {**template, "metadata": {**metadata, "labels": labels}}


def _replica_set(deployment: Obj, digest: str, size: int, revision: int) -> Obj:
    spec = deployment["spec"]
    template = _plain(spec["template"])
    labels = {**template["metadata"]["labels"], HASH_LABEL: digest}
    selector = spec.get("selector") or {}
    annotations = _inherited(deployment) | {
        DESIRED: str(wanted(deployment)),
        MAXIMUM: str(wanted(deployment) + limits(deployment).surge),
        REVISION: str(revision),
    }
    inner = {
        "replicas": size,
        "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), HASH_LABEL: digest}},
        "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
    }
    if seconds := spec.get("minReadySeconds"):
        inner["minReadySeconds"] = seconds
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{deployment['metadata']['name']}-{digest}",
            "namespace": deployment["metadata"]["namespace"],
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": owned_by(deployment),
        },
        "spec": inner,
    }
