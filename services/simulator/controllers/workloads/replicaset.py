"""The ReplicaSet controller: keeps the desired number of pods and reports their counts."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from services.simulator.controllers.pods.pod_objects import admitted, is_active, new_pod, node_of, ready_since
from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.controllers.runtime.name_generator import free_name
from services.simulator.controllers.runtime.owner_references import controller_uid, owned_by
from services.simulator.controllers.workloads.pod_counts import PodCountsByOwner
from services.simulator.controllers.workloads.rollout import wanted
from services.simulator.objects import with_metadata
from shared.kube.objects import (
    Obj,
    ObjectKey,
    annotations_of,
    is_ready,
    is_terminating,
    key_of,
    labels_of,
    selector_matches,
)
from shared.kube.texts import parse_time

REPLICA_SETS = "replicasets.apps"
COMPONENT = "replicaset-controller"
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
# Pods created or deleted in one reconciliation; the rest follows in the next one, to keep each short.
BATCH = 20


class ReplicaSetController:
    """Creates and deletes the pods of ReplicaSets."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        self._pod_counts = PodCountsByOwner()
        context.changes.watch("pods", self._on_pod)
        context.changes.watch(REPLICA_SETS, self._on_replica_set)

    def reconcile(self, key: ObjectKey) -> None:
        """Reconcile the ReplicaSet with this key."""
        replica_set = self._context.store.get(REPLICA_SETS, *key)
        if replica_set is None:
            self._context.queue.forget(self.reconcile, key)
            return
        uid = replica_set["metadata"]["uid"]
        if not is_terminating(replica_set) and not self._context.terminating(key[0]):
            self._adopt(replica_set)
            missing = wanted(replica_set) - self._pod_counts.of(uid).active
            if missing > 0:
                self._create(replica_set, min(missing, BATCH))
            elif missing < 0:
                self._delete(replica_set, min(-missing, BATCH))
            if abs(missing) > BATCH:
                self._context.queue.add(self.reconcile, key)
        self._report(replica_set)

    def _create(self, replica_set: Obj, count: int) -> None:
        namespace, base = replica_set["metadata"]["namespace"], replica_set["metadata"]["name"] + "-"
        template = replica_set["spec"]["template"]
        spec = admitted(template["spec"])
        for _ in range(count):
            name = free_name(self._context, "pods", namespace, base)
            self._context.store.create("pods", new_pod(replica_set, name, template, spec, generate_name=base))
            self._context.events.record(replica_set, "SuccessfulCreate", f"Created pod: {name}", component=COMPONENT)

    def _delete(self, replica_set: Obj, count: int) -> None:
        pods = [pod for pod in self._pods(replica_set) if is_active(pod)]
        for pod in sorted(pods, key=_usefulness(pods))[:count]:
            self._context.store.delete("pods", *key_of(pod))
            name = pod["metadata"]["name"]
            self._context.events.record(replica_set, "SuccessfulDelete", f"Deleted pod: {name}", component=COMPONENT)

    def _adopt(self, replica_set: Obj) -> None:
        """Adopt matching pods without a controller, as after a deletion that orphaned them."""
        namespace, selector = replica_set["metadata"]["namespace"], replica_set["spec"].get("selector")
        for pod in self._context.ownership.uncontrolled("pods", namespace):
            if is_active(pod) and selector_matches(selector, labels_of(pod)):
                self._context.store.replace("pods", with_metadata(pod, ownerReferences=owned_by(replica_set)))

    def _release(self, key: ObjectKey) -> None:
        """Release a pod whose labels no longer match; the next reconciliation replaces it."""
        pod = self._context.store.get("pods", *key)
        ref = self._context.ownership.find(controller_uid(pod) or "") if pod else None
        owner = self._context.store.get(*ref) if ref and ref.resource == REPLICA_SETS else None
        if pod and owner and not selector_matches(owner["spec"].get("selector"), labels_of(pod)):
            self._context.store.replace("pods", with_metadata(pod, ownerReferences=None))

    def _report(self, replica_set: Obj) -> None:
        pods = self._pod_counts.of(replica_set["metadata"]["uid"])
        counts = {
            "fullyLabeledReplicas": pods.active,
            "readyReplicas": pods.ready,
            "availableReplicas": self._available(replica_set, pods.ready),
        }
        status = {
            "replicas": pods.active,
            **{name: count for name, count in counts.items() if count},
            "observedGeneration": replica_set["metadata"].get("generation"),
        }
        if status != replica_set.get("status"):
            self._context.store.replace(REPLICA_SETS, {**replica_set, "status": status})

    def _available(self, replica_set: Obj, ready: int) -> int:
        """Pods ready for at least minReadySeconds; enqueues the ReplicaSet for when the next one becomes available."""
        least = replica_set["spec"].get("minReadySeconds") or 0
        if not least or not ready:
            return ready
        clock = self._context.clock
        ages = [clock.since(since) for pod in self._pods(replica_set) if is_active(pod) and (since := ready_since(pod))]
        waiting = [least - age for age in ages if age < least]
        if waiting:
            self._context.queue.add_after(min(waiting), self.reconcile, key_of(replica_set))
        return len(ages) - len(waiting)

    def _pods(self, replica_set: Obj) -> list[Obj]:
        return list(self._context.ownership.controlled(replica_set["metadata"]["uid"], "pods"))

    def _on_pod(self, old: Obj | None, new: Obj | None) -> None:
        for uid in self._pod_counts.observe(old, new):
            ref = self._context.ownership.find(uid)
            if ref is not None and ref.resource == REPLICA_SETS:
                self._context.queue.add(self.reconcile, (ref.namespace, ref.name))
        if old is not None and new is not None and labels_of(old) != labels_of(new):
            self._context.queue.add(self._release, key_of(new))

    def _on_replica_set(self, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            self._context.queue.add(self.reconcile, key_of(new))


def _usefulness(pods: list[Obj]) -> Callable[[Obj], tuple[Any, ...]]:
    """A sort key for deletions: least useful pods first, by Kubernetes' criteria in their order."""
    on_node = Counter(node_of(pod) for pod in pods)

    def usefulness(pod: Obj) -> tuple[Any, ...]:
        status, since = pod.get("status") or {}, ready_since(pod)
        cost = annotations_of(pod).get(DELETION_COST, "0")
        return (
            bool(node_of(pod)),
            status.get("phase") != "Pending",
            is_ready(pod),
            int(cost) if cost.lstrip("-").isdigit() else 0,
            -on_node[node_of(pod)],
            -since.timestamp() if since else 0.0,
            -sum(one.get("restartCount", 0) for one in status.get("containerStatuses") or ()),
            -parse_time(pod["metadata"]["creationTimestamp"]).timestamp(),
            pod["metadata"]["name"],
        )

    return usefulness
