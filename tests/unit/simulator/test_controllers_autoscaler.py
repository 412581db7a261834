"""The autoscaler: bounds at once, metrics every 15 s, Kubernetes' conditions, and its arithmetic by itself."""

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
from services.simulator.controllers.runtime.context import condition
from services.simulator.objects import Obj
from tests.unit.simulator.controllers_world import DEPLOYMENTS, World, container, deployment, template

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


def state(world: World, kind: str) -> tuple[str, str] | None:
    found = condition(world.get(AUTOSCALERS, "web"), kind)
    return (found["status"], found["reason"]) if found else None


def replicas(world: World) -> int:
    return int(world.get(DEPLOYMENTS, "web")["spec"]["replicas"])


def test_a_deployment_is_raised_to_the_minimum_at_once() -> None:
    world = World()
    world.add(DEPLOYMENTS, deployment(replicas=1))
    world.add(AUTOSCALERS, autoscaler(4))
    world.step(0)
    assert replicas(world) == 4
    assert state(world, "AbleToScale") == ("True", "SucceededRescale")
    world.until(lambda: world.is_rolled_out("web"))
    world.until(lambda: state(world, "ScalingActive") == ("True", "ValidMetricFound"))
    status = world.get(AUTOSCALERS, "web")["status"]
    assert (status["currentReplicas"], status["desiredReplicas"]) == (4, 4)
    assert status["currentMetrics"][0]["resource"]["current"]["averageUtilization"] >= 0


def test_the_order_of_autoscaler_and_deployment_does_not_matter() -> None:
    world = World()
    world.add(AUTOSCALERS, autoscaler(3))
    world.step(0)
    assert state(world, "AbleToScale") == ("False", "FailedGetScale")
    world.add(DEPLOYMENTS, deployment(replicas=1))
    world.step(0)
    assert replicas(world) == 3


def test_more_than_the_maximum_is_cut_down() -> None:
    world = World()
    world.add(DEPLOYMENTS, deployment(replicas=12))
    world.add(AUTOSCALERS, autoscaler(2, 5))
    world.step(0)
    assert replicas(world) == 5


def test_a_deployment_at_zero_is_left_alone() -> None:
    world = World()
    world.add(DEPLOYMENTS, deployment(replicas=0))
    world.add(AUTOSCALERS, autoscaler())
    world.step(60)
    assert replicas(world) == 0
    assert state(world, "ScalingActive") == ("False", "ScalingDisabled")


def test_pods_without_metrics_at_a_period_are_a_failure_that_heals() -> None:
    world = World()
    probe = {"httpGet": {"path": "/", "port": 80}}
    slow = container(image="big", gpus=0, readinessProbe={**probe, "initialDelaySeconds": 30})
    waits = template(containers=[slow], initContainers=[{"name": f"i{n}", "image": "i"} for n in range(25)])
    world.add(DEPLOYMENTS, deployment(template=waits))
    world.add(AUTOSCALERS, autoscaler(2))
    world.until(lambda: state(world, "ScalingActive") == ("False", "FailedGetResourceMetric"), 16)
    world.until(lambda: world.is_rolled_out("web"))
    world.until(lambda: state(world, "ScalingActive") == ("True", "ValidMetricFound"), 16)


def test_busy_pods_bring_more_up_to_the_maximum() -> None:
    world = World()
    world.add(DEPLOYMENTS, deployment(replicas=2))
    world.add(AUTOSCALERS, autoscaler(2, 6, target=20))
    world.step(600)
    assert replicas(world) == 6
    assert state(world, "ScalingLimited") in [("False", "DesiredWithinRange"), ("True", "TooManyReplicas")]
    assert world.is_rolled_out("web")


def test_idle_pods_go_only_after_five_quiet_minutes() -> None:
    world = World()
    world.add(DEPLOYMENTS, deployment(replicas=8))
    world.until(lambda: world.is_rolled_out("web"))
    world.step(300)
    world.add(AUTOSCALERS, autoscaler(2, 10, target=95))
    seen = {replicas(world)}
    while replicas(world) == 8:
        world.step(15)
        seen.add(replicas(world))
        assert world.clock.now() < NOW + timedelta(hours=1)
    world.step(900)
    assert 2 <= replicas(world) < 8


def test_a_metric_that_is_not_served_fails_as_without_an_adapter() -> None:
    world = World()
    world.add(DEPLOYMENTS, deployment())
    metric = {
        "type": "Pods",
        "pods": {"metric": {"name": "calls"}, "target": {"type": "AverageValue", "averageValue": "1"}},
    }
    world.add(AUTOSCALERS, autoscaler(metrics=[metric]))
    world.step(20)
    assert state(world, "ScalingActive") == ("False", "FailedGetPodsMetric")


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
