"""JSON patch, merge patch and strategic merge patch, with the examples of RFC 6902, RFC 7396 and Kubernetes."""

import copy
from typing import Any

import pytest

from services.simulator.api.apply.patches import json_patch
from services.simulator.api.apply.strategic_merge import strategic_merge
from services.simulator.api.errors import ApiError
from services.simulator.api.validation.bodies import schema_of
from services.simulator.resources import BY_KEY

DEPLOYMENT = schema_of(BY_KEY["deployments.apps"])
SERVICE = schema_of(BY_KEY["services"])


@pytest.mark.parametrize(
    ("document", "operation", "result"),
    [
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux"}, {"baz": "qux", "foo": "bar"}),
        ({"foo": ["bar", "baz"]}, {"op": "add", "path": "/foo/1", "value": "qux"}, {"foo": ["bar", "qux", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, {"op": "remove", "path": "/baz"}, {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, {"op": "remove", "path": "/foo/1"}, {"foo": ["bar", "baz"]}),
        ({"baz": "qux"}, {"op": "replace", "path": "/baz", "value": "boo"}, {"baz": "boo"}),
        (
            {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
            {"op": "move", "from": "/foo/waldo", "path": "/qux/thud"},
            {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
        ),
        (
            {"foo": ["all", "grass", "cows", "eat"]},
            {"op": "move", "from": "/foo/1", "path": "/foo/3"},
            {"foo": ["all", "cows", "eat", "grass"]},
        ),
        ({"baz": "qux"}, {"op": "test", "path": "/baz", "value": "qux"}, {"baz": "qux"}),
        (
            {"foo": "bar"},
            {"op": "add", "path": "/child", "value": {"grandchild": {}}},
            {"foo": "bar", "child": {"grandchild": {}}},
        ),
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux", "xyz": 123}, {"foo": "bar", "baz": "qux"}),
        ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": 10}, {"/": 9, "~1": 10}),
        ({"foo": ["bar"]}, {"op": "add", "path": "/foo/-", "value": ["abc"]}, {"foo": ["bar", ["abc"]]}),
        ({"foo": [1]}, {"op": "copy", "from": "/foo", "path": "/bar"}, {"foo": [1], "bar": [1]}),
        ({"foo": 1}, {"op": "replace", "path": "", "value": {"bar": 2}}, {"bar": 2}),
    ],
)
def test_json_patch_gives_the_results_of_rfc_6902(document: Any, operation: Any, result: Any) -> None:
    before = copy.deepcopy(document)
    assert json_patch(document, [operation]) == result
    assert document == before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/baz", "value": "bar"},
        {"op": "test", "path": "/list/0", "value": 2},
        {"op": "add", "path": "/missing/bat", "value": "qux"},
        {"op": "add", "path": "/list/9", "value": 1},
        {"op": "add", "path": "/list/01", "value": 1},
        {"op": "add", "path": "/baz/0", "value": "x"},
        {"op": "add", "path": "baz", "value": "x"},
        {"op": "add", "path": "/x"},
        {"op": "remove", "path": "/missing"},
        {"op": "remove", "path": "/list/-"},
        {"op": "move", "from": "/missing", "path": "/baz"},
        {"op": "copy", "from": "/missing", "path": "/x"},
        {"op": "merge", "path": "/baz", "value": 1},
        {"op": "add", "path": 7, "value": 1},
    ],
)
def test_an_operation_that_does_not_apply_is_refused(operation: Any) -> None:
    with pytest.raises(ApiError) as refused:
        json_patch({"baz": "qux", "list": [1]}, [operation])
    assert refused.value.code == 422


@pytest.mark.parametrize("patch", [{"op": "add"}, "add", ["add"]])
def test_a_json_patch_is_a_list_of_operations(patch: Any) -> None:
    with pytest.raises(ApiError) as refused:
        json_patch({}, patch)
    assert refused.value.code == 400


def containers(*items: Any, **directives: Any) -> Any:
    return {"spec": {"template": {"spec": {"containers": list(items), **directives}}}}


def merged_containers(target: Any, patch: Any) -> list[Any]:
    found: list[Any] = strategic_merge(target, patch, DEPLOYMENT)["spec"]["template"]["spec"]["containers"]
    return found


def test_containers_are_merged_added_and_deleted_by_name() -> None:
    target = containers({"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"})
    patch = containers({"name": "c", "image": "c:1"}, {"name": "a", "image": "a:2"}, {"name": "b", "$patch": "delete"})
    assert merged_containers(target, patch) == [{"name": "a", "image": "a:2"}, {"name": "c", "image": "c:1"}]


def test_a_list_can_be_replaced_as_a_whole() -> None:
    target = containers({"name": "a"}, {"name": "b"})
    assert merged_containers(target, containers({"$patch": "replace"}, {"name": "c"})) == [{"name": "c"}]


def test_the_order_of_a_list_can_be_set_without_changing_its_items() -> None:
    order = {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}
    target = containers({"name": "a"}, {"name": "b"}, {"name": "c"})
    patch = {"spec": {"template": {"spec": order}}}
    assert [each["name"] for each in merged_containers(target, patch)] == ["b", "c", "a"]


def test_an_object_can_be_replaced_or_deleted_as_a_whole() -> None:
    target = {"metadata": {"labels": {"a": "1", "b": "2"}, "annotations": {"c": "3"}}}
    replaced = strategic_merge(target, {"metadata": {"labels": {"$patch": "replace", "d": "4"}}}, DEPLOYMENT)
    assert replaced["metadata"]["labels"] == {"d": "4"}
    deleted = strategic_merge(target, {"metadata": {"annotations": {"$patch": "delete"}}}, DEPLOYMENT)
    assert "annotations" not in deleted["metadata"]


def test_a_field_with_the_strategy_replace_is_not_merged() -> None:
    target = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"type": "Recreate", "$retainKeys": ["type"]}}}
    assert strategic_merge(target, patch, DEPLOYMENT)["spec"]["strategy"] == {"type": "Recreate"}


def test_ports_with_one_number_and_two_protocols_stay_apart_from_others() -> None:
    target = {"spec": {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 80}]}}
    patch = {"spec": {"ports": [{"port": 80, "name": "http"}]}}
    assert strategic_merge(target, patch, SERVICE)["spec"]["ports"] == [
        {"port": 53, "protocol": "UDP"},
        {"port": 80, "name": "http"},
    ]


@pytest.mark.parametrize(
    "patch",
    [
        {"$patch": "explode"},
        {"metadata": {"$retainKeys": "labels"}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": "x"}},
        {"metadata": {"$setElementOrder/finalizers": {}}},
        containers({"image": "without-name:1"}),
        containers("no object"),
    ],
)
def test_a_malformed_directive_is_refused(patch: Any) -> None:
    with pytest.raises(ApiError) as refused:
        strategic_merge(containers({"name": "a"}), patch, DEPLOYMENT)
    assert refused.value.code == 400


def test_a_primitive_can_only_be_deleted_from_a_list() -> None:
    with pytest.raises(ApiError):
        strategic_merge(
            {"metadata": {"finalizers": "x"}}, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["x"]}}, None
        )
