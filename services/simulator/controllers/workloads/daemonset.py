"""The DaemonSet controller: one pod on each node that allows it."""

from services.simulator.controllers.pods.pod_objects import admitted, is_active, new_pod
from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.controllers.runtime.name_generator import free_name, template_hash
from services.simulator.controllers.scheduling.placement import NodeInfo, refusals
from services.simulator.objects import with_metadata
from shared.kube.objects import Obj, ObjectKey, is_ready, is_terminating, key_of, labels_of

DAEMON_SETS = "daemonsets.apps"
COMPONENT = "daemonset-controller"
REVISION_LABEL = "controller-revision-hash"
NODE_AFFINITY_FIELD = "metadata.name"
# Daemons also run on nodes that are cordoned or not ready.
_TOLERATIONS = [
    {"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": effect}
    for taint, effect in (
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("unschedulable", "NoSchedule"),
    )
]


class DaemonSetController:
    """Creates a pod for each node with a required affinity to it; the scheduler still checks the node's resources."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        context.changes.watch(DAEMON_SETS, self._on_daemon_set)
        context.pod_owners.register("DaemonSet", self.reconcile)
        context.changes.watch("nodes", self._on_node)

    def reconcile(self, key: ObjectKey) -> None:
        """Reconcile the DaemonSet with this key."""
        owner = self._context.store.get(DAEMON_SETS, *key)
        if owner is None:
            return
        revision = template_hash(owner["spec"]["template"], 0)
        spec = self._pod_spec(owner)
        nodes = [
            node["metadata"]["name"] for node in self._context.store.list("nodes") if not refusals(NodeInfo(node), spec)
        ]
        if not is_terminating(owner) and not self._context.terminating(key[0]):
            self._cover(owner, nodes, spec, revision)
        self._report(owner, nodes, revision)

    def _cover(self, owner: Obj, nodes: list[str], spec: Obj, revision: str) -> None:
        pods = self._pods(owner)
        for node in nodes:
            if node not in pods:
                self._create(owner, node, spec, revision)
        for node, pod in pods.items():
            if node not in nodes and is_active(pod):
                self._context.store.delete("pods", *key_of(pod))
        self._update(owner, nodes, pods, revision)

    def _update(self, owner: Obj, nodes: list[str], pods: dict[str, Obj], revision: str) -> None:
        """Replace outdated pods: those that aren't ready at once, the others one by one while all nodes are served."""
        if (owner["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
            return
        active = {node: pods[node] for node in nodes if node in pods and is_active(pods[node])}
        outdated = [pod for pod in active.values() if labels_of(pod).get(REVISION_LABEL) != revision]
        replaced = [pod for pod in outdated if not is_ready(pod)]
        if not replaced and len(active) == len(nodes) and all(map(is_ready, active.values())):
            replaced = outdated[:1]
        for pod in replaced:
            self._context.store.delete("pods", *key_of(pod))

    def _create(self, owner: Obj, node: str, spec: Obj, revision: str) -> None:
        namespace, name = key_of(owner)
        pod_name = free_name(self._context, "pods", namespace, f"{name}-")
        pod = new_pod(owner, pod_name, owner["spec"]["template"], _pinned(spec, node), generate_name=f"{name}-")
        pod = with_metadata(pod, labels={**labels_of(pod), REVISION_LABEL: revision})
        self._context.store.create("pods", pod)
        self._context.events.record(owner, "SuccessfulCreate", f"Created pod: {pod_name}", component=COMPONENT)

    def _report(self, owner: Obj, nodes: list[str], revision: str) -> None:
        pods = [pod for node, pod in self._pods(owner).items() if node in nodes and is_active(pod)]
        ready = sum(map(is_ready, pods))
        status = {
            "observedGeneration": owner["metadata"].get("generation"),
            "currentNumberScheduled": len(pods),
            "desiredNumberScheduled": len(nodes),
            "numberMisscheduled": 0,
            "numberReady": ready,
            "numberAvailable": ready,
            "updatedNumberScheduled": sum(labels_of(pod).get(REVISION_LABEL) == revision for pod in pods),
        }
        if missing := len(nodes) - ready:
            status["numberUnavailable"] = missing
        self._context.store.replace(DAEMON_SETS, {**owner, "status": status})

    def _pod_spec(self, owner: Obj) -> Obj:
        spec = admitted(owner["spec"]["template"]["spec"])
        return {**spec, "tolerations": [*spec["tolerations"], *_TOLERATIONS]}

    def _pods(self, owner: Obj) -> dict[str, Obj]:
        """The pods by their intended node."""
        found = self._context.ownership.controlled(owner["metadata"]["uid"], "pods")
        return {_pinned_to(pod): pod for pod in found}

    def _on_daemon_set(self, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            self._context.queue.add(self.reconcile, key_of(new))

    def _on_node(self, old: Obj | None, new: Obj | None) -> None:
        for owner in self._context.store.list(DAEMON_SETS):
            self._context.queue.add(self.reconcile, key_of(owner))


def _pinned(spec: Obj, node: str) -> Obj:
    """The pod's spec with a required affinity to one node, as Kubernetes pins daemons."""
    rule = {"matchFields": [{"key": NODE_AFFINITY_FIELD, "operator": "In", "values": [node]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [rule]}}
    affinity = spec.get("affinity") or {}
    return {**spec, "affinity": {**affinity, "nodeAffinity": {**(affinity.get("nodeAffinity") or {}), **required}}}


def _pinned_to(pod: Obj) -> str:
    required = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    node: str = required["nodeSelectorTerms"][0]["matchFields"][0]["values"][0]
    return node
