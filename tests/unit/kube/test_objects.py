"""What the services ask of Kubernetes objects."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.simulator.resources import RESOURCES
from shared.kube import labels, objects
from shared.kube.kinds import CLUSTER_SCOPED, KINDS, Kind, kind_of
from shared.kube.targets import virtual_cluster_url
from shared.kube.texts import format_time
from shared.subjects import Mode

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "callbot-1", "namespace": "ecp-ai-acme", "labels": {labels.TENANT: "acme"}},
    "status": {"conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}]},
}
NODE: dict[str, Any] = {"metadata": {"name": "node-1"}}


def test_a_key_has_an_empty_namespace_for_an_object_of_the_cluster() -> None:
    assert objects.key_of(POD) == ("ecp-ai-acme", "callbot-1")
    assert objects.key_of(NODE) == ("", "node-1")


def test_absent_metadata_reads_as_empty() -> None:
    assert objects.labels_of(POD) == {"ecp.ai/tenant": "acme"}
    assert objects.labels_of(NODE) == objects.annotations_of(NODE) == {}
    assert not objects.is_terminating(NODE)
    assert objects.controller_of(NODE) is None


def test_a_condition_is_found_by_its_type() -> None:
    assert objects.is_ready(POD)
    assert not objects.is_ready(NODE)
    assert objects.condition(POD, "Ready") == {"type": "Ready", "status": "True"}
    assert objects.condition({"metadata": {}, "status": {"conditions": None}}, "Ready") is None


def test_the_controller_is_the_owner_that_is_marked_as_such() -> None:
    owners = [{"uid": "1"}, {"uid": "2", "controller": True}]
    assert objects.controller_of({"metadata": {"ownerReferences": owners}}) == owners[1]


def test_a_time_is_written_and_read_in_whole_seconds_of_utc() -> None:
    moment = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    assert format_time(moment) == "2026-01-31T09:30:00Z"
    assert objects.optional_time("2026-01-31T09:30:00Z") == moment
    assert objects.optional_time(None) is objects.optional_time("") is None


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "stt"}}, True),
        ({"matchLabels": {"app": "tts"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["stt"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["stt"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_a_label_selector_selects_as_kubernetes_does(selector: dict[str, Any] | None, matches: bool) -> None:
    assert objects.selector_matches(selector, {"app": "stt"}) is matches


def test_a_kind_has_a_group_a_path_and_a_scope() -> None:
    assert kind_of(POD) == KINDS["Pod"].kind == Kind("v1", "Pod")
    assert KINDS["Pod"].path == "/api/v1/pods"
    assert KINDS["Deployment"].path == "/apis/apps/v1/deployments"
    assert KINDS["Deployment"].resource == "deployments.apps"
    assert {"Namespace", "PriorityClass"} < CLUSTER_SCOPED
    assert "Deployment" not in CLUSTER_SCOPED


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: each.kind)
def test_what_the_simulator_serves_is_in_the_table(resource: Any) -> None:
    info = KINDS[resource.kind]
    assert (info.kind.api_version, info.plural, info.namespaced) == (
        *(resource.api_version, resource.plural, resource.namespaced),
    )


def test_each_mode_has_a_virtual_cluster_of_its_own() -> None:
    assert virtual_cluster_url("http://sim:6360/", Mode.DEMO) == "http://sim:6360/clusters/demo"
    assert virtual_cluster_url("http://sim:6360", Mode.PRODUCTION) == "http://sim:6360/clusters/default"
