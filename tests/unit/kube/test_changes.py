"""The diff of two manifests: by object and field, bounded, and without the values of Secrets."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from shared.changes import HIDDEN
from shared.kube.changes import changes_between, field_changes
from shared.kube.manifest_text import parse_manifest
from shared.reading import InvalidText

GOLDEN = Path(__file__).parents[2] / "golden" / "call-centre.yaml"


def manifest() -> list[dict[str, Any]]:
    return parse_manifest(GOLDEN.read_text("utf-8"), "ecp-ai-ai-call-center-prod")


def find(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    return next(each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name))


def test_equal_manifests_have_no_changes() -> None:
    found = changes_between(manifest(), manifest())
    assert found.changes == ()
    assert (found.summary.added, found.summary.removed, found.summary.changed) == (0, 0, 0)
    assert found.summary.unchanged == len(manifest())


def test_a_changed_field_has_its_path_and_both_values() -> None:
    new = manifest()
    container = find(new, "Deployment", "stt")["spec"]["template"]["spec"]["containers"][0]
    before, container["image"] = container["image"], "registry.example/stt:2"
    [change] = changes_between(manifest(), new).changes
    assert (change.kind, change.namespace, change.name, change.change) == (
        "Deployment", "ecp-ai-ai-call-center-prod", "stt", "changed",
    )  # fmt: skip
    [field] = change.fields
    assert field.path == f'.spec.template.spec.containers[name="{container["name"]}"].image'
    assert (field.old, field.new, field.owner) == (before, "registry.example/stt:2", None)


def test_objects_are_added_and_removed_as_a_whole() -> None:
    new = [each for each in manifest() if each["metadata"]["name"] != "tts"]
    found = changes_between(manifest(), new)
    assert {each.change for each in found.changes} == {"removed"}
    assert {each.fields for each in found.changes} == {()}
    assert found.summary.removed == len(manifest()) - len(new)
    assert {each.change for each in changes_between(new, manifest()).changes} == {"added"}


def test_the_position_of_a_list_item_is_no_change() -> None:
    new = manifest()
    for each in new:
        if each["kind"] == "Service":
            each["spec"]["ports"].reverse()
        if each["kind"] == "Deployment":
            each["spec"]["template"]["spec"]["containers"].reverse()
    assert changes_between(manifest(), new).changes == ()


def test_a_cluster_scoped_object_has_no_namespace() -> None:
    new = manifest()
    find(new, "PriorityClass", "ecp-ai-ai-call-center-prod-large")["value"] = 1
    [change] = changes_between(manifest(), new).changes
    assert change.namespace is None


def secret(**data: str) -> dict[str, Any]:
    metadata = {"name": "keys", "namespace": "n", "annotations": {"note": next(iter(data.values()))}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def test_the_values_of_a_secret_are_hidden_wherever_they_stand() -> None:
    fields = field_changes(secret(token="first", gone="one"), secret(token="second"))
    assert {each.path for each in fields} == {".metadata.annotations.note", ".stringData.token", ".stringData.gone"}
    assert {each.old for each in fields} == {HIDDEN}
    assert {each.new for each in fields} == {HIDDEN, None}


def test_a_long_value_is_cut() -> None:
    old = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"file": "x" * 100_000}}
    new = deepcopy(old) | {"data": {"file": "y" * 100_000}}
    [field] = field_changes(old, new)
    assert len(field.old) == len(field.new) == 2001


def test_an_owner_is_named_where_it_is_known() -> None:
    old = find(manifest(), "Deployment", "stt")
    new = deepcopy(old)
    new["spec"]["paused"] = True
    [field] = field_changes(old, new, owner=lambda path: "kubectl" if path == ("spec", "paused") else None)
    assert (field.path, field.old, field.new, field.owner) == (".spec.paused", None, True, "kubectl")


def test_a_manifest_is_in_the_order_of_apply_and_a_broken_one_is_refused() -> None:
    kinds = [each["kind"] for each in parse_manifest(GOLDEN.read_text("utf-8"), "n")]
    assert (kinds[0], kinds[-1]) == ("Namespace", "StatefulSet")
    for text in ("a: [", "", "kind: Service\n"):
        with pytest.raises(InvalidText):
            parse_manifest(text, "n")


@pytest.mark.parametrize("value", [False, 0])
def test_a_value_that_is_false_or_zero_differs_from_an_absent_one(value: Any) -> None:
    """Without `automountServiceAccountToken: false` the token is mounted, and without `replicas: 0` there is one."""
    absent = find(manifest(), "Deployment", "stt")
    given = deepcopy(absent)
    given["spec"]["field"] = value
    for old, new in ((absent, given), (given, absent)):
        [field] = field_changes(old, new)
        assert (field.path, field.old, field.new) == (".spec.field", old["spec"].get("field"), new["spec"].get("field"))


@pytest.mark.parametrize("value", ["", [], {}])
def test_an_empty_value_is_as_an_absent_one(value: Any) -> None:
    absent = find(manifest(), "Deployment", "stt")
    given = deepcopy(absent)
    given["spec"]["field"] = value
    assert field_changes(absent, given) == field_changes(given, absent) == ()


def test_items_whose_port_is_an_object_are_compared_as_a_whole() -> None:
    """As in a Gateway of Istio."""
    old = {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "g"}}
    servers = [[{"port": {"number": number, "name": "http"}, "hosts": ["*"]}] for number in (80, 8080)]
    [field] = field_changes({**old, "spec": {"servers": servers[0]}}, {**old, "spec": {"servers": servers[1]}})
    assert (field.path, field.old, field.new) == (".spec.servers", *servers)
