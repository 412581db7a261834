"""The scheduler: binds each pod to the emptiest node that fits, or records why none fits and waits for room.

Nothing is evicted to make room (no preemption). Like Kubernetes' scheduler it looks at a share of the nodes in large
clusters, starting where it left off.
"""

from typing import NamedTuple

from services.simulator.controllers.runtime.context import Context, condition, with_condition
from services.simulator.controllers.scheduling.placement import (
    Amounts,
    Room,
    demand_of,
    preference,
    refusals,
    score,
    scored,
    sentence,
    shortages,
)
from services.simulator.controllers.scheduling.topology import Company, Population, is_sociable
from services.simulator.controllers.scheduling.volumes import CLAIMS
from services.simulator.objects import Key, Obj, is_terminating, key_of, labels_of

COMPONENT = "default-scheduler"
# Below this many nodes all are looked at; above, a share that falls with the size of the cluster.
ALWAYS_SCORED = 100
# From the first change that may have made room until waiting pods are tried: Kubernetes' first back-off.
RETRY_SECONDS = 1.0
_ALL: Key = ("", "")


class _Eligible(NamedTuple):
    """Nodes that could take a pod as things are, what soft rules add to each, and why the others could not.

    `spec` is kept so that the identities of its parts, by which this is found, aren't given to others meanwhile.
    """

    spec: Obj
    rooms: list[Room]
    preferences: list[float]
    refusals: list[list[str]]


class Scheduler:
    """Keeps the nodes' rooms by difference, and places pods one at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rooms: dict[str, Room] = {}
        self._population = Population()
        self._waiting: dict[Key, None] = {}
        self._eligible: dict[tuple[int, ...], _Eligible] = {}
        self._next_start = 0
        # What was just worked out for a pod, from the decision to the binding.
        self._demands: dict[Key, Amounts] = {}
        context.manager.watch("nodes", self._on_node)
        context.manager.watch("pods", self._on_pod)
        context.manager.watch(CLAIMS, self._on_claim)

    def rooms(self) -> dict[str, Room]:
        """The nodes with what is asked for on each, by name."""
        return self._rooms

    def reconcile(self, key: Key) -> None:
        """Tries to place the pod with this key."""
        pod = self._context.store.get("pods", *key)
        if pod is None or not _needs_node(pod):
            self._waiting.pop(key, None)
            return
        demand = demand_of(pod["spec"])
        room, message = self._place(pod, demand)
        if room is None:
            self._waiting[key] = None
            self._refuse(pod, message)
        else:
            self._waiting.pop(key, None)
            self._demands[key] = demand
            self._bind(pod, room)

    def _place(self, pod: Obj, demand: Amounts) -> tuple[Room | None, str]:
        """(the best node, "") or (None, why there is none)."""
        if missing := self._missing_claim(pod):
            nodes, reason = len(self._rooms), f'persistentvolumeclaim "{missing}" not found'
            hopeless = f"preemption: 0/{nodes} nodes are available: {nodes} Preemption is not helpful for scheduling."
            return None, f"0/{nodes} nodes are available: {reason}. {hopeless}"
        eligible = self._eligible_for(pod["spec"])
        rooms, reasons, looked_at = eligible.rooms, list(eligible.refusals), scored(demand)
        company = Company(pod, self._population, self._rooms, rooms) if self._needs_company(pod["spec"]) else None
        best, best_score, found = None, float("-inf"), 0
        wanted = _sample(len(self._rooms))
        self._next_start += 1
        for offset in range(len(rooms)):
            index = (self._next_start + offset) % len(rooms)
            room = rooms[index]
            problem = shortages(room, demand) or (company.refusals(room) if company else [])
            if problem:
                reasons.append(problem)
                continue
            value = score(room, looked_at) + eligible.preferences[index] + (company.score(room) if company else 0.0)
            if value > best_score:
                best, best_score = room, value
            found += 1
            if found >= wanted:
                break
        return best, "" if best else sentence(len(self._rooms), reasons, len(eligible.refusals))

    def _missing_claim(self, pod: Obj) -> str | None:
        """The name of a claim that the pod's volumes name and that isn't there."""
        for volume in pod["spec"].get("volumes") or ():
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if name and self._context.store.get(CLAIMS, pod["metadata"]["namespace"], name) is None:
                return str(name)
        return None

    def _needs_company(self, spec: Obj) -> bool:
        return is_sociable(spec) or self._population.has_guards()

    def _eligible_for(self, spec: Obj) -> "_Eligible":
        """Kept for pods that share their template's parts, until a node changes."""
        parts = (spec.get("nodeSelector"), spec.get("affinity"), spec.get("tolerations"))
        identity = tuple(map(id, parts))
        kept = self._eligible.get(identity)
        if kept is None:
            answers = [(room, refusals(room, spec)) for room in self._rooms.values()]
            rooms = [room for room, refused in answers if not refused]
            preferences = [preference(room, spec) for room in rooms]
            kept = _Eligible(spec, rooms, preferences, [refused for _, refused in answers if refused])
            if len(self._eligible) > 1000:
                self._eligible.clear()
            self._eligible[identity] = kept
        return kept

    def _bind(self, pod: Obj, room: Room) -> None:
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
            "spec": {**pod["spec"], "nodeName": room.name},
            "status": {**status, "conditions": conditions},
        }
        bound = self._context.store.replace("pods", bound)
        message = f"Successfully assigned {namespace}/{name} to {room.name}"
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
        self._eligible.clear()
        if new is None:
            self._rooms.pop((old or {})["metadata"]["name"], None)
            return
        name = new["metadata"]["name"]
        if name in self._rooms:
            self._rooms[name].update(new)
        else:
            self._rooms[name] = room = Room(new)
            for pod in self._context.store.list("pods"):
                if _held_node(pod) == name:
                    room.add(key_of(pod), demand_of(pod["spec"]))
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
            if before in self._rooms:
                self._rooms[before].remove(key_of(old))
            self._population.remove(old, before)
            self._retry_soon()
        if after and new is not None:
            if after in self._rooms:
                demand = self._demands.pop(key_of(new), None)
                self._rooms[after].add(key_of(new), demand if demand is not None else demand_of(new["spec"]))
            self._population.add(new, after)

    def _retry_soon(self) -> None:
        """Try all that wait, but not once for each pod that goes: a thousand would keep a new pod waiting."""
        if self._waiting:
            self._context.queue.add_within(RETRY_SECONDS, self._retry, _ALL)

    def _retry(self, _: Key) -> None:
        for key in self._waiting:
            self._context.queue.add(self.reconcile, key)


def _needs_node(pod: Obj) -> bool:
    spec = pod["spec"]
    if spec.get("nodeName") or spec.get("schedulingGates") or is_terminating(pod):
        return False
    return bool(spec.get("schedulerName", COMPONENT) == COMPONENT)


def _held_node(pod: Obj | None) -> str:
    """The node whose room the pod takes up; "" for none."""
    if pod is None or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return ""
    return pod["spec"].get("nodeName") or ""


def _sample(nodes: int) -> int:
    """How many fitting nodes are enough (Kubernetes' adaptive percentageOfNodesToScore)."""
    if nodes <= ALWAYS_SCORED:
        return nodes
    return max(ALWAYS_SCORED, nodes * max(5, 50 - nodes // 125) // 100)
