"""The scheduler's filters and scores for one node, with Kubernetes' documented rules as the reference."""

from typing import Any

import pytest

from services.simulator.controllers.scheduling.placement import (
    AFFINITY,
    TOO_MANY_PODS,
    UNSCHEDULABLE,
    NodeInfo,
    demand_of,
    preference,
    refusals,
    score,
    scored,
    sentence,
    shortages,
)
from shared.kube.objects import Obj

LABELS = {"zone": "a", "cores": "16", "kubernetes.io/hostname": "one"}
GIBIBYTE = 2**30


def node(taints: list[Obj] | None = None, unschedulable: bool = False, **allocatable: str) -> NodeInfo:
    amounts = {"cpu": "4", "memory": "8Gi", "pods": "3"} | allocatable
    return NodeInfo(
        {
            "metadata": {"name": "one", "labels": LABELS},
            "spec": {"taints": taints or [], "unschedulable": unschedulable},
            "status": {"allocatable": amounts},
        }
    )


def taint(effect: str = "NoSchedule", value: str = "gpu") -> Obj:
    return {"key": "dedicated", "value": value, "effect": effect}


def required(*expressions: Obj, fields: list[Obj] | None = None) -> Obj:
    term = {"matchExpressions": list(expressions), "matchFields": fields or []}
    rule = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"affinity": {"nodeAffinity": rule}}


def rule(key: str, operator: str, *values: str) -> Obj:
    return {"key": key, "operator": operator, "values": list(values)}


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"key": "dedicated", "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"key": "dedicated", "operator": "Equal", "value": "gpu"}, True),
        ({"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}, True),
        ({"key": "dedicated", "value": "cpu"}, False),
        ({"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"value": "gpu"}, False),
    ],
)
def test_a_taint_excludes_pods_without_a_matching_toleration(toleration: Obj, tolerated: bool) -> None:
    found = refusals(node([taint()]), {"tolerations": [toleration]})
    assert found == ([] if tolerated else ["node(s) had untolerated taint {dedicated: gpu}"])


def test_a_preference_taint_lowers_the_score_and_excludes_no_pod() -> None:
    soft = node([taint("PreferNoSchedule")])
    assert refusals(soft, {}) == []
    assert preference(soft, {}) == -100.0
    assert preference(soft, {"tolerations": [{"operator": "Exists"}]}) == 0.0


def test_a_cordoned_node_is_excluded_unless_it_is_tolerated() -> None:
    cordoned = node(unschedulable=True)
    assert refusals(cordoned, {}) == [UNSCHEDULABLE]
    toleration = {"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}
    assert refusals(cordoned, {"tolerations": [toleration]}) == []


@pytest.mark.parametrize(
    ("spec", "matches"),
    [
        ({"nodeSelector": {"zone": "a"}}, True),
        ({"nodeSelector": {"zone": "b"}}, False),
        (required(rule("zone", "In", "a", "b")), True),
        (required(rule("zone", "NotIn", "a")), False),
        (required(rule("missing", "NotIn", "a")), True),
        (required(rule("zone", "Exists")), True),
        (required(rule("zone", "DoesNotExist")), False),
        (required(rule("cores", "Gt", "8")), True),
        (required(rule("cores", "Lt", "8")), False),
        (required(rule("zone", "Gt", "8")), False),
        (required(rule("missing", "Gt", "8")), False),
        (required(rule("zone", "In", "a"), rule("cores", "In", "8")), False),
        (required(fields=[rule("metadata.name", "In", "one")]), True),
        (required(fields=[rule("metadata.name", "In", "two")]), False),
        (required(), False),
    ],
)
def test_selectors_and_affinity_of_a_pod_decide_over_its_nodes(spec: Obj, matches: bool) -> None:
    assert refusals(node(), spec) == ([] if matches else [AFFINITY])


def test_preferred_affinity_adds_its_weights_up_to_a_hundred() -> None:
    terms = [
        {"weight": 60, "preference": {"matchExpressions": [rule("zone", "In", "a")]}},
        {"weight": 70, "preference": {"matchExpressions": [rule("cores", "Exists")]}},
        {"weight": 90, "preference": {"matchExpressions": [rule("zone", "In", "b")]}},
    ]
    spec = {"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": terms}}}
    assert preference(node(), spec) == 100.0


def container(cpu: str | None = None, memory: str | None = None, **fields: Any) -> Obj:
    requests = {name: value for name, value in (("cpu", cpu), ("memory", memory)) if value}
    return {"resources": {"requests": requests}, **fields}


@pytest.mark.parametrize(
    ("spec", "demand"),
    [
        ({"containers": [container("250m", "1Gi"), container("1")]}, {"cpu": 1250, "memory": GIBIBYTE}),
        ({"containers": [{"resources": {"limits": {"cpu": "2"}}}]}, {"cpu": 2000}),
        ({"containers": [container("1")], "initContainers": [container("3")]}, {"cpu": 3000}),
        ({"containers": [container("1")], "initContainers": [container("1", restartPolicy="Always")]}, {"cpu": 2000}),
        ({"containers": [container("1")], "overhead": {"cpu": "100m"}}, {"cpu": 1100}),
        ({"containers": [{}]}, {}),
    ],
)
def test_the_requests_of_a_pod_are_added_up(spec: Obj, demand: dict[str, int]) -> None:
    assert demand_of(spec) == demand


def test_a_pod_fits_while_each_resource_is_left() -> None:
    info = node()
    info.add(("shop", "a"), {"cpu": 3000, "memory": 6 * GIBIBYTE})
    info.add(("shop", "a"), {"cpu": 3000, "memory": 6 * GIBIBYTE})
    assert shortages(info, {"cpu": 1000, "memory": 2 * GIBIBYTE}) == []
    assert shortages(info, {"cpu": 1001, "nvidia.com/gpu": 1}) == ["Insufficient cpu", "Insufficient nvidia.com/gpu"]
    info.remove(("shop", "a"))
    assert shortages(info, {"cpu": 4000}) == []
    assert info.used == {"cpu": 0, "memory": 0}


def test_a_node_with_its_maximum_of_pods_is_full() -> None:
    info = node(pods="1")
    info.add(("shop", "a"), {})
    assert shortages(info, {}) == [TOO_MANY_PODS]


def test_the_emptier_node_has_the_higher_score() -> None:
    empty, busy = node(), node()
    busy.add(("shop", "a"), {"cpu": 2000, "memory": 4 * GIBIBYTE})
    demand = scored({"cpu": 1000})
    assert score(empty, demand) == pytest.approx(100 * (0.75 + 1) / 2)
    assert score(busy, demand) == pytest.approx(100 * (0.25 + 0.5) / 2)


def test_the_message_counts_reasons_and_the_nodes_without_hope_for_preemption() -> None:
    reasons = [["Insufficient cpu"], ["Insufficient cpu", "Too many pods"], [AFFINITY]]
    assert sentence(3, reasons, 1) == (
        "0/3 nodes are available: 1 Too many pods, 1 node(s) didn't match Pod's node affinity/selector, "
        "2 Insufficient cpu. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, "
        "2 No preemption victims found for incoming pod."
    )
    assert sentence(0, [], 0) == "no nodes available to schedule pods"
