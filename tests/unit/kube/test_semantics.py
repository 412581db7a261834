"""What the schema lets through and an API server doesn't, in the API server's words."""
# ruff: noqa: E501  (a case is a line: what is changed, then the API server's message)

import copy
from collections.abc import Callable
from typing import Any

import pytest

from shared.kube.semantics import validate

Obj = dict[str, Any]
Change = Callable[[Obj], object]


def container(**fields: Any) -> Obj:
    return {"name": "main", "image": "example/web:1", **fields}


def deployment() -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container()]}},
        },
    }


def service() -> Obj:
    ports = [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    spec = {"type": "ClusterIP", "clusterIP": "10.0.0.1", "ports": ports, "selector": {"app": "web"}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}


def autoscaler() -> Obj:
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 5, "metrics": [cpu]}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": spec,
    }


def pod_spec(obj: Obj) -> Obj:
    spec: Obj = obj["spec"]["template"]["spec"]
    return spec


def first(obj: Obj) -> Obj:
    found: Obj = pod_spec(obj)["containers"][0]
    return found


def faults(obj: Obj, old: Obj | None = None) -> list[tuple[str, str, str]]:
    return [(cause.field, cause.reason, cause.message) for cause in validate(obj, old)]


@pytest.mark.parametrize("make", [deployment, service, autoscaler])
def test_what_is_right_has_no_faults(make: Callable[[], Obj]) -> None:
    assert faults(make()) == []


C = "spec.template.spec.containers[0]"
DEPLOYMENT_CASES: list[tuple[Change, str, str, str]] = [
    (lambda o: o["spec"].update(replicas=-1), "spec.replicas", "FieldValueInvalid", "Invalid value: -1: must be greater than or equal to 0"),
    (lambda o: o["spec"].pop("selector"), "spec.selector", "FieldValueRequired", "Required value"),
    (lambda o: o["spec"].update(selector={}), "spec.selector", "FieldValueInvalid", "Invalid value: {}: empty selector is invalid for deployment"),
    (lambda o: o["spec"]["selector"]["matchLabels"].update(app="other"), "spec.template.metadata.labels", "FieldValueInvalid", 'Invalid value: {"app":"web"}: `selector` does not match template `labels`'),
    (lambda o: o["spec"].update(strategy={"type": "Foo"}), "spec.strategy.type", "FieldValueNotSupported", 'Unsupported value: "Foo": supported values: "Recreate", "RollingUpdate"'),
    (lambda o: o["spec"].update(strategy={"type": "Recreate", "rollingUpdate": {}}), "spec.strategy.rollingUpdate", "FieldValueForbidden", "Forbidden: may not be specified when strategy `type` is 'Recreate'"),
    (lambda o: o["spec"].update(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}), "spec.strategy.rollingUpdate.maxUnavailable", "FieldValueInvalid", "Invalid value: 0: may not be 0 when `maxSurge` is 0"),
    (lambda o: o["spec"].update(strategy={"rollingUpdate": {"maxSurge": "ten%"}}), "spec.strategy.rollingUpdate.maxSurge", "FieldValueInvalid", "Invalid value: \"ten%\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"),
    (lambda o: o["spec"].update(progressDeadlineSeconds=5, minReadySeconds=5), "spec.progressDeadlineSeconds", "FieldValueInvalid", "Invalid value: 5: must be greater than minReadySeconds"),
    (lambda o: pod_spec(o).update(containers=[]), "spec.template.spec.containers", "FieldValueRequired", "Required value"),
    (lambda o: pod_spec(o).update(restartPolicy="Never"), "spec.template.spec.restartPolicy", "FieldValueNotSupported", 'Unsupported value: "Never": supported values: "Always"'),
    (lambda o: first(o).pop("image"), f"{C}.image", "FieldValueRequired", "Required value"),
    (lambda o: first(o).update(name="Main_"), f"{C}.name", "FieldValueInvalid", "Invalid value: \"Main_\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"),
    (lambda o: pod_spec(o)["containers"].append(container()), "spec.template.spec.containers[1].name", "FieldValueDuplicate", 'Duplicate value: "main"'),
    (lambda o: first(o).update(ports=[{"containerPort": 70000}]), f"{C}.ports[0].containerPort", "FieldValueInvalid", "Invalid value: 70000: must be between 1 and 65535, inclusive"),
    (lambda o: first(o).update(ports=[{"containerPort": 80, "name": "a-name-that-is-long"}]), f"{C}.ports[0].name", "FieldValueInvalid", 'Invalid value: "a-name-that-is-long": must be no more than 15 characters'),
    (lambda o: first(o).update(ports=[{"containerPort": 80, "protocol": "HTTP"}]), f"{C}.ports[0].protocol", "FieldValueNotSupported", 'Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"'),
    (lambda o: first(o).update(imagePullPolicy="Sometimes"), f"{C}.imagePullPolicy", "FieldValueNotSupported", 'Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"'),
    (lambda o: first(o).update(resources={"requests": {"cpu": "banana"}}), f"{C}.resources.requests[cpu]", "FieldValueInvalid", "Invalid value: \"banana\": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
    (lambda o: first(o).update(resources={"limits": {"cpu": "-1"}}), f"{C}.resources.limits[cpu]", "FieldValueInvalid", 'Invalid value: "-1": must be greater than or equal to 0'),
    (lambda o: first(o).update(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1500m"}}), f"{C}.resources.requests", "FieldValueInvalid", 'Invalid value: "2": must be less than or equal to cpu limit of 1500m'),
    (lambda o: first(o).update(resources={"requests": {"nvidia.com/gpu": "1"}}), f"{C}.resources.limits", "FieldValueRequired", "Required value: Limit must be set for non overcommitable resources"),
    (lambda o: first(o).update(resources={"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "2"}}), f"{C}.resources.requests", "FieldValueInvalid", 'Invalid value: "1": must be equal to nvidia.com/gpu limit of 2'),
    (lambda o: first(o).update(resources={"limits": {"nvidia.com/gpu": "500m"}}), f"{C}.resources.limits[nvidia.com/gpu]", "FieldValueInvalid", 'Invalid value: "500m": must be an integer'),
    (lambda o: first(o).update(resources={"limits": {"gpu": "1"}}), f"{C}.resources.limits[gpu]", "FieldValueInvalid", 'Invalid value: "gpu": must be a standard resource type or fully qualified'),
    (lambda o: first(o).update(readinessProbe={"periodSeconds": 5}), f"{C}.readinessProbe", "FieldValueRequired", "Required value: must specify a handler type"),
    (lambda o: first(o).update(livenessProbe={"httpGet": {"port": 0}}), f"{C}.livenessProbe.httpGet.port", "FieldValueInvalid", "Invalid value: 0: must be between 1 and 65535, inclusive"),
    (lambda o: first(o).update(livenessProbe={"httpGet": {"port": 80}, "successThreshold": 2}), f"{C}.livenessProbe.successThreshold", "FieldValueInvalid", "Invalid value: 2: must be 1"),
    (lambda o: first(o).update(env=[{"value": "x"}]), f"{C}.env[0].name", "FieldValueRequired", "Required value"),
    (lambda o: first(o).update(env=[{"name": "A", "valueFrom": {}}]), f"{C}.env[0].valueFrom", "FieldValueInvalid", 'Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'),
    (lambda o: first(o).update(volumeMounts=[{"name": "data", "mountPath": "/data"}]), f"{C}.volumeMounts[0].name", "FieldValueNotFound", 'Not found: "data"'),
    (lambda o: pod_spec(o).update(volumes=[{"name": "data"}]), "spec.template.spec.volumes[0]", "FieldValueRequired", "Required value: must specify a volume type"),
    (lambda o: pod_spec(o).update(tolerations=[{"value": "x"}]), "spec.template.spec.tolerations[0].operator", "FieldValueInvalid", 'Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"'),
    (lambda o: pod_spec(o).update(tolerations=[{"key": "a", "operator": "Exists", "effect": "Never"}]), "spec.template.spec.tolerations[0].effect", "FieldValueNotSupported", 'Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"'),
    (lambda o: pod_spec(o).update(topologySpreadConstraints=[{"maxSkew": 0, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]), "spec.template.spec.topologySpreadConstraints[0].maxSkew", "FieldValueInvalid", "Invalid value: 0: must be greater than zero"),
    (lambda o: pod_spec(o).update(affinity={"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 500, "podAffinityTerm": {"topologyKey": "zone"}}]}}), "spec.template.spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight", "FieldValueInvalid", "Invalid value: 500: must be in the range 1-100"),
    (lambda o: pod_spec(o).update(dnsPolicy="None"), "spec.template.spec.dnsConfig", "FieldValueRequired", "Required value: must provide `dnsConfig` when `dnsPolicy` is None"),
    (lambda o: pod_spec(o).update(initContainers=[{**container(), "name": "init", "livenessProbe": {"httpGet": {"port": 80}}}]), "spec.template.spec.initContainers[0].livenessProbe", "FieldValueForbidden", "Forbidden: may not be set for init containers without restartPolicy=Always"),
    (lambda o: (pod_spec(o).update(hostNetwork=True), first(o).update(ports=[{"containerPort": 80, "hostPort": 81}])), f"{C}.ports[0].containerPort", "FieldValueInvalid", "Invalid value: 80: must match `hostPort` when `hostNetwork` is true"),
    (lambda o: o["metadata"].update(name="UPPER_"), "metadata.name", "FieldValueInvalid", "Invalid value: \"UPPER_\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')".replace("\\\\", "\\")),
    (lambda o: o["metadata"].pop("name"), "metadata.name", "FieldValueRequired", "Required value: name or generateName is required"),
    (lambda o: o["metadata"].update(labels={"app": "a b"}), "metadata.labels", "FieldValueInvalid", "Invalid value: \"a b\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"),
    (lambda o: o["metadata"].update(annotations={"note": "x" * 300_000}), "metadata.annotations", "FieldValueTooLong", "Too long: may not be more than 262144 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "field", "reason", "message"), DEPLOYMENT_CASES)
def test_a_deployment_is_refused_in_the_api_servers_words(
    change: Change, field: str, reason: str, message: str
) -> None:
    obj = deployment()
    change(obj)
    assert (field, reason, message) in faults(obj)


OTHER_CASES: list[tuple[Callable[[], Obj], Change, str, str]] = [
    (service, lambda o: o["spec"].update(ports=[]), "spec.ports", "Required value"),
    (service, lambda o: o["spec"]["ports"][0].update(port=0), "spec.ports[0].port", "Invalid value: 0: must be between 1 and 65535, inclusive"),
    (service, lambda o: o["spec"]["ports"].append({"port": 81}), "spec.ports[1].name", "Required value"),
    (service, lambda o: o["spec"]["ports"].append({"name": "other", "port": 80}), "spec.ports[1]", 'Duplicate value: {"port":80,"protocol":"TCP"}'),
    (service, lambda o: o["spec"].update(type="Public"), "spec.type", 'Unsupported value: "Public": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'),
    (service, lambda o: o["spec"]["ports"][0].update(nodePort=80), "spec.ports[0].nodePort", "Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767"),
    (service, lambda o: o["metadata"].update(name="1web"), "metadata.name", "Invalid value: \"1web\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"),
    (autoscaler, lambda o: o["spec"].update(maxReplicas=1), "spec.maxReplicas", "Invalid value: 1: must be greater than or equal to `minReplicas`"),
    (autoscaler, lambda o: o["spec"].update(minReplicas=0), "spec.minReplicas", "Invalid value: 0: must be greater than or equal to 1"),
    (autoscaler, lambda o: o["spec"]["metrics"][0].pop("resource"), "spec.metrics[0].resource", "Required value: must populate information for the given metric source"),
    (autoscaler, lambda o: o["spec"]["scaleTargetRef"].pop("name"), "spec.scaleTargetRef.name", "Required value"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "change", "field", "message"), OTHER_CASES)
def test_other_kinds_are_refused_too(make: Callable[[], Obj], change: Change, field: str, message: str) -> None:
    obj = make()
    change(obj)
    assert (field, message) in [(where, text) for where, _, text in faults(obj)]


def simple(kind: str, spec: Obj, **more: Any) -> Obj:
    return {"kind": kind, "metadata": {"name": "x"}, "spec": spec, **more}


@pytest.mark.parametrize(
    ("obj", "field"),
    [
        (simple("PodDisruptionBudget", {"minAvailable": 1, "maxUnavailable": 1}), "spec"),
        (simple("PodDisruptionBudget", {"minAvailable": "half"}), "spec.minAvailable"),
        (simple("ResourceQuota", {"hard": {"cpu": "lots"}}), "spec.hard[cpu]"),
        (simple("LimitRange", {"limits": [{"type": "Container", "max": {"cpu": "x"}}]}), "spec.limits[0].max[cpu]"),
        (simple("PersistentVolumeClaim", {"resources": {"requests": {"storage": "1Gi"}}}), "spec.accessModes"),
        (simple("CronJob", {"schedule": "* * *"}), "spec.schedule"),
        (simple("Job", {"template": {"spec": {"containers": [container()]}}}), "spec.template.spec.restartPolicy"),
        (simple("Ingress", {"rules": [{"http": {"paths": [{"path": "/"}]}}]}), "spec.rules[0].http.paths[0].pathType"),
        (simple("NetworkPolicy", {"ingress": [{"ports": [{"port": 99999}]}]}), "spec.ingress[0].ports[0].port"),
        (simple("ConfigMap", {}, data={"a b": "x"}), "data[a b]"),
        (simple("ConfigMap", {}, data={"a": "x" * 2**21}), "data"),
        (simple("StatefulSet", {"replicas": -1, "selector": {"matchLabels": {"a": "b"}}, "template": {}}), "spec.replicas"),
        (simple("Namespace", {}, metadata={"name": "a.b"}), "metadata.name"),
        (simple("ResourceQuota", {"hard": {"pods": "1500m"}}), "spec.hard[pods]"),
        (simple("ResourceQuota", {"hard": {"limit.cpu": "1"}}), "spec.hard[limit.cpu]"),
        (simple("PriorityClass", {}, preemptionPolicy="Sometimes"), "preemptionPolicy"),
        (simple("Node", {"taints": [{"key": "a", "effect": "Maybe"}]}), "spec.taints[0].effect"),
    ],
)  # fmt: skip
def test_each_kind_has_its_rules(obj: Obj, field: str) -> None:
    assert field in [where for where, _, _ in faults(obj)]


WORDED: list[tuple[Obj, str, str]] = [
    (simple("PodDisruptionBudget", {"minAvailable": "150%"}), "spec.minAvailable", 'Invalid value: "150%": must not be greater than 100%'),
    (simple("NetworkPolicy", {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/99"}}]}]}), "spec.egress[0].to[0].ipBlock.cidr", 'Invalid value: "10.0.0.0/99": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'),
    (simple("NetworkPolicy", {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["192.168.0.0/16"]}}]}]}), "spec.egress[0].to[0].ipBlock.except[0]", 'Invalid value: "192.168.0.0/16": must be a strict subset of `cidr`'),
    (simple("NetworkPolicy", {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}]}]}), "spec.egress[0].to[0].ipBlock.except[0]", 'Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`'),
    (simple("NetworkPolicy", {"ingress": [{"from": [{}]}]}), "spec.ingress[0].from[0]", "Required value: must specify a peer"),
    (simple("NetworkPolicy", {"ingress": [{"ports": [{"port": 80, "endPort": 79}]}]}), "spec.ingress[0].ports[0].endPort", "Invalid value: 80: must be greater than or equal to `port`"),
    (simple("NetworkPolicy", {"ingress": [{"ports": [{"port": "web", "endPort": 79}]}]}), "spec.ingress[0].ports[0].endPort", "Invalid value: 79: may not be specified when `port` is non-numeric"),
    (simple("LimitRange", {"limits": [{"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}}]}), "spec.limits[0].min[cpu]", 'Invalid value: "2": min value 2 is greater than max value 1'),
    (simple("LimitRange", {"limits": [{"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "2"}}]}), "spec.limits[0].defaultRequest[cpu]", 'Invalid value: "2": default request value 2 is greater than default limit value 1'),
    (simple("ResourceQuota", {"hard": {"foo": "1"}}), "spec.hard[foo]", 'Invalid value: "foo": must be a standard resource for quota'),
    (simple("CronJob", {"schedule": "61 * * * *"}), "spec.schedule", 'Invalid value: "61 * * * *": end of range (61) above maximum (59): 61'),
    (simple("CronJob", {"schedule": "5-3 * * * *"}), "spec.schedule", 'Invalid value: "5-3 * * * *": beginning of range (5) beyond end of range (3): 5-3'),
    (simple("CronJob", {"schedule": "@whenever"}), "spec.schedule", 'Invalid value: "@whenever": unrecognized descriptor: @whenever'),
]  # fmt: skip


@pytest.mark.parametrize(("obj", "field", "message"), WORDED)
def test_each_kinds_rules_are_in_the_api_servers_words(obj: Obj, field: str, message: str) -> None:
    assert (field, message) in [(where, text) for where, _, text in faults(obj)]


@pytest.mark.parametrize("schedule", ["*/5 1-5/2 ? jan-dec sun,mon", "@hourly", "@every 1h30m", "0 0 1 1 0"])
def test_a_schedule_that_cron_takes_has_no_faults(schedule: str) -> None:
    assert "spec.schedule" not in [where for where, _, _ in faults(simple("CronJob", {"schedule": schedule}))]


def claim(size: str, phase: str = "Bound", **spec: Any) -> Obj:
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec}
    return simple("PersistentVolumeClaim", wanted, status={"phase": phase, "capacity": {"storage": size}})


def test_a_bound_claim_grows_and_never_shrinks() -> None:
    assert faults(claim("20Gi"), claim("10Gi")) == []
    assert faults(claim("5Gi"), claim("10Gi")) == [
        (
            "spec.resources.requests.storage",
            "FieldValueForbidden",
            "Forbidden: field can not be less than status.capacity",
        )
    ]


def test_an_expansion_that_failed_may_be_taken_back_as_far_as_the_volume_reaches() -> None:
    failed = claim("100Gi")
    failed["status"]["capacity"]["storage"] = "10Gi"
    assert faults(claim("20Gi"), failed) == []
    assert faults(claim("10Gi"), failed) != []


def test_of_a_claim_nothing_else_may_change() -> None:
    for new, old in (
        (claim("10Gi", storageClassName="fast"), claim("10Gi")),
        (claim("20Gi"), claim("10Gi", phase="Pending")),
        (claim("10Gi", volumeName="other"), claim("10Gi", volumeName="pv")),
    ):
        assert [where for where, _, _ in faults(new, old)] == ["spec"]
    assert faults(claim("10Gi", volumeName="pv"), claim("10Gi")) == [], "it is bound by that"


def test_a_priority_class_keeps_its_rank() -> None:
    old = simple("PriorityClass", {}, value=1, preemptionPolicy="Never")
    assert faults({**old, "description": "else"}, old) == []
    assert faults({**old, "value": 2}, old) == [
        ("value", "FieldValueForbidden", "Forbidden: may not be changed in an update.")
    ]
    assert [where for where, _, _ in faults({**old, "preemptionPolicy": "PreemptLowerPriority"}, old)] == [
        "preemptionPolicy"
    ]


def test_a_kind_that_is_not_known_is_checked_for_its_name_alone() -> None:
    assert faults({"kind": "Widget", "metadata": {"name": "fine"}, "spec": {"anything": -1}}) == []
    assert faults({"kind": "Widget", "metadata": {"name": "Not fine"}})[0][0] == "metadata.name"


def test_a_deployments_selector_never_changes() -> None:
    old, new = deployment(), deployment()
    new["spec"]["selector"]["matchLabels"] = new["spec"]["template"]["metadata"]["labels"] = {"app": "new"}
    assert (
        "spec.selector",
        "FieldValueInvalid",
        'Invalid value: {"matchLabels":{"app":"new"}}: field is immutable',
    ) in (faults(new, old))


def test_a_pod_may_change_its_image_and_nothing_else() -> None:
    old = simple("Pod", {"containers": [container()]})
    new = copy.deepcopy(old)
    new["spec"]["containers"][0]["image"] = "example/web:2"
    assert faults(new, old) == []
    new["spec"]["containers"][0]["command"] = ["sh"]
    assert faults(new, old)[0][0] == "spec"


def test_an_immutable_config_map_stays_as_it_is() -> None:
    old = simple("ConfigMap", {}, data={"a": "1"}, immutable=True)
    assert faults(old, old) == []
    assert ("data", "FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set") in faults(
        {**old, "data": {"a": "2"}}, old
    )


def test_a_services_address_may_not_change_once_set() -> None:
    new = service()
    new["spec"]["clusterIP"] = "10.0.0.2"
    new["spec"]["clusterIPs"] = ["10.0.0.2"]
    assert (
        "spec.clusterIPs[0]",
        "FieldValueInvalid",
        'Invalid value: ["10.0.0.2"]: may not change once set',
    ) in faults(new, service())


def test_all_faults_are_told_at_once() -> None:
    obj = deployment()
    obj["spec"]["replicas"] = -1
    first(obj).update(imagePullPolicy="x", ports=[{"containerPort": 0}])
    assert len(faults(obj)) == 3
