"""The HorizontalPodAutoscaler (autoscaling/v2): scales a workload by the usage of its pods, within bounds.

Bounds are applied whenever the autoscaler or its target changes; metrics are evaluated every 15 s, as in Kubernetes
(see `hpa_algorithm`). There are Resource and ContainerResource metrics only; any other fails as in a cluster without
a metrics adapter.
"""

from services.simulator.controllers.autoscaling.hpa_algorithm import (
    MetricError,
    MetricSample,
    Proposal,
    RecommendationHistory,
    propose,
    source_field,
)
from services.simulator.controllers.autoscaling.usage import container_usages, requested
from services.simulator.controllers.pods.pod_objects import is_active
from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.controllers.workloads.rollout import wanted
from services.simulator.objects import with_condition
from shared.kube.objects import Obj, ObjectKey, condition, is_ready, key_of

AUTOSCALERS = "horizontalpodautoscalers.autoscaling"
COMPONENT = "horizontal-pod-autoscaler"
PERIOD_SECONDS = 15.0
TARGETS = {"Deployment": "deployments.apps", "ReplicaSet": "replicasets.apps", "StatefulSet": "statefulsets.apps"}


class Autoscaler:
    """Reads the usage of pods and writes spec.replicas of the target."""

    def __init__(self, context: ControllerContext) -> None:
        self._context = context
        self._histories: dict[str, RecommendationHistory] = {}
        context.changes.watch(AUTOSCALERS, self._on_autoscaler)
        for resource in TARGETS.values():
            context.changes.watch(resource, self._on_target)

    def reconcile(self, key: ObjectKey) -> None:
        """Apply the bounds and report the metrics that exist; called after a change."""
        self._sync(key, periodic=False)

    def measure(self, key: ObjectKey) -> None:
        """Scale by the metrics; called every 15 s."""
        if self._context.store.get(AUTOSCALERS, *key) is not None:
            self._context.queue.add_after(PERIOD_SECONDS, self.measure, key)
            self._sync(key, periodic=True)

    def _sync(self, key: ObjectKey, *, periodic: bool) -> None:
        autoscaler = self._context.store.get(AUTOSCALERS, *key)
        if autoscaler is None or self._context.terminating(key[0]):
            return
        reference = autoscaler["spec"]["scaleTargetRef"]
        resource = TARGETS.get(reference["kind"])
        target = self._context.store.get(resource, key[0], reference["name"]) if resource else None
        report = AutoscalerStatus(self._context, autoscaler)
        if target is None:
            missing = f'{reference["kind"].lower()}s/scale.apps "{reference["name"]}" not found'
            message = f"the HPA controller was unable to get the target's current scale: {missing}"
            report.set("AbleToScale", "False", "FailedGetScale", message)
        else:
            if report.reason("AbleToScale") in (None, "FailedGetScale"):
                message = "the HPA controller was able to get the target's current scale"
                report.set("AbleToScale", "True", "SucceededGetScale", message)
            self._decide(autoscaler, target, report, periodic)
        report.write()

    def _decide(self, autoscaler: Obj, target: Obj, report: "AutoscalerStatus", periodic: bool) -> None:
        current, least, most = (
            wanted(target),
            autoscaler["spec"].get("minReplicas") or 1,
            autoscaler["spec"]["maxReplicas"],
        )
        report.replicas(current, current)
        if current == 0:
            message = "scaling is disabled since the replica count of the target is zero"
            report.set("ScalingActive", "False", "ScalingDisabled", message)
        elif current > most:
            self._rescale(autoscaler, target, most, "Current number of replicas above Spec.MaxReplicas", report)
        elif current < least:
            self._rescale(autoscaler, target, least, "Current number of replicas below Spec.MinReplicas", report)
        else:
            try:
                proposals = [self._proposal(metric, target, current) for metric in _metrics(autoscaler)]
            except MetricError as error:
                # Outside of the period it isn't reported, because pods may have just started.
                if periodic:
                    self._fail(autoscaler, error, report)
                return
            self._follow(autoscaler, target, max(proposals, key=lambda one: one.replicas), report, periodic)
            report.metrics([one.metric for one in proposals])

    def _follow(self, autoscaler: Obj, target: Obj, best: Proposal, report: "AutoscalerStatus", periodic: bool) -> None:
        current, least, most = (
            wanted(target),
            autoscaler["spec"].get("minReplicas") or 1,
            autoscaler["spec"]["maxReplicas"],
        )
        message = f"the HPA was able to successfully calculate a replica count from {best.name}"
        report.set("ScalingActive", "True", "ValidMetricFound", message)
        report.limited(best.replicas, least, most)
        if not periodic:
            return
        history = self._histories.setdefault(autoscaler["metadata"]["uid"], RecommendationHistory())
        bounded = min(max(best.replicas, least), most)
        desired = history.settle(autoscaler, current, bounded, self._context.clock.steady())
        if desired != current:
            reason = f"{best.name} above target" if desired > current else "All metrics below target"
            self._rescale(autoscaler, target, desired, reason, report)
        elif bounded < current:
            message = "recent recommendations were higher than current one, applying the highest recent recommendation"
            report.set("AbleToScale", "True", "ScaleDownStabilized", message)
        else:
            report.set("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size")

    def _rescale(self, autoscaler: Obj, target: Obj, size: int, reason: str, report: "AutoscalerStatus") -> None:
        resource, before = TARGETS[target["kind"]], wanted(target)
        self._context.store.replace(resource, {**target, "spec": {**target["spec"], "replicas": size}})
        history = self._histories.setdefault(autoscaler["metadata"]["uid"], RecommendationHistory())
        history.note_scaling(self._context.clock.steady(), size - before)
        self._context.events.record(
            autoscaler, "SuccessfulRescale", f"New size: {size}; reason: {reason}", component=COMPONENT
        )
        message = f"the HPA controller was able to update the target scale to {size}"
        report.set("AbleToScale", "True", "SucceededRescale", message)
        report.replicas(before, size, scaled=True)

    def _fail(self, autoscaler: Obj, error: MetricError, report: "AutoscalerStatus") -> None:
        message = f"the HPA was unable to compute the replica count: {error}"
        report.set("ScalingActive", "False", error.reason, message)
        self._context.events.record(autoscaler, error.reason, str(error), component=COMPONENT, kind="Warning")

    def _proposal(self, metric: Obj, target: Obj, current: int) -> Proposal:
        if metric["type"] not in ("Resource", "ContainerResource"):
            message = f"unable to get metric: no {metric['type'].lower()} metrics API is installed in this cluster"
            raise MetricError(f"FailedGet{metric['type']}Metric", message)
        source = metric[source_field(metric)]
        samples = [self._sample(pod, source["name"], source.get("container")) for pod in self._pods(target)]
        return propose(metric, current, samples)

    def _sample(self, pod: Obj, resource: str, only: str | None) -> MetricSample:
        containers = [one for one in pod["spec"]["containers"] if only is None or one["name"] == only]
        asked = sum(requested(one).get(resource, 0) for one in containers)
        usages = [used for name, used in container_usages(pod, self._context.clock.now()) if only in (None, name)]
        if not usages:
            return MetricSample(pod["metadata"]["name"], asked, None, False)
        # Usage is in billionths of a core, the algorithm uses thousandths.
        used = sum(one.cpu // 1_000_000 if resource == "cpu" else one.memory for one in usages)
        return MetricSample(pod["metadata"]["name"], asked, used, is_ready(pod))

    def _pods(self, target: Obj) -> list[Obj]:
        owners = [target["metadata"]["uid"]]
        if target["kind"] == "Deployment":
            sets = self._context.ownership.controlled(owners[0], "replicasets.apps")
            owners = [one["metadata"]["uid"] for one in sets]
        return [pod for uid in owners for pod in self._context.ownership.controlled(uid, "pods") if is_active(pod)]

    def _on_autoscaler(self, old: Obj | None, new: Obj | None) -> None:
        if new is None:
            if old is not None:
                self._histories.pop(old["metadata"]["uid"], None)
                self._context.queue.forget(self.measure, key_of(old))
        elif old is None or old["spec"] != new["spec"]:
            self._context.queue.add(self.reconcile, key_of(new))
            self._context.queue.add_within(PERIOD_SECONDS, self.measure, key_of(new))

    def _on_target(self, old: Obj | None, new: Obj | None) -> None:
        changed = new or old or {}
        if old is not None and new is not None and wanted(old) == wanted(new) and _serves(old) == _serves(new):
            return
        namespace, name = key_of(changed)
        for autoscaler in self._context.store.list(AUTOSCALERS, namespace):
            reference = autoscaler["spec"]["scaleTargetRef"]
            if reference["name"] == name and reference["kind"] == changed["kind"]:
                self._context.queue.add(self.reconcile, key_of(autoscaler))


class AutoscalerStatus:
    """The new status of an autoscaler, written once at the end of a reconciliation."""

    def __init__(self, context: ControllerContext, autoscaler: Obj) -> None:
        self._context, self._autoscaler = context, autoscaler
        self._status: Obj = {
            **(autoscaler.get("status") or {}),
            "observedGeneration": autoscaler["metadata"].get("generation"),
        }

    def reason(self, kind: str) -> str | None:
        """The current reason of a condition; None if there is no such condition."""
        found = condition({"status": self._status}, kind)
        return found["reason"] if found else None

    def set(self, kind: str, state: str, reason: str, message: str) -> None:
        """Set a condition."""
        found = {
            "type": kind,
            "status": state,
            "lastTransitionTime": self._context.timestamp(),
            "reason": reason,
            "message": message,
        }
        self._status["conditions"] = with_condition(self._status.get("conditions") or [], found, refresh=True)

    def limited(self, proposed: int, least: int, most: int) -> None:
        """Set the condition ScalingLimited: whether the bounds change the proposal of the metrics."""
        if proposed < least:
            message = "the desired replica count is less than the minimum replica count"
            self.set("ScalingLimited", "True", "TooFewReplicas", message)
        elif proposed > most:
            message = "the desired replica count is more than the maximum replica count"
            self.set("ScalingLimited", "True", "TooManyReplicas", message)
        else:
            self.set(
                "ScalingLimited", "False", "DesiredWithinRange", "the desired count is within the acceptable range"
            )

    def replicas(self, current: int, desired: int, *, scaled: bool = False) -> None:
        """Set the current and the desired size of the target; `scaled` also sets the time of scaling."""
        self._status |= {"currentReplicas": current, "desiredReplicas": desired}
        if scaled:
            self._status["lastScaleTime"] = self._context.timestamp()

    def metrics(self, lines: list[Obj]) -> None:
        """Set status.currentMetrics."""
        self._status["currentMetrics"] = lines

    def write(self) -> None:
        """Store the status; no effect if nothing changed."""
        self._context.store.replace(AUTOSCALERS, {**self._autoscaler, "status": self._status})


def _metrics(autoscaler: Obj) -> list[Obj]:
    default = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
    }
    metrics: list[Obj] = autoscaler["spec"].get("metrics") or [default]
    return metrics


def _serves(target: Obj) -> bool:
    return bool((target.get("status") or {}).get("availableReplicas"))
