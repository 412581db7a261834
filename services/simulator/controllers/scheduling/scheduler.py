"""The scheduler: binds each pod to the emptiest node that fits, or records why none fits and retries on changes.

There is no preemption: no pod is evicted for another. In large clusters only a share of the nodes is scored for each
pod, as in Kubernetes' scheduler; the next pod starts with other nodes.
"""

from collections.abc import Iterable
from typing import NamedTuple

from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.controllers.scheduling.node_scores import NodeScores
from services.simulator.controllers.scheduling.placement import (
    Amounts,
    NodeInfo,
    demand_of,
    preference,
    refusals,
    sentence,
    shortages,
)
from services.simulator.controllers.scheduling.topology import PodDistribution, TopologyRules, has_topology_rules
from services.simulator.controllers.scheduling.volumes import CLAIMS
from services.simulator.objects import with_condition
from shared.kube.objects import Obj, ObjectKey, condition, is_terminating, key_of, labels_of

COMPONENT = "default-scheduler"
# With at most this many nodes all are scored; with more, a share that falls with the size of the cluster.
ALWAYS_SCORED = 100
# From the first change that may have freed capacity until the waiting pods are retried: Kubernetes' first back-off.
RETRY_SECONDS = 1.0
_ALL: ObjectKey = ("", "")
_MOST_DEMANDS = 10
_MOST_SPECS = 1000
# Bounds the list of changed nodes; scoring all again takes as long as a few hundred placements.
_MOST_CHANGES = 100_000


class _Eligible(NamedTuple):
    """Nodes that pass the filters for a pod's spec, their scores from preferences, and why the others are refused.

    `spec` is kept alive because entries are found by the `id()` of its parts, which Python may reuse after deletion.
    """

    spec: Obj
    node_infos: list[NodeInfo]
    preferences: list[float]
    positions: dict[str, int]
    refusals: list[list[str]]
    scores: dict[tuple[tuple[str, int], ...], NodeScores]
    """By demand; the pods of one template have one, unless something else changes their requests."""

    def scores_for(self, demand: Amounts, changes: list[NodeInfo]) -> NodeScores:
        """The scores for pods with this demand; `changes` are the scheduler's."""
        key = tuple(demand.items())
        found = self.scores.get(key)
        if found is None:
            if len(self.scores) >= _MOST_DEMANDS:
                self.scores.clear()
            found = self.scores[key] = NodeScores(self.node_infos, self.preferences, self.positions, changes, demand)
        return found


class Scheduler:
    """Keeps a NodeInfo of each node, updated by each change, and places pods one at a time."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        self._node_infos: dict[str, NodeInfo] = {}
        self._distribution = PodDistribution()
        self._waiting: dict[ObjectKey, None] = {}
        self._eligible: dict[tuple[int, ...], _Eligible] = {}
        self._changed_nodes: list[NodeInfo] = []
        self._next_start = 0
        # Requests that were computed for a placement, kept until the binding is observed.
        self._demands: dict[ObjectKey, Amounts] = {}
        context.changes.watch("nodes", self._on_node)
        context.changes.watch("pods", self._on_pod)
        context.changes.watch(CLAIMS, self._on_claim)

    def node_infos(self) -> dict[str, NodeInfo]:
        """The nodes by name, with what their pods request."""
        return self._node_infos

    def reconcile(self, key: ObjectKey) -> None:
        """Place the pod with this key, or record why no node fits."""
        pod = self._context.store.get("pods", *key)
        if pod is None or not _needs_node(pod):
            self._waiting.pop(key, None)
            return
        demand = demand_of(pod["spec"])
        node_info, message = self._place(pod, demand)
        if node_info is None:
            self._waiting[key] = None
            self._refuse(pod, message)
        else:
            self._waiting.pop(key, None)
            self._demands[key] = demand
            self._bind(pod, node_info)

    def _place(self, pod: Obj, demand: Amounts) -> tuple[NodeInfo | None, str]:
        """(the best node, "") or (None, why there is none)."""
        if missing := self._missing_claim(pod):
            nodes, reason = len(self._node_infos), f'persistentvolumeclaim "{missing}" not found'
            hopeless = f"preemption: 0/{nodes} nodes are available: {nodes} Preemption is not helpful for scheduling."
            return None, f"0/{nodes} nodes are available: {reason}. {hopeless}"
        eligible = self._eligible_for(pod["spec"])
        rules = (
            TopologyRules(pod, self._distribution, self._node_infos, eligible.node_infos)
            if self._needs_topology_rules(pod["spec"])
            else None
        )
        self._next_start += 1
        scores, wanted = eligible.scores_for(demand, self._changed_nodes), _sample(len(self._node_infos))
        best = (
            _best_by(rules, scores.fitting(self._next_start), wanted)
            if rules
            else scores.best(self._next_start, wanted)
        )
        return best, "" if best else self._no_node(eligible, demand, rules)

    def _no_node(self, eligible: _Eligible, demand: Amounts, rules: TopologyRules | None) -> str:
        """Why no node fits."""
        reasons = list(eligible.refusals)
        for node_info in eligible.node_infos:
            reasons.append(shortages(node_info, demand) or (rules.refusals(node_info) if rules else []))
        return sentence(len(self._node_infos), reasons, len(eligible.refusals))

    def _missing_claim(self, pod: Obj) -> str | None:
        """The name of the first claim of the pod's volumes that doesn't exist."""
        for volume in pod["spec"].get("volumes") or ():
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if name and self._context.store.get(CLAIMS, pod["metadata"]["namespace"], name) is None:
                return str(name)
        return None

    def _needs_topology_rules(self, spec: Obj) -> bool:
        return has_topology_rules(spec) or self._distribution.has_anti_affinity()

    def _eligible_for(self, spec: Obj) -> _Eligible:
        """The nodes that pass the filters; cached for pods of one template until a node changes."""
        parts = (spec.get("nodeSelector"), spec.get("affinity"), spec.get("tolerations"))
        identity = tuple(map(id, parts))
        if len(self._eligible) > _MOST_SPECS or len(self._changed_nodes) > _MOST_CHANGES:
            self._forget_eligible()
        kept = self._eligible.get(identity)
        if kept is None:
            answers = [(node_info, refusals(node_info, spec)) for node_info in self._node_infos.values()]
            node_infos = [node_info for node_info, refused in answers if not refused]
            preferences = [preference(node_info, spec) for node_info in node_infos]
            positions = {node_info.name: position for position, node_info in enumerate(node_infos)}
            reasons = [refused for _, refused in answers if refused]
            kept = self._eligible[identity] = _Eligible(spec, node_infos, preferences, positions, reasons, {})
        return kept

    def _forget_eligible(self) -> None:
        """Forget the nodes that pass the filters, and with their scores which nodes have changed."""
        self._eligible.clear()
        self._changed_nodes.clear()

    def _bind(self, pod: Obj, node_info: NodeInfo) -> None:
        namespace, name = key_of(pod)
        status = pod.get("status") or {}
        placed = {
            "type": "PodScheduled",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": self._context.timestamp(),
        }
        conditions = with_condition(status.get("conditions") or [], placed)
        bound = {
            **pod,
            "spec": {**pod["spec"], "nodeName": node_info.name},
            "status": {**status, "conditions": conditions},
        }
        bound = self._context.store.replace("pods", bound)
        message = f"Successfully assigned {namespace}/{name} to {node_info.name}"
        self._context.events.record(bound, "Scheduled", message, component=COMPONENT)

    def _refuse(self, pod: Obj, message: str) -> None:
        status = pod.get("status") or {}
        known = condition(pod, "PodScheduled")
        if known is None or known.get("message") != message:
            found = {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": message,
                "lastProbeTime": None,
                "lastTransitionTime": self._context.timestamp(),
            }
            conditions = with_condition(status.get("conditions") or [], found, refresh=True)
            pod = self._context.store.replace("pods", {**pod, "status": {**status, "conditions": conditions}})
        self._context.events.record(pod, "FailedScheduling", message, component=COMPONENT, kind="Warning")

    def _on_node(self, old: Obj | None, new: Obj | None) -> None:
        self._forget_eligible()
        if new is None:
            self._node_infos.pop((old or {})["metadata"]["name"], None)
            return
        name = new["metadata"]["name"]
        if name in self._node_infos:
            self._node_infos[name].update(new)
        else:
            self._node_infos[name] = node_info = NodeInfo(new, self._changed_nodes)
            for pod in self._context.store.list("pods"):
                if _held_node(pod) == name:
                    node_info.add(key_of(pod), demand_of(pod["spec"]))
        self._retry(_ALL)

    def _on_pod(self, old: Obj | None, new: Obj | None) -> None:
        before, after = _held_node(old), _held_node(new)
        if before != after or (after and old and new and labels_of(old) != labels_of(new)):
            self._move(old, before, new, after)
        if new is not None and _needs_node(new) and (old is None or not _needs_node(old)):
            self._context.queue.add(self.reconcile, key_of(new))
        elif new is None and old is not None:
            self._waiting.pop(key_of(old), None)

    def _on_claim(self, old: Obj | None, new: Obj | None) -> None:
        if old is None and new is not None:
            namespace = new["metadata"]["namespace"]
            for key in self._waiting:
                if key[0] == namespace:
                    self._context.queue.add(self.reconcile, key)

    def _move(self, old: Obj | None, before: str, new: Obj | None, after: str) -> None:
        if before and old is not None:
            if before in self._node_infos:
                self._node_infos[before].remove(key_of(old))
            self._distribution.remove(old, before)
            self._retry_soon()
        if after and new is not None:
            if after in self._node_infos:
                demand = self._demands.pop(key_of(new), None)
                self._node_infos[after].add(key_of(new), demand if demand is not None else demand_of(new["spec"]))
            self._distribution.add(new, after)

    def _retry_soon(self) -> None:
        """Retry the waiting pods once for many deletions: a retry for each of a thousand would delay a new pod."""
        if self._waiting:
            self._context.queue.add_within(RETRY_SECONDS, self._retry, _ALL)

    def _retry(self, _: ObjectKey) -> None:
        for key in self._waiting:
            self._context.queue.add(self.reconcile, key)


def _needs_node(pod: Obj) -> bool:
    spec = pod["spec"]
    if spec.get("nodeName") or spec.get("schedulingGates") or is_terminating(pod):
        return False
    return bool(spec.get("schedulerName", COMPONENT) == COMPONENT)


def _held_node(pod: Obj | None) -> str:
    """The node whose capacity the pod uses; "" for none."""
    if pod is None or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return ""
    return pod["spec"].get("nodeName") or ""


def _best_by(rules: TopologyRules, fitting: Iterable[tuple[NodeInfo, float]], wanted: int) -> NodeInfo | None:
    """The node with the best score among the first `wanted` that the rules about other pods allow."""
    best, best_score, found = None, float("-inf"), 0
    for node_info, base in fitting:
        if rules.refusals(node_info):
            continue
        value = base + rules.score(node_info)
        if value > best_score:
            best, best_score = node_info, value
        found += 1
        if found >= wanted:
            break
    return best


def _sample(nodes: int) -> int:
    """How many nodes that fit are scored (Kubernetes' adaptive percentageOfNodesToScore)."""
    if nodes <= ALWAYS_SCORED:
        return nodes
    return max(ALWAYS_SCORED, nodes * max(5, 50 - nodes // 125) // 100)
