"""The defaults that Kubernetes sets when it decodes an object. Pure. The OpenAPI definitions don't contain them.

Clients depend on them: without the strategy of a Deployment `kubectl diff` shows a change, and a port without its
protocol is another list item for server-side apply. Each function returns a copy of a spec; values that the client
set are never changed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from services.simulator.objects import with_metadata
from shared.kube.definitions import Schema
from shared.kube.objects import Obj

Spec = dict[str, Any]


def with_defaults(obj: Obj, schema: Schema) -> Obj:
    """The object with its kind's defaults; an object whose kind has a spec always gets one, as in Go."""
    kind = obj["kind"]
    if "spec" in schema.fields:
        obj = _filled(obj, spec={})
    if kind in _WHOLE_OBJECT:
        obj = _WHOLE_OBJECT[kind](obj)
    if kind in _SPECS:
        obj = {**obj, "spec": _SPECS[kind](obj["spec"])}
    return obj


def _filled(spec: Spec, /, **defaults: Any) -> Spec:
    """`spec` with the missing defaults appended."""
    return {**spec, **{name: value for name, value in defaults.items() if name not in spec}}


def _mapped(spec: Spec, name: str, function: Callable[[Spec], Spec]) -> Spec:
    """`spec` with a function applied to each item of the list under `name`."""
    items = spec.get(name)
    return {**spec, name: [function(item) for item in items]} if isinstance(items, list) else spec


def _inside(spec: Spec, name: str, function: Callable[[Spec], Spec]) -> Spec:
    """`spec` with a function applied to the object under `name`, if there is one."""
    value = spec.get(name)
    return {**spec, name: function(value)} if isinstance(value, dict) else spec


def pod_spec(spec: Spec) -> Spec:
    """A pod's spec, in a pod or in a template."""
    spec = _filled(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
    )
    for name in ("initContainers", "containers", "ephemeralContainers"):
        spec = _mapped(spec, name, _container)
    return _mapped(spec, "volumes", _volume)


def _container(container: Spec) -> Spec:
    container = _filled(
        container,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy=_pull_policy(container.get("image", "")),
    )
    container = _mapped(container, "ports", lambda port: _filled(port, protocol="TCP"))
    container = _mapped(container, "env", _environment)
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        container = _inside(container, name, _probe)
    return container


def _pull_policy(image: str) -> str:
    tag = image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[2]
    return "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent"


def _environment(variable: Spec) -> Spec:
    def source(value_from: Spec) -> Spec:
        return _inside(value_from, "fieldRef", lambda reference: _filled(reference, apiVersion="v1"))

    return _inside(variable, "valueFrom", source)


def _probe(probe: Spec) -> Spec:
    probe = _inside(probe, "httpGet", lambda action: _filled(action, path="/", scheme="HTTP"))
    return _filled(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)


def _volume(volume: Spec) -> Spec:
    if volume.keys() <= {"name"}:
        return {**volume, "emptyDir": {}}
    for source in ("configMap", "secret", "projected", "downwardAPI"):
        volume = _inside(volume, source, lambda value: _filled(value, defaultMode=0o644))
    return volume


def _template(template: Spec) -> Spec:
    return _inside(template, "spec", pod_spec)


def _pod(spec: Spec) -> Spec:
    spec = _mapped(
        _mapped(pod_spec(spec), "containers", _requests_from_limits), "initContainers", _requests_from_limits
    )
    return _filled(spec, enableServiceLinks=True)


def _requests_from_limits(container: Spec) -> Spec:
    resources = container.get("resources") or {}
    limits = resources.get("limits")
    if not limits:
        return container
    return {**container, "resources": {**resources, "requests": {**limits, **(resources.get("requests") or {})}}}


def _rolling(strategy: Spec, **defaults: Any) -> Spec:
    """An update strategy, RollingUpdate by default, with the defaults of its type."""
    strategy = _filled(strategy, type="RollingUpdate")
    if strategy["type"] != "RollingUpdate":
        return strategy
    return {**strategy, "rollingUpdate": _filled(strategy.get("rollingUpdate") or {}, **defaults)}


def _deployment(spec: Spec) -> Spec:
    spec = _filled(
        _inside(spec, "template", _template), replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600
    )
    return {**spec, "strategy": _rolling(spec.get("strategy") or {}, maxUnavailable="25%", maxSurge="25%")}


def _replica_set(spec: Spec) -> Spec:
    return _filled(_inside(spec, "template", _template), replicas=1)


def _stateful_set(spec: Spec) -> Spec:
    spec = _filled(
        _inside(spec, "template", _template),
        replicas=1,
        podManagementPolicy="OrderedReady",
        revisionHistoryLimit=10,
        persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"},
    )
    spec = _mapped(spec, "volumeClaimTemplates", lambda claim: _inside(claim, "spec", _claim))
    return {**spec, "updateStrategy": _rolling(spec.get("updateStrategy") or {}, partition=0)}


def _daemon_set(spec: Spec) -> Spec:
    spec = _filled(_inside(spec, "template", _template), revisionHistoryLimit=10)
    return {**spec, "updateStrategy": _rolling(spec.get("updateStrategy") or {}, maxUnavailable=1, maxSurge=0)}


def _job(spec: Spec) -> Spec:
    return _filled(
        _inside(spec, "template", _template),
        completions=1,
        parallelism=1,
        backoffLimit=6,
        completionMode="NonIndexed",
        suspend=False,
        manualSelector=False,
        podReplacementPolicy="TerminatingOrFailed",
    )


def _cron_job(spec: Spec) -> Spec:
    spec = _inside(
        spec, "jobTemplate", lambda job: _inside(job, "spec", lambda inner: _inside(inner, "template", _template))
    )
    return _filled(
        spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1
    )


def _service(spec: Spec) -> Spec:
    spec = _filled(spec, type="ClusterIP", sessionAffinity="None")
    spec = _mapped(spec, "ports", lambda port: _filled(port, protocol="TCP", targetPort=port.get("port")))
    if spec["type"] != "ExternalName":
        spec = _filled(spec, internalTrafficPolicy="Cluster", ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        spec = _filled(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        spec = _filled(spec, allocateLoadBalancerNodePorts=True)
    return spec


def _autoscaler(spec: Spec) -> Spec:
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    return _filled(spec, minReplicas=1, metrics=[{"type": "Resource", "resource": cpu}])


def _network_policy(spec: Spec) -> Spec:
    def rule(value: Spec) -> Spec:
        return _mapped(value, "ports", lambda port: _filled(port, protocol="TCP"))

    spec = _mapped(_mapped(spec, "ingress", rule), "egress", rule)
    return _filled(spec, policyTypes=["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])


def _claim(spec: Spec) -> Spec:
    return _filled(spec, volumeMode="Filesystem")


def _namespace(obj: Obj) -> Obj:
    labels = {**(obj["metadata"].get("labels") or {}), "kubernetes.io/metadata.name": obj["metadata"].get("name", "")}
    return with_metadata(obj, labels=labels)


def _secret(obj: Obj) -> Obj:
    """Move `stringData`, which is write-only, into `data`."""
    texts = obj.get("stringData")
    obj = _filled(obj, type="Opaque")
    if texts:
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
        obj = {name: value for name, value in obj.items() if name != "stringData"}
        obj["data"] = {**(obj.get("data") or {}), **encoded}
    return obj


def _endpoints(obj: Obj) -> Obj:
    return _mapped(obj, "subsets", lambda subset: _mapped(subset, "ports", lambda port: _filled(port, protocol="TCP")))


def _role_binding(obj: Obj) -> Obj:
    def subject(value: Spec) -> Spec:
        if value.get("kind") == "ServiceAccount":
            return value
        return _filled(value, apiGroup="rbac.authorization.k8s.io")

    obj = _inside(obj, "roleRef", lambda reference: _filled(reference, apiGroup="rbac.authorization.k8s.io"))
    return _mapped(obj, "subjects", subject)


_SPECS: Final[Mapping[str, Callable[[Spec], Spec]]] = {
    "Pod": _pod,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "CronJob": _cron_job,
    "Service": _service,
    "HorizontalPodAutoscaler": _autoscaler,
    "NetworkPolicy": _network_policy,
    "PersistentVolumeClaim": _claim,
}
_WHOLE_OBJECT: Final[Mapping[str, Callable[[Obj], Obj]]] = {
    "Namespace": _namespace,
    "Secret": _secret,
    "Endpoints": _endpoints,
    "RoleBinding": _role_binding,
    "ClusterRoleBinding": _role_binding,
    "PriorityClass": lambda obj: _filled(obj, preemptionPolicy="PreemptLowerPriority", value=0),
    "StorageClass": lambda obj: _filled(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate"),
}
