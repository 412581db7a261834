"""The scheduler's filters and scores for one pod on one node. Pure.

Refusals have Kubernetes' wording, because people and our deployer read `0/24 nodes are available: ...` to find out
what to change. cpu is in thousandths of a core, every other resource in whole units (bytes, GPUs, pods).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from shared.kube.objects import Obj
from shared.kube.quantities import milli, whole

Amounts = dict[str, int]

UNSCHEDULABLE = "node(s) were unschedulable"
AFFINITY = "node(s) didn't match Pod's node affinity/selector"
TOO_MANY_PODS = "Too many pods"
_CORDON_TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


class NodeInfo:
    """A node in the scheduler: its allocatable resources, and the requests of its pods."""

    __slots__ = ("_changes", "allocatable", "labels", "name", "pods", "taints", "unschedulable", "used")

    def __init__(self, node: Obj, changes: list[NodeInfo] | None = None) -> None:
        """Each change appends the node to `changes`: scores are kept until then."""
        self.name: str = node["metadata"]["name"]
        self.pods: dict[tuple[str, str], Amounts] = {}
        self.used: Amounts = {}
        self._changes = changes
        self.update(node)

    def update(self, node: Obj) -> None:
        """Update from the node object."""
        self._note_change()
        spec, status = node.get("spec") or {}, node.get("status") or {}
        self.labels: Mapping[str, str] = node["metadata"].get("labels") or {}
        self.taints: list[Obj] = list(spec.get("taints") or ())
        self.unschedulable: bool = bool(spec.get("unschedulable"))
        self.allocatable: Amounts = amounts(status.get("allocatable") or status.get("capacity") or {})

    def add(self, key: tuple[str, str], demand: Amounts) -> None:
        """Add a pod's requests; no effect if the pod was added already."""
        if key not in self.pods:
            self._note_change()
            self.pods[key] = demand
            for name, amount in demand.items():
                self.used[name] = self.used.get(name, 0) + amount

    def remove(self, key: tuple[str, str]) -> None:
        """Subtract a pod's requests."""
        self._note_change()
        for name, amount in self.pods.pop(key, {}).items():
            self.used[name] -= amount

    def _note_change(self) -> None:
        if self._changes is not None:
            self._changes.append(self)


def amounts(quantities: Mapping[str, str | int | float]) -> Amounts:
    """A resource list in the scheduler's units."""
    return {name: milli(value) if name == "cpu" else whole(value) for name, value in quantities.items()}


def demand_of(spec: Obj) -> Amounts:
    """A pod's requests: containers and sidecars together, or its largest init container, plus its overhead."""
    total: Amounts = {}
    for container in spec["containers"]:
        _add(total, _requests(container))
    largest: Amounts = {}
    for container in spec.get("initContainers") or ():
        requests = _requests(container)
        if container.get("restartPolicy") == "Always":
            _add(total, requests)
        else:
            largest = {name: max(largest.get(name, 0), requests.get(name, 0)) for name in largest | requests}
    total = {name: max(total.get(name, 0), largest.get(name, 0)) for name in total | largest} if largest else total
    if overhead := spec.get("overhead"):
        _add(total, amounts(overhead))
    return total


def refusals(node: NodeInfo, spec: Obj) -> list[str]:
    """Why the node's cordon, taints or labels exclude the pod. Empty if they don't."""
    if node.unschedulable and not _tolerates(spec, _CORDON_TAINT):
        return [UNSCHEDULABLE]
    for taint in node.taints:
        if taint["effect"] != "PreferNoSchedule" and not _tolerates(spec, taint):
            return [f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"]
    return [] if _wanted_by(node, spec) else [AFFINITY]


def shortages(node: NodeInfo, demand: Amounts) -> list[str]:
    """The resources that the node currently lacks for the pod. Empty if it fits."""
    lacking = []
    if len(node.pods) >= node.allocatable.get("pods", 110):
        lacking.append(TOO_MANY_PODS)
    for name, amount in demand.items():
        if amount and amount > node.allocatable.get(name, 0) - node.used.get(name, 0):
            lacking.append(f"Insufficient {name}")
    return lacking


def score(node: NodeInfo, demand: Amounts) -> float:
    """0 to 100: the free share of the node with the pod, averaged over the resources in `demand` (see `scored`)."""
    total, used, allocatable = 0.0, node.used, node.allocatable
    for name, amount in demand.items():
        if offered := allocatable.get(name):
            total += max(0.0, 1 - (used.get(name, 0) + amount) / offered)
    return 100 * total / len(demand)


def scored(demand: Amounts) -> Amounts:
    """The demand with cpu and memory in any case, so that a pod without requests is scored by both."""
    return {"cpu": 0, "memory": 0, **demand}


def preference(node: NodeInfo, spec: Obj) -> float:
    """The score from preferences: preferred node affinity adds up to 100, each untolerated soft taint subtracts 100."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    terms = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    gained = sum(term["weight"] for term in terms if _term_holds(node, term["preference"]))
    soft = [taint for taint in node.taints if taint["effect"] == "PreferNoSchedule" and not _tolerates(spec, taint)]
    return float(min(100, gained) - 100 * len(soft))


def sentence(nodes: int, reasons: Iterable[list[str]], hopeless: int) -> str:
    """The scheduler's message: reasons with their numbers of nodes, then the result for preemption.

    `hopeless` is the number of nodes on which preemption wouldn't help.
    """
    counted = Counter(reason for refused in reasons for reason in refused)
    if not nodes:
        return "no nodes available to schedule pods"
    listed = ", ".join(sorted(f"{count} {reason}" for reason, count in counted.items()))
    verdicts = [(nodes - hopeless, "No preemption victims found for incoming pod")]
    verdicts.append((hopeless, "Preemption is not helpful for scheduling"))
    preemption = ", ".join(sorted(f"{count} {verdict}" for count, verdict in verdicts if count))
    return f"0/{nodes} nodes are available: {listed}. preemption: 0/{nodes} nodes are available: {preemption}."


def _requests(container: Obj) -> Amounts:
    resources = container.get("resources") or {}
    # A resource with a limit and no request has the limit as its request.
    return amounts({**(resources.get("limits") or {}), **(resources.get("requests") or {})})


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _tolerates(spec: Obj, taint: Obj) -> bool:
    return any(_matches_taint(toleration, taint) for toleration in spec.get("tolerations") or ())


def _matches_taint(toleration: Obj, taint: Obj) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")


def _wanted_by(node: NodeInfo, spec: Obj) -> bool:
    if any(node.labels.get(name) != value for name, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    return any(_term_holds(node, term) for term in required.get("nodeSelectorTerms") or ())


def _term_holds(node: NodeInfo, term: Obj) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return all(_holds(rule, node.labels) for rule in expressions) and all(
        _holds(rule, {"metadata.name": node.name}) for rule in fields
    )


def _holds(rule: Obj, labels: Mapping[str, str]) -> bool:
    value = labels.get(rule["key"])
    values: list[str] = rule.get("values") or []
    match rule["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return value is not None and _compares(rule["operator"], value, values[0])


def _compares(operator: str, value: str, bound: str) -> bool:
    try:
        return int(value) > int(bound) if operator == "Gt" else int(value) < int(bound)
    except ValueError:
        return False
