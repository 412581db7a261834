"""A manifest's text becomes objects in the order of apply."""

import json

import pytest
import yaml

from services.deployer.cluster.manifest_objects import parse, phase_of
from services.deployer.state.errors import InvalidManifest
from shared.events import Phase
from shared.kube.objects import Obj


def obj(kind: str, name: str = "it", **metadata: str) -> Obj:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, **metadata}}


def kinds(text: str) -> list[str]:
    return [each["kind"] for each in parse(text, "ns")]


def test_objects_come_in_the_order_of_apply_and_otherwise_as_written() -> None:
    text = yaml.safe_dump_all(
        [
            obj("ServiceMonitor"),
            obj("HorizontalPodAutoscaler"),
            obj("Deployment", "b"),
            obj("Deployment", "a"),
            obj("Service"),
            obj("ConfigMap"),
            obj("NetworkPolicy"),
            obj("Namespace"),
        ]
    )
    objects = parse(text, "ns")
    assert [each["kind"] for each in objects] == [
        "Namespace",
        "NetworkPolicy",
        "ConfigMap",
        "Service",
        "Deployment",
        "Deployment",
        "HorizontalPodAutoscaler",
        "ServiceMonitor",
    ]
    assert [each["metadata"]["name"] for each in objects if each["kind"] == "Deployment"] == ["b", "a"]


def test_a_list_is_taken_apart_and_json_is_fine() -> None:
    items = [obj("Service"), obj("Namespace")]
    assert kinds(json.dumps({"apiVersion": "v1", "kind": "List", "items": items})) == ["Namespace", "Service"]


def test_a_missing_namespace_is_the_tenant_s_where_the_kind_has_one() -> None:
    namespaced, cluster_scoped = parse(yaml.safe_dump_all([obj("ConfigMap"), obj("ClusterRole")]), "ns")
    assert namespaced["metadata"]["namespace"] == "ns"
    assert "namespace" not in cluster_scoped["metadata"]


@pytest.mark.parametrize("text", ["", "---\n", "a: [", "just text", "kind: Pod", "- 1\n- 2"])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(InvalidManifest):
        parse(text, "ns")


def test_each_kind_belongs_to_a_phase() -> None:
    assert phase_of("Namespace") is Phase.CREATING_NAMESPACE
    assert phase_of("ConfigMap") is Phase.CREATING_CONFIGURATION
    assert phase_of("Service") is Phase.CREATING_SERVICES
    assert phase_of("ServiceMonitor") is Phase.CREATING_SERVICES
