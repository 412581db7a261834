"""Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs, and what scales and protects them."""

from typing import Any

from shared.kube.semantics.causes import CauseCollector, Map
from shared.kube.semantics.containers import check_quantity
from shared.kube.semantics.names import check_selector, percent_faults
from shared.kube.semantics.pods import check_template
from shared.kube.semantics.schedules import schedule_fault

_IMMUTABLE = "field is immutable"
_STATEFUL_SET_MAY_CHANGE = (
    "replicas", "ordinals", "template", "updateStrategy", "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
    "revisionHistoryLimit",
)  # fmt: skip


def check_deployment(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """apps/v1 Deployment."""
    spec = obj.get("spec") or {}
    found.at_least("spec.replicas", spec.get("replicas"), 0)
    _check_selector_and_template(found, "deployment", spec, old)
    _check_strategy(found, spec.get("strategy") or {})
    for name in ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        found.at_least(f"spec.{name}", spec.get(name), 0)
    deadline, ready = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds") or 0
    if deadline is not None and 0 <= deadline <= ready:
        found.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")


def check_replica_set(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """apps/v1 ReplicaSet."""
    spec = obj.get("spec") or {}
    found.at_least("spec.replicas", spec.get("replicas"), 0)
    found.at_least("spec.minReadySeconds", spec.get("minReadySeconds"), 0)
    _check_selector_and_template(found, "replicaset", spec, old)


def check_daemon_set(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """apps/v1 DaemonSet."""
    _check_selector_and_template(found, "daemonset", obj.get("spec") or {}, old)


def check_stateful_set(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """apps/v1 StatefulSet."""
    spec = obj.get("spec") or {}
    found.at_least("spec.replicas", spec.get("replicas"), 0)
    _check_selector_and_template(found, "statefulset", spec, None)
    found.one_of("spec.podManagementPolicy", spec.get("podManagementPolicy"), ("OrderedReady", "Parallel"))
    before = (old or {}).get("spec") or {}
    if old is not None and _without(spec, _STATEFUL_SET_MAY_CHANGE) != _without(before, _STATEFUL_SET_MAY_CHANGE):
        found.forbidden(
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
            "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        )


def check_job(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """batch/v1 Job."""
    _check_job_spec(found, "spec", obj.get("spec") or {})
    if old is not None:
        for name in ("completions", "selector", "template", "completionMode"):
            if (old["spec"]).get(name) != obj["spec"].get(name) and old["spec"].get(name) is not None:
                found.invalid(f"spec.{name}", obj["spec"].get(name), _IMMUTABLE)


def check_cron_job(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """batch/v1 CronJob."""
    spec = obj.get("spec") or {}
    schedule = spec.get("schedule")
    if not schedule:
        found.required("spec.schedule")
    elif fault := schedule_fault(schedule):
        found.invalid("spec.schedule", schedule, fault)
    found.one_of("spec.concurrencyPolicy", spec.get("concurrencyPolicy"), ("Allow", "Forbid", "Replace"))
    _check_job_spec(found, "spec.jobTemplate.spec", (spec.get("jobTemplate") or {}).get("spec") or {})


def check_autoscaler(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """autoscaling/v2 HorizontalPodAutoscaler."""
    spec = obj.get("spec") or {}
    least, most, target = spec.get("minReplicas"), spec.get("maxReplicas") or 0, spec.get("scaleTargetRef") or {}
    found.at_least("spec.minReplicas", least, 1)
    if most < 1:
        found.invalid("spec.maxReplicas", most, "must be greater than 0")
    if least is not None and most < least:
        found.invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    for name in ("kind", "name"):
        if not target.get(name):
            found.required(f"spec.scaleTargetRef.{name}")
    for index, metric in enumerate(spec.get("metrics") or ()):
        _check_metric(found, f"spec.metrics[{index}]", metric)
    for name in ("scaleUp", "scaleDown"):
        _check_scaling_rules(found, f"spec.behavior.{name}", (spec.get("behavior") or {}).get(name) or {})


def check_disruption_budget(found: CauseCollector, obj: Map, old: Map | None) -> None:
    """policy/v1 PodDisruptionBudget."""
    spec = obj.get("spec") or {}
    given = [name for name in ("minAvailable", "maxUnavailable") if spec.get(name) is not None]
    if len(given) == 2:
        found.invalid("spec", dict(spec), "minAvailable and maxUnavailable cannot be both set")
    for name in given:
        _check_share(found, f"spec.{name}", spec[name])
        _check_not_above_all(found, f"spec.{name}", spec[name])
    check_selector(found, "spec.selector", spec.get("selector"))


def _check_selector_and_template(found: CauseCollector, kind: str, spec: Map, old: Map | None) -> None:
    selector, template = spec.get("selector"), spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector is None:
        found.required("spec.selector")
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        found.invalid("spec.selector", dict(selector), f"empty selector is invalid for {kind}")
    else:
        check_selector(found, "spec.selector", selector)
        if not _selects(selector, labels):
            detail = "`selector` does not match template `labels`"
            found.invalid("spec.template.metadata.labels", dict(labels), detail)
    claims = [(each.get("metadata") or {}).get("name", "") for each in spec.get("volumeClaimTemplates") or ()]
    check_template(found, "spec.template", template, ("Always",), claims)
    if old is not None and (old.get("spec") or {}).get("selector") != selector:
        found.invalid("spec.selector", selector, _IMMUTABLE)


def _selects(selector: Map, labels: Map) -> bool:
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for rule in selector.get("matchExpressions") or ():
        present, inside = rule.get("key") in labels, labels.get(rule.get("key")) in (rule.get("values") or ())
        holds = {"In": inside, "NotIn": not inside, "Exists": present, "DoesNotExist": not present}
        if not holds.get(rule.get("operator"), True):
            return False
    return True


def _check_strategy(found: CauseCollector, strategy: Map) -> None:
    kind, rolling = strategy.get("type", "RollingUpdate"), strategy.get("rollingUpdate")
    if kind not in ("Recreate", "RollingUpdate"):
        found.unsupported("spec.strategy.type", kind, ("Recreate", "RollingUpdate"))
    elif kind == "Recreate" and rolling is not None:
        detail = "may not be specified when strategy `type` is 'Recreate'"
        found.forbidden("spec.strategy.rollingUpdate", detail)
    elif rolling is not None:
        path = "spec.strategy.rollingUpdate"
        surge, unavailable = rolling.get("maxSurge", "25%"), rolling.get("maxUnavailable", "25%")
        _check_share(found, f"{path}.maxUnavailable", unavailable)
        _check_share(found, f"{path}.maxSurge", surge)
        if unavailable in (0, "0%") and surge in (0, "0%"):
            found.invalid(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")
        _check_not_above_all(found, f"{path}.maxUnavailable", unavailable)


def _check_share(found: CauseCollector, path: str, value: int | str) -> None:
    """A number that isn't negative, or a percentage."""
    if isinstance(value, str):
        for fault in percent_faults(value):
            found.invalid(path, value, fault)
    else:
        found.at_least(path, value, 0)


def _check_not_above_all(found: CauseCollector, path: str, value: int | str) -> None:
    if isinstance(value, str) and not percent_faults(value) and int(value[:-1][:9]) > 100:
        found.invalid(path, value, "must not be greater than 100%")


def _check_job_spec(found: CauseCollector, path: str, spec: Map) -> None:
    for name in ("parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"):
        found.at_least(f"{path}.{name}", spec.get(name), 0)
    template = spec.get("template") or {}
    policy = (template.get("spec") or {}).get("restartPolicy", "Always")
    if policy == "Always":
        found.required(f"{path}.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
    check_template(found, f"{path}.template", template, ("OnFailure", "Never", "Always"))


def _check_metric(found: CauseCollector, path: str, metric: Map) -> None:
    kinds = {
        "ContainerResource": "containerResource",
        "External": "external",
        "Object": "object",
        "Pods": "pods",
        "Resource": "resource",
    }
    kind = metric.get("type")
    if kind not in kinds:
        found.unsupported(f"{path}.type", kind, kinds)
        return
    source = metric.get(kinds[kind])
    if source is None:
        found.required(f"{path}.{kinds[kind]}", "must populate information for the given metric source")
        return
    here, target = f"{path}.{kinds[kind]}", source.get("target") or {}
    if kind in ("Resource", "ContainerResource") and not source.get("name"):
        found.required(f"{here}.name", "must specify a resource name")
    if target.get("averageUtilization") is not None and target["averageUtilization"] < 1:
        found.invalid(f"{here}.target.averageUtilization", target["averageUtilization"], "must be greater than 0")
    for name in ("averageValue", "value"):
        if target.get(name) is not None:
            check_quantity(found, f"{here}.target.{name}", target[name])
    found.one_of(f"{here}.target.type", target.get("type"), ("Utilization", "Value", "AverageValue"))


def _check_scaling_rules(found: CauseCollector, path: str, rules: Map) -> None:
    window = rules.get("stabilizationWindowSeconds")
    found.at_least(f"{path}.stabilizationWindowSeconds", window, 0)
    if window is not None and window > 3600:
        found.invalid(f"{path}.stabilizationWindowSeconds", window, "must be less than or equal to 3600")
    found.one_of(f"{path}.selectPolicy", rules.get("selectPolicy"), ("Disabled", "Max", "Min"))
    for index, policy in enumerate(rules.get("policies") or ()):
        here = f"{path}.policies[{index}]"
        found.one_of(f"{here}.type", policy.get("type"), ("Percent", "Pods"))
        for name, most in (("value", None), ("periodSeconds", 1800)):
            value = policy.get(name) or 0
            if value <= 0:
                found.invalid(f"{here}.{name}", value, "must be greater than zero")
            elif most and value > most:
                found.invalid(f"{here}.{name}", value, f"must be less than or equal to {most}")


def _without(spec: Map, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name not in names}
