"""The autoscaler: bounds, metrics every 15 s, conditions, and its algorithm."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.simulator.controllers.autoscaling.autoscaler import AUTOSCALERS
from services.simulator.controllers.autoscaling.hpa_algorithm import (
    MetricError,
    MetricSample,
    RecommendationHistory,
    propose,
)
from shared.kube.objects import Obj, condition
from tests.unit.simulator.cluster_harness import DEPLOYMENTS, ClusterHarness, container, deployment, template

NOW = datetime(2026, 1, 5, 1, tzinfo=UTC)
CPU: Obj = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
}


def autoscaler(least: int = 2, most: int = 10, target: int = 70, **spec: Any) -> Obj:
    goal = {"type": "Utilization", "averageUtilization": target}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": goal}}],
            **spec,
        },
    }


def state(harness: ClusterHarness, kind: str) -> tuple[str, str] | None:
    found = condition(harness.get(AUTOSCALERS, "web"), kind)
    return (found["status"], found["reason"]) if found else None


def replicas(harness: ClusterHarness) -> int:
    return int(harness.get(DEPLOYMENTS, "web")["spec"]["replicas"])


def test_a_deployment_is_raised_to_the_minimum_at_once() -> None:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment(replicas=1))
    harness.add(AUTOSCALERS, autoscaler(4))
    harness.step(0)
    assert replicas(harness) == 4
    assert state(harness, "AbleToScale") == ("True", "SucceededRescale")
    harness.until(lambda: harness.is_rolled_out("web"))
    harness.until(lambda: state(harness, "ScalingActive") == ("True", "ValidMetricFound"))
    status = harness.get(AUTOSCALERS, "web")["status"]
    assert (status["currentReplicas"], status["desiredReplicas"]) == (4, 4)
    assert status["currentMetrics"][0]["resource"]["current"]["averageUtilization"] >= 0


def test_the_order_of_autoscaler_and_deployment_does_not_matter() -> None:
    harness = ClusterHarness()
    harness.add(AUTOSCALERS, autoscaler(3))
    harness.step(0)
    assert state(harness, "AbleToScale") == ("False", "FailedGetScale")
    harness.add(DEPLOYMENTS, deployment(replicas=1))
    harness.step(0)
    assert replicas(harness) == 3


def test_more_than_the_maximum_is_cut_down() -> None:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment(replicas=12))
    harness.add(AUTOSCALERS, autoscaler(2, 5))
    harness.step(0)
    assert replicas(harness) == 5


def test_a_deployment_at_zero_is_left_alone() -> None:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment(replicas=0))
    harness.add(AUTOSCALERS, autoscaler())
    harness.step(60)
    assert replicas(harness) == 0
    assert state(harness, "ScalingActive") == ("False", "ScalingDisabled")


def test_pods_without_metrics_at_a_period_are_a_failure_that_heals() -> None:
    harness = ClusterHarness()
    probe = {"httpGet": {"path": "/", "port": 80}}
    slow = container(image="big", gpus=0, readinessProbe={**probe, "initialDelaySeconds": 30})
    waits = template(containers=[slow], initContainers=[{"name": f"i{n}", "image": "i"} for n in range(25)])
    harness.add(DEPLOYMENTS, deployment(template=waits))
    harness.add(AUTOSCALERS, autoscaler(2))
    harness.until(lambda: state(harness, "ScalingActive") == ("False", "FailedGetResourceMetric"), 16)
    harness.until(lambda: harness.is_rolled_out("web"))
    harness.until(lambda: state(harness, "ScalingActive") == ("True", "ValidMetricFound"), 16)


def test_busy_pods_bring_more_up_to_the_maximum() -> None:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment(replicas=2))
    harness.add(AUTOSCALERS, autoscaler(2, 6, target=20))
    harness.step(600)
    assert replicas(harness) == 6
    assert state(harness, "ScalingLimited") in [("False", "DesiredWithinRange"), ("True", "TooManyReplicas")]
    assert harness.is_rolled_out("web")


def test_idle_pods_go_only_after_five_quiet_minutes() -> None:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment(replicas=8))
    harness.until(lambda: harness.is_rolled_out("web"))
    harness.step(300)
    harness.add(AUTOSCALERS, autoscaler(2, 10, target=95))
    seen = {replicas(harness)}
    while replicas(harness) == 8:
        harness.step(15)
        seen.add(replicas(harness))
        assert harness.clock.now() < NOW + timedelta(hours=1)
    harness.step(900)
    assert 2 <= replicas(harness) < 8


def test_a_metric_that_is_not_served_fails_as_without_an_adapter() -> None:
    harness = ClusterHarness()
    harness.add(DEPLOYMENTS, deployment())
    metric = {
        "type": "Pods",
        "pods": {"metric": {"name": "calls"}, "target": {"type": "AverageValue", "averageValue": "1"}},
    }
    harness.add(AUTOSCALERS, autoscaler(metrics=[metric]))
    harness.step(20)
    assert state(harness, "ScalingActive") == ("False", "FailedGetPodsMetric")


def samples(*used: int | None, ready: bool = True) -> list[MetricSample]:
    return [MetricSample(f"pod-{n}", 1000, one, ready and one is not None) for n, one in enumerate(used)]


@pytest.mark.parametrize(
    ("used", "wanted"),
    [
        ((700, 700), 2),  # as wanted
        ((760, 760), 2),  # within the tolerance of 10 %
        ((900, 900), 3),  # 1.29 x 2
        ((350, 350, 350, 350), 2),
        ((1400, None), 2),  # the missing one counts as idle, which brings it within the tolerance
        ((300, None, None), 3),  # the missing ones count as fully busy
    ],
)
def test_replicas_follow_the_documented_formula(used: tuple[int | None, ...], wanted: int) -> None:
    assert propose(CPU, len(used), samples(*used)).replicas == wanted


def test_a_pod_without_a_request_is_named() -> None:
    with pytest.raises(MetricError, match="missing request for cpu in pod pod-0") as error:
        propose(CPU, 1, [MetricSample("pod-0", 0, 5, True)])
    assert error.value.reason == "FailedGetResourceMetric"


def test_scaling_up_is_at_most_doubling_or_four_more_each_period() -> None:
    history, spec = RecommendationHistory(), {"spec": {}}
    assert history.settle(spec, 1, 100, NOW) == 5
    history.note_scaling(NOW, 4)
    assert history.settle(spec, 5, 100, NOW + timedelta(seconds=1)) == 5
    assert history.settle(spec, 5, 100, NOW + timedelta(seconds=16)) == 10


def test_policies_of_the_autoscaler_replace_the_defaults() -> None:
    rules = {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}], "stabilizationWindowSeconds": 0}
    spec = {"spec": {"behavior": {"scaleDown": rules, "scaleUp": {"selectPolicy": "Disabled"}}}}
    assert RecommendationHistory().settle(spec, 10, 2, NOW) == 9
    assert RecommendationHistory().settle(spec, 2, 10, NOW) == 2
