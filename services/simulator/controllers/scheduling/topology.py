"""Topology spread constraints and inter-pod affinity, computed from counts of pods by labels.

Pods with the same labels in one namespace form one group, so a rule is matched against a few groups instead of
every pod.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from services.simulator.controllers.scheduling.placement import NodeInfo
from shared.kube.objects import Obj, key_of, labels_of, selector_matches

SPREAD = "node(s) didn't match pod topology spread constraints"
SPREAD_LABEL = "node(s) didn't match pod topology spread constraints (missing required label)"
AFFINITY = "node(s) didn't match pod affinity rules"
ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
EXISTING_ANTI_AFFINITY = "node(s) didn't satisfy existing pods anti-affinity rules"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"

Labels = tuple[tuple[str, str], ...]


class PodDistribution:
    """Counts of bound pods by namespace, labels and node, and the pods with required anti-affinity."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[Labels, Counter[str]]] = {}
        self._anti_affinities: dict[tuple[str, str], tuple[str, list[Obj]]] = {}

    def add(self, pod: Obj, node: str) -> None:
        """Count a pod that was bound to the node."""
        namespace, labels = pod["metadata"].get("namespace", ""), tuple(sorted(labels_of(pod).items()))
        self._groups.setdefault(namespace, {}).setdefault(labels, Counter())[node] += 1
        if terms := _terms(pod["spec"], "podAntiAffinity", _REQUIRED):
            self._anti_affinities[key_of(pod)] = (node, terms)

    def remove(self, pod: Obj, node: str) -> None:
        """Remove a pod from the counts; its labels must be those with which it was added."""
        namespace, labels = pod["metadata"].get("namespace", ""), tuple(sorted(labels_of(pod).items()))
        groups = self._groups.get(namespace, {})
        group = groups.get(labels)
        if group is not None:
            group[node] -= 1
            if group[node] <= 0:
                del group[node]
            if not group:
                del groups[labels]
        self._anti_affinities.pop(key_of(pod), None)

    def has_anti_affinity(self) -> bool:
        """True when a bound pod has required anti-affinity."""
        return bool(self._anti_affinities)

    def count(self, selector: Obj | None, namespaces: Iterable[str]) -> Counter[str]:
        """Matching pods by node."""
        total: Counter[str] = Counter()
        for namespace in namespaces:
            for labels, nodes in self._groups.get(namespace, {}).items():
                if selector_matches(selector, dict(labels)):
                    total.update(nodes)
        return total

    def repelled_domains(self, pod: Obj, node_infos: Mapping[str, NodeInfo]) -> list[tuple[str, str]]:
        """(topology key, domain) pairs from which bound pods' anti-affinity excludes this one."""
        found = []
        for (namespace, _), (node, terms) in self._anti_affinities.items():
            for term in terms:
                names = term.get("namespaces") or [namespace]
                if pod["metadata"].get("namespace", "") in names and selector_matches(
                    term.get("labelSelector"), labels_of(pod)
                ):
                    key = term["topologyKey"]
                    if node in node_infos and key in node_infos[node].labels:
                        found.append((key, node_infos[node].labels[key]))
        return found


class TopologyRules:
    """A pod's rules about other pods, evaluated for each node; made once for each placement."""

    def __init__(
        self, pod: Obj, distribution: PodDistribution, node_infos: Mapping[str, NodeInfo], eligible: list[NodeInfo]
    ) -> None:
        self._pod, self._distribution, self._node_infos, self._eligible = pod, distribution, node_infos, eligible
        self._repelled = distribution.repelled_domains(pod, node_infos)
        self._apart = [self._domains(term) for term in _terms(pod["spec"], "podAntiAffinity", _REQUIRED)]
        self._together = [self._together_rule(term) for term in _terms(pod["spec"], "podAffinity", _REQUIRED)]
        self._spreads = [self._spread_rule(rule) for rule in pod["spec"].get("topologySpreadConstraints") or ()]
        self._preferences = self._preferred_rules()

    def refusals(self, node_info: NodeInfo) -> list[str]:
        """Reasons by which other pods exclude this node; empty when it is allowed."""
        labels = node_info.labels
        for key, skew, counts, least, own, hard in self._spreads:
            if hard and key not in labels:
                return [SPREAD_LABEL]
            if hard and counts[labels[key]] + own - least > skew:
                return [SPREAD]
        if any(key not in labels or not (counts[labels[key]] or first) for key, counts, first in self._together):
            return [AFFINITY]
        if any(counts[labels.get(key, "")] for key, counts in self._apart):
            return [ANTI_AFFINITY]
        if any(labels.get(key) == domain for key, domain in self._repelled):
            return [EXISTING_ANTI_AFFINITY]
        return []

    def score(self, node_info: NodeInfo) -> float:
        """The score from preferences: preferred affinity adds, skew against a spread constraint subtracts."""
        crowding = sum(counts[node_info.labels.get(key, "")] - least for key, _, counts, least, _, _ in self._spreads)
        preferred = sum(weight * counts[node_info.labels.get(key, "")] for weight, key, counts in self._preferences)
        return preferred - 20.0 * crowding

    def _domains(self, term: Obj) -> tuple[str, Counter[str]]:
        """(topology key, matching pods by domain)."""
        namespaces = term.get("namespaces") or [self._pod["metadata"].get("namespace", "")]
        return term["topologyKey"], self._by_domain(term["topologyKey"], term.get("labelSelector"), namespaces)

    def _together_rule(self, term: Obj) -> tuple[str, Counter[str], bool]:
        key, counts = self._domains(term)
        # The first pod of a group with affinity to itself has no peer yet, so any node is allowed.
        first = not counts and selector_matches(term.get("labelSelector"), labels_of(self._pod))
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
        domains = {node_info.labels[key] for node_info in self._eligible if key in node_info.labels}
        least = min((counts[domain] for domain in domains), default=0)
        if len(domains) < (rule.get("minDomains") or 0):
            least = 0
        own = 1 if selector_matches(selector, labels_of(self._pod)) else 0
        return key, rule["maxSkew"], counts, least, own, rule.get("whenUnsatisfiable") != "ScheduleAnyway"

    def _preferred_rules(self) -> list[tuple[int, str, Counter[str]]]:
        preferred = []
        for kind, sign in (("podAffinity", 1), ("podAntiAffinity", -1)):
            for term in _terms(self._pod["spec"], kind, _PREFERRED):
                preferred.append((sign * term["weight"], *self._domains(term["podAffinityTerm"])))
        return preferred

    def _by_domain(self, key: str, selector: Obj | None, namespaces: Iterable[str]) -> Counter[str]:
        counts: Counter[str] = Counter()
        for node, count in self._distribution.count(selector, namespaces).items():
            node_info = self._node_infos.get(node)
            if node_info is not None and key in node_info.labels:
                counts[node_info.labels[key]] += count
        return counts


def has_topology_rules(spec: Obj) -> bool:
    """True when the pod has rules about other pods."""
    affinity = spec.get("affinity") or {}
    return bool(spec.get("topologySpreadConstraints") or affinity.get("podAffinity") or affinity.get("podAntiAffinity"))


def _terms(spec: Obj, kind: str, strength: str) -> list[Obj]:
    terms: list[Obj] = ((spec.get("affinity") or {}).get(kind) or {}).get(strength) or []
    return terms
