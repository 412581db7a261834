"""The StatefulSet controller: numbered pods, each with volume claims of its own.

Pods are created from the lowest number and deleted from the highest; with OrderedReady each waits until the one before
is ready. An update replaces pods from the highest number down to the partition. Revisions are hashes; there are no
ControllerRevision objects.
"""

from services.simulator.controllers.pods.pod_objects import admitted, is_active, new_pod
from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.controllers.runtime.name_generator import template_hash
from services.simulator.controllers.scheduling.volumes import CLAIMS
from services.simulator.controllers.workloads.rollout import wanted
from services.simulator.objects import with_metadata
from shared.kube.objects import Obj, ObjectKey, is_ready, is_terminating, key_of, labels_of

STATEFUL_SETS = "statefulsets.apps"
COMPONENT = "statefulset-controller"
REVISION_LABEL = "controller-revision-hash"


class StatefulSetController:
    """Creates, updates and deletes the pods of StatefulSets."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        context.changes.watch(STATEFUL_SETS, self._on_stateful_set)
        context.pod_owners.register("StatefulSet", self.reconcile)

    def reconcile(self, key: ObjectKey) -> None:
        """Reconcile the StatefulSet with this key."""
        owner = self._context.store.get(STATEFUL_SETS, *key)
        if owner is None:
            return
        revision = f"{key[1]}-{template_hash(owner['spec']['template'], 0)}"
        if not is_terminating(owner) and not self._context.terminating(key[0]):
            self._step(owner, revision)
        self._report(owner, revision)

    def _step(self, owner: Obj, revision: str) -> None:
        """Create, delete or update pods: one at a time if ordered, otherwise all at once."""
        parallel = owner["spec"].get("podManagementPolicy") == "Parallel"
        pods = self._pods(owner)
        for number in range(wanted(owner)):
            if number not in pods:
                self._create(owner, number, revision)
            if not parallel and not (number in pods and is_ready(pods[number]) and is_active(pods[number])):
                return
        surplus = sorted((number for number in pods if number >= wanted(owner)), reverse=True)
        for number in surplus if parallel else surplus[:1]:
            self._delete(owner, pods[number])
        if not surplus:
            self._update(owner, pods, revision)

    def _update(self, owner: Obj, pods: dict[int, Obj], revision: str) -> None:
        strategy = owner["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete" or any(not is_ready(pod) or not is_active(pod) for pod in pods.values()):
            return
        partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
        for number in sorted(pods, reverse=True):
            if number >= partition and labels_of(pods[number]).get(REVISION_LABEL) != revision:
                self._delete(owner, pods[number])
                return

    def _create(self, owner: Obj, number: int, revision: str) -> None:
        base = owner["metadata"]["name"]
        name, template = f"{base}-{number}", owner["spec"]["template"]
        claims = [self._claim(owner, claim, name) for claim in owner["spec"].get("volumeClaimTemplates") or ()]
        volumes = [*claims, *(template["spec"].get("volumes") or ())]
        spec = {**admitted(template["spec"]), "hostname": name, "subdomain": owner["spec"].get("serviceName", "")}
        pod = new_pod(owner, name, template, {**spec, "volumes": volumes} if volumes else spec)
        own = {
            REVISION_LABEL: revision,
            "statefulset.kubernetes.io/pod-name": name,
            "apps.kubernetes.io/pod-index": str(number),
        }
        self._context.store.create("pods", with_metadata(pod, labels={**labels_of(pod), **own}))
        self._note(owner, "SuccessfulCreate", f"create Pod {name} in StatefulSet {base} successful")

    def _claim(self, owner: Obj, template: Obj, pod: str) -> Obj:
        """Create a pod's claim unless an earlier pod of this number left it; returns the volume that uses it."""
        namespace, name = owner["metadata"]["namespace"], f"{template['metadata']['name']}-{pod}"
        if self._context.store.get(CLAIMS, namespace, name) is None:
            metadata = {**template["metadata"], "name": name, "namespace": namespace}
            claim = {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": metadata,
                "spec": template["spec"],
            }
            self._context.store.create(CLAIMS, claim)
        return {"name": template["metadata"]["name"], "persistentVolumeClaim": {"claimName": name}}

    def _delete(self, owner: Obj, pod: Obj) -> None:
        if not is_terminating(pod):
            self._context.store.delete("pods", *key_of(pod))
            message = f"delete Pod {pod['metadata']['name']} in StatefulSet {owner['metadata']['name']} successful"
            self._note(owner, "SuccessfulDelete", message)

    def _report(self, owner: Obj, revision: str) -> None:
        pods = [pod for pod in self._pods(owner).values() if is_active(pod)]
        updated = sum(labels_of(pod).get(REVISION_LABEL) == revision for pod in pods)
        ready = sum(map(is_ready, pods))
        before = (owner.get("status") or {}).get("currentRevision") or revision
        done = updated == len(pods) == wanted(owner)
        status = {
            "observedGeneration": owner["metadata"].get("generation"),
            "replicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "updatedReplicas": updated,
            "currentReplicas": len(pods) if done else len(pods) - updated,
            "currentRevision": revision if done else before,
            "updateRevision": revision,
            "collisionCount": 0,
        }
        self._context.store.replace(STATEFUL_SETS, {**owner, "status": status})

    def _pods(self, owner: Obj) -> dict[int, Obj]:
        """The pods by number, with terminating ones, because a name is free only after the deletion of its pod."""
        found = self._context.ownership.controlled(owner["metadata"]["uid"], "pods")
        return {int(pod["metadata"]["name"].rpartition("-")[2]): pod for pod in found}

    def _note(self, owner: Obj, reason: str, message: str) -> None:
        self._context.events.record(owner, reason, message, component=COMPONENT)

    def _on_stateful_set(self, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            self._context.queue.add(self.reconcile, key_of(new))
