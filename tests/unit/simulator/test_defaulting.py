"""Defaults of each kind, with Kubernetes' API reference as the source."""

from typing import Any

import pytest

from services.simulator.api.validation.bodies import schema_of
from services.simulator.api.validation.defaulting import with_defaults
from services.simulator.resources import RESOURCES
from shared.kube.objects import Obj

KINDS = {resource.kind: resource for resource in RESOURCES}
TEMPLATE = {"spec": {"containers": [{"name": "a", "image": "a:1"}]}}
GROUP = "rbac.authorization.k8s.io"


def defaulted(kind: str, **parts: Any) -> Obj:
    return with_defaults({"kind": kind, "metadata": {"name": "one"}, **parts}, schema_of(KINDS[kind]))


@pytest.mark.parametrize(
    ("kind", "spec", "defaults"),
    [
        ("Deployment", {}, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}),
        (
            "Deployment",
            {},
            {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}},
        ),
        ("Deployment", {"strategy": {"type": "Recreate"}}, {"strategy": {"type": "Recreate"}}),
        ("ReplicaSet", {}, {"replicas": 1}),
        ("StatefulSet", {}, {"podManagementPolicy": "OrderedReady"}),
        ("StatefulSet", {}, {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}),
        (
            "StatefulSet",
            {"volumeClaimTemplates": [{"spec": {}}]},
            {"volumeClaimTemplates": [{"spec": {"volumeMode": "Filesystem"}}]},
        ),
        (
            "DaemonSet",
            {},
            {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}},
        ),
        ("Job", {}, {"completions": 1, "parallelism": 1, "backoffLimit": 6, "suspend": False}),
        ("CronJob", {}, {"concurrencyPolicy": "Allow", "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1}),
        ("Service", {}, {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}),
        (
            "Service",
            {"ports": [{"port": 80}]},
            {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]},
        ),
        ("Service", {"type": "NodePort"}, {"externalTrafficPolicy": "Cluster"}),
        ("Service", {"type": "LoadBalancer"}, {"allocateLoadBalancerNodePorts": True}),
        ("Service", {"type": "ExternalName"}, {"sessionAffinity": "None"}),
        (
            "HorizontalPodAutoscaler",
            {"maxReplicas": 3},
            {
                "minReplicas": 1,
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                    }
                ],
            },
        ),
        ("NetworkPolicy", {}, {"policyTypes": ["Ingress"]}),
        (
            "NetworkPolicy",
            {"egress": [{"ports": [{"port": 53}]}]},
            {"policyTypes": ["Ingress", "Egress"], "egress": [{"ports": [{"port": 53, "protocol": "TCP"}]}]},
        ),
        ("PersistentVolumeClaim", {}, {"volumeMode": "Filesystem"}),
        ("Pod", {"containers": []}, {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst"}),
        ("Pod", {"containers": []}, {"enableServiceLinks": True}),
    ],
)
def test_a_spec_gets_the_defaults_of_its_kind(kind: str, spec: Obj, defaults: Obj) -> None:
    found = defaulted(kind, spec=spec)["spec"]
    assert {name: found[name] for name in defaults} == defaults


def test_an_external_name_has_no_address_family() -> None:
    assert "ipFamilies" not in defaulted("Service", spec={"type": "ExternalName"})["spec"]


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"])
def test_pod_templates_get_the_defaults_of_pods(kind: str) -> None:
    template = defaulted(kind, spec={"template": TEMPLATE})["spec"]["template"]["spec"]
    assert template["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert template["terminationGracePeriodSeconds"] == 30
    assert "enableServiceLinks" not in template


def test_the_template_of_a_cron_job_gets_the_defaults_of_pods() -> None:
    spec = defaulted("CronJob", spec={"jobTemplate": {"spec": {"template": TEMPLATE}}})["spec"]
    assert spec["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"] == "Always"


def test_requests_of_a_pod_are_its_limits_unless_they_are_set() -> None:
    resources = {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "1"}}
    pod = defaulted("Pod", spec={"containers": [{"name": "a", "resources": resources}]})
    assert pod["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}


def test_references_in_the_environment_and_volumes_are_completed() -> None:
    environment = [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    container = {"name": "a", "env": environment, "ports": [{"containerPort": 80}]}
    volumes = [{"name": "scratch"}, {"name": "config", "configMap": {"name": "a"}}]
    spec = defaulted("Pod", spec={"containers": [container], "volumes": volumes})["spec"]
    assert spec["containers"][0]["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    assert spec["containers"][0]["ports"][0]["protocol"] == "TCP"
    assert spec["volumes"][0]["emptyDir"] == {}
    assert spec["volumes"][1]["configMap"]["defaultMode"] == 0o644


def test_a_secret_keeps_its_text_encoded_in_data() -> None:
    secret = defaulted("Secret", stringData={"token": "abc"}, data={"other": "eA=="})
    assert (secret["type"], secret["data"]) == ("Opaque", {"other": "eA==", "token": "YWJj"})
    assert "stringData" not in secret


def test_a_namespace_is_labelled_with_its_name() -> None:
    assert defaulted("Namespace")["metadata"]["labels"] == {"kubernetes.io/metadata.name": "one"}


def test_ports_of_endpoints_use_tcp() -> None:
    endpoints = defaulted("Endpoints", subsets=[{"ports": [{"port": 80}]}])
    assert endpoints["subsets"][0]["ports"] == [{"port": 80, "protocol": "TCP"}]


@pytest.mark.parametrize("kind", ["RoleBinding", "ClusterRoleBinding"])
def test_a_binding_refers_to_the_group_of_rbac_but_for_service_accounts(kind: str) -> None:
    subjects = [{"kind": "User", "name": "a"}, {"kind": "ServiceAccount", "name": "b"}]
    binding = defaulted(kind, roleRef={"kind": "Role", "name": "reader"}, subjects=subjects)
    assert binding["roleRef"]["apiGroup"] == GROUP
    assert [subject.get("apiGroup") for subject in binding["subjects"]] == [GROUP, None]


def test_classes_have_their_policies() -> None:
    assert defaulted("PriorityClass")["preemptionPolicy"] == "PreemptLowerPriority"
    storage = defaulted("StorageClass")
    assert (storage["reclaimPolicy"], storage["volumeBindingMode"]) == ("Delete", "Immediate")
