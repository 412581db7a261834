"""The cells that `kubectl get` prints, with kubectl's own output as the reference."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.simulator.api.representations import cells
from services.simulator.api.representations.columns import columns_of
from services.simulator.api.representations.tables import table_head, table_row
from services.simulator.resources import BY_KEY, RESOURCES
from shared.kube.objects import Obj
from shared.kube.texts import format_time

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR_AGO = format_time(NOW - timedelta(hours=1))
META = {"name": "one", "namespace": "shop", "creationTimestamp": HOUR_AGO}
TEMPLATE = {"spec": {"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]}}
TARGETS = {
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
    "pods": {"metric": {"name": "sessions"}, "target": {"type": "AverageValue", "averageValue": "40"}},
}


def row(resource: str, **parts: Any) -> list[Any]:
    """The cells of an object with these fields, without name and age."""
    obj: Obj = {"metadata": META, **parts}
    return [column.cell(obj, NOW) for column in columns_of(BY_KEY[resource]) if column.name not in ("Name", "Age")]


def container(name: str = "a", **state: Any) -> Obj:
    return {"name": name, "ready": False, "restartCount": 0, "state": state}


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({"phase": "Running", "containerStatuses": [container(running={})]}, "Running"),
        ({"phase": "Pending"}, "Pending"),
        ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
        (
            {"phase": "Running", "containerStatuses": [container(waiting={"reason": "CrashLoopBackOff"})]},
            "CrashLoopBackOff",
        ),
        ({"phase": "Failed", "containerStatuses": [container(terminated={"exitCode": 3})]}, "ExitCode:3"),
        ({"phase": "Failed", "containerStatuses": [container(terminated={"signal": 9})]}, "Signal:9"),
        ({"phase": "Failed", "containerStatuses": [container(terminated={"reason": "OOMKilled"})]}, "OOMKilled"),
        (
            {
                "phase": "Pending",
                "initContainerStatuses": [container(terminated={"exitCode": 0}), container(running={})],
            },
            "Init:1/2",
        ),
        (
            {"phase": "Pending", "initContainerStatuses": [container(waiting={"reason": "ErrImagePull"})]},
            "Init:ErrImagePull",
        ),
        (
            {"phase": "Pending", "initContainerStatuses": [container(waiting={"reason": "PodInitializing"})]},
            "Init:0/1",
        ),
    ],
)
def test_the_status_of_a_pod_is_its_phase_or_what_keeps_it_from_running(status: Obj, shown: str) -> None:
    assert cells.pod_status({"metadata": META, "spec": {}, "status": status}) == shown


def test_a_terminating_pod_is_shown_as_terminating_or_unknown() -> None:
    metadata = {**META, "deletionTimestamp": HOUR_AGO}
    assert cells.pod_status({"metadata": metadata, "status": {"phase": "Running"}}) == "Terminating"
    assert cells.pod_status({"metadata": metadata, "status": {"reason": "NodeLost"}}) == "Unknown"


def test_restarts_are_shown_with_the_time_of_the_last_one() -> None:
    ended = {"terminated": {"finishedAt": format_time(NOW - timedelta(minutes=4, seconds=10))}}
    statuses = [{**container(), "restartCount": 2, "lastState": ended}, {**container("b"), "restartCount": 1}]
    assert cells.pod_restarts({"status": {"containerStatuses": statuses}}, NOW) == "3 (4m10s ago)"
    assert cells.pod_restarts({"status": {"containerStatuses": [container()]}}, NOW) == "0"


def test_a_pod_row_has_readiness_status_address_and_node() -> None:
    statuses = [{**container(running={}), "ready": True}, container("b", running={})]
    status = {"phase": "Running", "podIP": "10.0.0.7", "containerStatuses": statuses}
    spec = {"containers": [{}, {}], "nodeName": "node-1"}
    shown = ["1/2", "Running", "0", "10.0.0.7", "node-1", "<none>", "<none>"]
    assert row("pods", spec=spec, status=status) == shown


@pytest.mark.parametrize(
    ("ready", "cordoned", "shown"),
    [
        ("True", False, "Ready"),
        ("False", False, "NotReady"),
        ("Unknown", False, "NotReady"),
        (None, False, "Unknown"),
        ("True", True, "Ready,SchedulingDisabled"),
    ],
)
def test_the_status_of_a_node_has_readiness_and_cordon(ready: str | None, cordoned: bool, shown: str) -> None:
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    node = {"metadata": META, "spec": {"unschedulable": cordoned}, "status": {"conditions": conditions}}
    assert cells.node_status(node) == shown


def test_a_node_row_has_roles_version_and_addresses() -> None:
    labels = {"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/gpu": "", "other": "x"}
    obj = {
        "metadata": {**META, "labels": labels},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "10.1.0.4"}],
            "nodeInfo": {"kubeletVersion": "v1.33.0", "osImage": "linux"},
        },
    }
    found = {column.name: column.cell(obj, NOW) for column in columns_of(BY_KEY["nodes"])}
    assert (found["Roles"], found["Version"], found["Internal-IP"]) == ("gpu,worker", "v1.33.0", "10.1.0.4")
    assert (found["External-IP"], found["Kernel-Version"]) == ("<none>", "<unknown>")


@pytest.mark.parametrize(
    ("spec", "status", "external", "ports"),
    [
        ({"type": "ClusterIP", "ports": [{"port": 80}]}, {}, "<none>", "80/TCP"),
        ({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}, {}, "<none>", "80:30080/TCP"),
        ({"type": "LoadBalancer", "ports": [{"port": 53, "protocol": "UDP"}]}, {}, "<pending>", "53/UDP"),
        (
            {"type": "LoadBalancer", "externalIPs": ["198.51.100.9"]},
            {"loadBalancer": {"ingress": [{"ip": "192.0.2.4"}, {"hostname": "lb.example"}]}},
            "192.0.2.4,lb.example,198.51.100.9",
            "<none>",
        ),
        ({"type": "ExternalName", "externalName": "db.example"}, {}, "db.example", "<none>"),
    ],
)
def test_a_service_row_has_external_addresses_and_ports(spec: Obj, status: Obj, external: str, ports: str) -> None:
    found = row("services", spec=spec, status=status)
    assert found[2:4] == [external, ports]


def test_an_autoscaler_row_has_the_current_and_target_value_of_each_metric() -> None:
    metrics = [{"type": "Resource", "resource": TARGETS["resource"]}, {"type": "Pods", "pods": TARGETS["pods"]}]
    spec = {
        "scaleTargetRef": {"kind": "Deployment", "name": "web"},
        "minReplicas": 2,
        "maxReplicas": 9,
        "metrics": metrics,
    }
    current = [
        {"type": "Resource", "resource": {"current": {"averageUtilization": 45}}},
        {"type": "Pods", "pods": {"current": {"averageValue": "12"}}},
    ]
    found = row("horizontalpodautoscalers.autoscaling", spec=spec, status={"currentMetrics": current})
    assert found == ["Deployment/web", "cpu: 45%/70%, 12/40 (avg)", "2", "9", "0"]
    unmeasured = row("horizontalpodautoscalers.autoscaling", spec=spec)
    assert unmeasured[1] == "cpu: <unknown>/70%, <unknown>/40 (avg)"


@pytest.mark.parametrize(
    ("conditions", "shown"),
    [
        ([{"type": "Complete", "status": "True"}, {"type": "SuccessCriteriaMet", "status": "True"}], "Complete"),
        ([{"type": "FailureTarget", "status": "True"}], "FailureTarget"),
        ([{"type": "Suspended", "status": "True"}], "Suspended"),
        ([{"type": "Complete", "status": "False"}], "Running"),
    ],
)
def test_a_job_row_has_the_most_important_condition(conditions: list[Obj], shown: str) -> None:
    spec = {"completions": 3, "template": TEMPLATE}
    found = row("jobs.batch", spec=spec, status={"succeeded": 1, "conditions": conditions})
    assert found == [shown, "1/3", "", "a,b", "a:1,b:1"]


def test_the_duration_of_a_job_ends_with_its_completion() -> None:
    times = {"startTime": HOUR_AGO, "completionTime": format_time(NOW - timedelta(minutes=55))}
    assert row("jobs.batch", spec={}, status=times)[2] == "5m"
    assert row("jobs.batch", spec={}, status={"startTime": HOUR_AGO})[2] == "60m"


def test_a_terminating_job_without_conditions_is_terminating() -> None:
    [status] = [column for column in columns_of(BY_KEY["jobs.batch"]) if column.name == "Status"]
    assert status.cell({"metadata": {**META, "deletionTimestamp": HOUR_AGO}}, NOW) == "Terminating"


def test_a_quota_row_has_requests_and_limits_in_columns_of_their_own() -> None:
    hard, used = {"pods": "10", "limits.cpu": "4"}, {"pods": "3"}
    assert row("resourcequotas", status={"hard": hard, "used": used}) == ["pods: 3/10", "limits.cpu: 0/4"]


def test_more_than_three_endpoints_are_counted() -> None:
    addresses = [{"ip": f"10.0.0.{number}"} for number in range(1, 6)]
    subsets = [{"addresses": addresses, "ports": [{"port": 80}]}]
    assert row("endpoints", subsets=subsets) == ["10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more..."]
    assert row("endpoints") == ["<none>"]


def test_an_event_row_has_the_time_the_object_and_the_message() -> None:
    event = {
        "type": "Warning",
        "reason": "BackOff",
        "message": "Back-off",
        "involvedObject": {"kind": "Pod", "name": "one"},
        "lastTimestamp": HOUR_AGO,
        "source": {"component": "kubelet", "host": "node-1"},
        "count": 4,
    }
    found = {column.name: column.cell({"metadata": META, **event}, NOW) for column in columns_of(BY_KEY["events"])}
    assert (found["Last Seen"], found["Object"], found["Source"]) == ("60m", "pod/one", "kubelet,node-1")


def test_an_ingress_row_has_hosts_and_the_port_of_tls() -> None:
    spec = {"ingressClassName": "nginx", "rules": [{"host": "a.example"}, {}], "tls": [{}]}
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.4"}]}}
    assert row("ingresses.networking.k8s.io", spec=spec, status=status) == [
        *("nginx", "a.example,*", "192.0.2.4", "80, 443")
    ]


def test_selectors_are_shown_with_their_expressions() -> None:
    expressions = [{"key": "tier", "operator": "In", "values": ["a", "b"]}]
    assert cells.selector({"matchLabels": {"app": "web"}, "matchExpressions": expressions}) == "app=web,tier in (a,b)"
    assert cells.selector(None) == "<none>"


@pytest.mark.parametrize("resource", [resource.key for resource in RESOURCES if not resource.computed])
def test_a_minimal_object_of_each_resource_has_a_cell_for_each_column(resource: str) -> None:
    obj: Obj = {"metadata": META, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}}}
    obj["roleRef"] = {"kind": "Role", "name": "reader"}
    made = table_row(BY_KEY[resource], obj, NOW, "None")
    assert len(made["cells"]) == len(table_head(BY_KEY[resource])["columnDefinitions"])
    assert "object" not in made


def test_a_row_includes_the_metadata_or_the_whole_object() -> None:
    obj: Obj = {"metadata": META, "data": {}}
    resource = BY_KEY["configmaps"]
    assert table_row(resource, obj, NOW, "Object")["object"] is obj
    assert table_row(resource, obj, NOW, "Metadata")["object"]["kind"] == "PartialObjectMetadata"


def test_an_object_without_a_creation_time_has_an_unknown_age() -> None:
    assert cells.age({"metadata": {}}, NOW) == "<unknown>"
