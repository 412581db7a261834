"""Pods that want to be together or apart: topology spread and inter-pod affinity, over counts by group.

Pods with the same labels in one namespace are one group, so a rule is matched against a handful of groups and not
against every pod.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from services.simulator.controllers.scheduling.placement import Room
from services.simulator.objects import Obj, key_of, labels_of, matches

SPREAD = "node(s) didn't match pod topology spread constraints"
SPREAD_LABEL = "node(s) didn't match pod topology spread constraints (missing required label)"
AFFINITY = "node(s) didn't match pod affinity rules"
ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
EXISTING_ANTI_AFFINITY = "node(s) didn't satisfy existing pods anti-affinity rules"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"

Labels = tuple[tuple[str, str], ...]


class Population:
    """How many pods of which labels are on which node, and which of them keep others away."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[Labels, Counter[str]]] = {}
        self._guards: dict[tuple[str, str], tuple[str, list[Obj]]] = {}

    def add(self, pod: Obj, node: str) -> None:
        """Counts in a pod that is bound to the node."""
        namespace, labels = pod["metadata"].get("namespace", ""), tuple(sorted(labels_of(pod).items()))
        self._groups.setdefault(namespace, {}).setdefault(labels, Counter())[node] += 1
        if guard := _terms(pod["spec"], "podAntiAffinity", _REQUIRED):
            self._guards[key_of(pod)] = (node, guard)

    def remove(self, pod: Obj, node: str) -> None:
        """Counts it out again; labels as they were when it was counted in."""
        namespace, labels = pod["metadata"].get("namespace", ""), tuple(sorted(labels_of(pod).items()))
        groups = self._groups.get(namespace, {})
        group = groups.get(labels)
        if group is not None:
            group[node] -= 1
            if group[node] <= 0:
                del group[node]
            if not group:
                del groups[labels]
        self._guards.pop(key_of(pod), None)

    def has_guards(self) -> bool:
        """True when some pod keeps others away."""
        return bool(self._guards)

    def count(self, selector: Obj | None, namespaces: Iterable[str]) -> Counter[str]:
        """Matching pods by node."""
        total: Counter[str] = Counter()
        for namespace in namespaces:
            for labels, nodes in self._groups.get(namespace, {}).items():
                if matches(selector, dict(labels)):
                    total.update(nodes)
        return total

    def guarded(self, pod: Obj, rooms: Mapping[str, Room]) -> list[tuple[str, str]]:
        """(topology key, domain) pairs that pods already there keep this one away from."""
        found = []
        for (namespace, _), (node, terms) in self._guards.items():
            for term in terms:
                names = term.get("namespaces") or [namespace]
                if pod["metadata"].get("namespace", "") in names and matches(term.get("labelSelector"), labels_of(pod)):
                    key = term["topologyKey"]
                    if node in rooms and key in rooms[node].labels:
                        found.append((key, rooms[node].labels[key]))
        return found


class Company:
    """What one pod's rules about other pods mean for each node; made once for each pod that is placed."""

    def __init__(self, pod: Obj, population: Population, rooms: Mapping[str, Room], eligible: list[Room]) -> None:
        self._pod, self._population, self._rooms, self._eligible = pod, population, rooms, eligible
        self._guarded = population.guarded(pod, rooms)
        self._apart = [self._domains(term) for term in _terms(pod["spec"], "podAntiAffinity", _REQUIRED)]
        self._together = [self._together_rule(term) for term in _terms(pod["spec"], "podAffinity", _REQUIRED)]
        self._spreads = [self._spread_rule(rule) for rule in pod["spec"].get("topologySpreadConstraints") or ()]
        self._wishes = self._wish_rules()

    def refusals(self, room: Room) -> list[str]:
        """Why the other pods rule this node out. Empty where they don't."""
        labels = room.labels
        for key, skew, counts, least, own, hard in self._spreads:
            if hard and key not in labels:
                return [SPREAD_LABEL]
            if hard and counts[labels[key]] + own - least > skew:
                return [SPREAD]
        if any(key not in labels or not (counts[labels[key]] or first) for key, counts, first in self._together):
            return [AFFINITY]
        if any(counts[labels.get(key, "")] for key, counts in self._apart):
            return [ANTI_AFFINITY]
        if any(labels.get(key) == domain for key, domain in self._guarded):
            return [EXISTING_ANTI_AFFINITY]
        return []

    def score(self, room: Room) -> float:
        """What soft rules add (company that is liked) or take (crowding)."""
        crowding = sum(counts[room.labels.get(key, "")] - least for key, _, counts, least, _, _ in self._spreads)
        wishes = sum(weight * counts[room.labels.get(key, "")] for weight, key, counts in self._wishes)
        return wishes - 20.0 * crowding

    def _domains(self, term: Obj) -> tuple[str, Counter[str]]:
        """(topology key, matching pods by domain)."""
        namespaces = term.get("namespaces") or [self._pod["metadata"].get("namespace", "")]
        return term["topologyKey"], self._by_domain(term["topologyKey"], term.get("labelSelector"), namespaces)

    def _together_rule(self, term: Obj) -> tuple[str, Counter[str], bool]:
        key, counts = self._domains(term)
        # The first pod of a group with affinity to itself has no peer yet, and may start anywhere.
        first = not counts and matches(term.get("labelSelector"), labels_of(self._pod))
        return key, counts, first

    def _spread_rule(self, rule: Obj) -> tuple[str, int, Counter[str], int, int, bool]:
        key, selector = rule["topologyKey"], rule.get("labelSelector") or {}
        pinned = {
            name: labels_of(self._pod)[name]
            for name in rule.get("matchLabelKeys") or ()
            if name in labels_of(self._pod)
        }
        if pinned:
            selector = {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), **pinned}}
        counts = self._by_domain(key, selector, [self._pod["metadata"].get("namespace", "")])
        domains = {room.labels[key] for room in self._eligible if key in room.labels}
        least = min((counts[domain] for domain in domains), default=0)
        if len(domains) < (rule.get("minDomains") or 0):
            least = 0
        own = 1 if matches(selector, labels_of(self._pod)) else 0
        return key, rule["maxSkew"], counts, least, own, rule.get("whenUnsatisfiable") != "ScheduleAnyway"

    def _wish_rules(self) -> list[tuple[int, str, Counter[str]]]:
        wishes = []
        for kind, sign in (("podAffinity", 1), ("podAntiAffinity", -1)):
            for wish in _terms(self._pod["spec"], kind, _PREFERRED):
                wishes.append((sign * wish["weight"], *self._domains(wish["podAffinityTerm"])))
        return wishes

    def _by_domain(self, key: str, selector: Obj | None, namespaces: Iterable[str]) -> Counter[str]:
        counts: Counter[str] = Counter()
        for node, count in self._population.count(selector, namespaces).items():
            room = self._rooms.get(node)
            if room is not None and key in room.labels:
                counts[room.labels[key]] += count
        return counts


def is_sociable(spec: Obj) -> bool:
    """True when the pod has rules about other pods."""
    affinity = spec.get("affinity") or {}
    return bool(spec.get("topologySpreadConstraints") or affinity.get("podAffinity") or affinity.get("podAntiAffinity"))


def _terms(spec: Obj, kind: str, strength: str) -> list[Obj]:
    terms: list[Obj] = ((spec.get("affinity") or {}).get(kind) or {}).get(strength) or []
    return terms
