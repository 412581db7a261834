"""Kept scores place every pod where scoring each node for each pod places it."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.simulator.controllers.scheduling.node_scores import NodeScores
from services.simulator.controllers.scheduling.placement import Amounts, NodeInfo, score, scored, sentence, shortages
from services.simulator.controllers.scheduling.scheduler import Scheduler, _sample
from services.simulator.controllers.scheduling.topology import TopologyRules
from shared.kube.objects import Obj, key_of
from tests.unit.simulator.cluster_harness import NAMESPACE, ClusterHarness, container, pod

DEMANDS: list[Amounts] = [{}, {"cpu": 100, "memory": 2**26}, {"cpu": 1500}, {"memory": 2**31, "cpu": 500}]
ZONE = "topology.kubernetes.io/zone"
SPREAD = {
    "maxSkew": 1,
    "topologyKey": ZONE,
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"app": "spread"}},
}
APART = {"labelSelector": {"matchLabels": {"app": "apart"}}, "topologyKey": "kubernetes.io/hostname"}
SPECS: list[Obj] = [
    {"containers": [container()]},
    {"containers": [{**container(), "resources": {"requests": {"cpu": "7", "memory": "1Gi"}}}]},
    {"containers": [{**container(), "resources": {"requests": {"cpu": "30"}}}]},
    {"containers": [container()], "topologySpreadConstraints": [SPREAD]},
    {
        "containers": [container()],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [APART]}},
    },
]
LABELS = [{"app": "web"}, {"app": "web"}, {"app": "big"}, {"app": "spread"}, {"app": "apart"}]
steps = st.lists(st.tuples(st.sampled_from(["add", "add", "add", "delete", "cordon"]), st.integers(0, 4)), max_size=40)


def naive_place(scheduler: Scheduler, pod: Obj, demand: Amounts) -> tuple[NodeInfo | None, str]:
    """Where the pod goes if every node is scored for it; to be called before the scheduler places it."""
    eligible = scheduler._eligible_for(pod["spec"])
    node_infos, reasons, looked_at = eligible.node_infos, list(eligible.refusals), scored(demand)
    rules = (
        TopologyRules(pod, scheduler._distribution, scheduler._node_infos, node_infos)
        if scheduler._needs_topology_rules(pod["spec"])
        else None
    )
    best, best_score, found = None, float("-inf"), 0
    for offset in range(len(node_infos)):
        index = (scheduler._next_start + 1 + offset) % len(node_infos)
        node_info = node_infos[index]
        problem = shortages(node_info, demand) or (rules.refusals(node_info) if rules else [])
        if problem:
            reasons.append(problem)
            continue
        value = score(node_info, looked_at) + eligible.preferences[index] + (rules.score(node_info) if rules else 0.0)
        if value > best_score:
            best, best_score = node_info, value
        found += 1
        if found >= _sample(len(scheduler._node_infos)):
            break
    return best, "" if best else sentence(len(scheduler._node_infos), reasons, len(eligible.refusals))


def compared(scheduler: Scheduler) -> list[str]:
    """Compares each placement with the naive one from now on; a text for each, empty where both are the same."""
    placements: list[str] = []
    place = scheduler._place

    def both(pod: Obj, demand: Amounts) -> tuple[NodeInfo | None, str]:
        expected = naive_place(scheduler, pod, demand)
        found = place(pod, demand)
        # Recorded and compared at the end: the work queue catches what a reconciliation raises.
        placements.append("" if found == expected else f"{found} instead of {expected}")
        return found

    scheduler.__dict__["_place"] = both
    return placements


@settings(max_examples=30, deadline=None)
@given(steps)
def test_a_cluster_places_its_pods_as_if_each_node_were_scored_for_each(chosen: list[tuple[str, int]]) -> None:
    harness = ClusterHarness()
    differences = compared(harness.cluster.scheduler)
    for number, (step, argument) in enumerate(chosen):
        change(harness, step, argument, number)
        harness.step(0)
    assert len(differences) >= sum(step == "add" for step, _ in chosen)
    assert not any(differences)


def change(harness: ClusterHarness, step: str, argument: int, number: int) -> None:
    if step == "add":
        harness.add("pods", pod(f"pod-{number:02}", SPECS[argument], LABELS[argument]))
    elif step == "delete":
        for found in harness.pods()[argument : argument + 1]:
            harness.store.delete("pods", *key_of(found), grace_seconds=0)
    else:
        node = harness.store.list("nodes")[argument]
        spec = {**node["spec"], "unschedulable": not node["spec"].get("unschedulable", False)}
        harness.store.replace("nodes", {**node, "spec": spec})


def make_node(number: int, changed: list[NodeInfo]) -> NodeInfo:
    allocatable = {"cpu": str(2 + number % 3), "memory": "4Gi", "pods": str(3 + number % 4)}
    return NodeInfo({"metadata": {"name": f"n{number}"}, "status": {"allocatable": allocatable}}, changed)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 3), st.booleans()), max_size=60), st.integers(0, 100))
def test_kept_scores_are_those_of_the_nodes_as_they_are(changes: list[tuple[int, int, bool]], start: int) -> None:
    changed: list[NodeInfo] = []
    node_infos = [make_node(number, changed) for number in range(30)]
    positions = {node_info.name: number for number, node_info in enumerate(node_infos)}
    preferences = [float(number % 5) for number in range(30)]
    kept = [NodeScores(node_infos, preferences, positions, changed, demand) for demand in DEMANDS]
    for count, (at, choice, adds) in enumerate(changes):
        if adds:
            node_infos[at].add((NAMESPACE, str(count)), DEMANDS[choice])
        elif node_infos[at].pods:
            node_infos[at].remove(next(iter(node_infos[at].pods)))
        demand = DEMANDS[choice]
        expected: list[tuple[Any, float]] = []
        for offset in range(30):
            index = (start + offset) % 30
            if not shortages(node_infos[index], demand):
                expected.append((node_infos[index], score(node_infos[index], scored(demand)) + preferences[index]))
        wanted = 1 + at
        best = max(expected[:wanted], key=lambda each: each[1])[0] if expected else None
        assert kept[choice].best(start, wanted) is best
        assert list(kept[choice].fitting(start)) == expected
