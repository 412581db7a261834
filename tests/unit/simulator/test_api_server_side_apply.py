"""Server-side apply: ownership, removal, sharing, conflicts; cases for the rules of structured-merge-diff."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.simulator.storage.store import Store
from tests.support.simulator_api import (
    APPLY,
    CONFIG_MAPS,
    DEPLOYMENTS,
    MERGE,
    NOW,
    STRATEGIC,
    Api,
    config_map,
    deployment,
)

WEB = f"{DEPLOYMENTS}/web"
MAP = f"{CONFIG_MAPS}/settings"


@pytest.fixture
def api() -> Api:
    return Api()


def owned(obj: dict[str, Any], manager: str, operation: str = "Apply") -> Any:
    """The fields that a manager owns, in FieldsV1, None where it owns nothing."""
    entries = obj["metadata"].get("managedFields", ())
    return next((e["fieldsV1"] for e in entries if (e["manager"], e["operation"]) == (manager, operation)), None)


def containers(*items: dict[str, Any]) -> dict[str, Any]:
    body = deployment()
    body["spec"]["template"]["spec"]["containers"] = list(items)
    return body


async def test_the_first_apply_creates_and_owns_exactly_what_was_sent(api: Api) -> None:
    reply = await api.apply(MAP, config_map("settings", {"app": "x"}, a="1"))
    assert reply.code == 201
    assert owned(reply.body, "tester") == {"f:data": {"f:a": {}}, "f:metadata": {"f:labels": {"f:app": {}}}}


async def test_applying_the_same_again_changes_nothing_not_even_the_version(api: Api) -> None:
    first = await api.apply(WEB, deployment())
    second = await api.apply(WEB, deployment())
    assert (first.code, second.code) == (201, 200)
    assert second.body == first.body


async def test_time_alone_changes_nothing_though_an_atomic_list_is_sent_without_its_defaults() -> None:
    moments = iter(NOW + timedelta(minutes=minute) for minute in range(1000))
    api = Api(Store(lambda: next(moments)), now=lambda: next(moments))
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    claim["spec"]["resources"] = {"requests": {"storage": "1Gi"}}
    body = deployment("db", serviceName="db", volumeClaimTemplates=[claim])
    path = "/apis/apps/v1/namespaces/default/statefulsets/db"
    first = await api.apply(path, {**body, "kind": "StatefulSet"})
    second = await api.apply(path, {**body, "kind": "StatefulSet"})
    assert first.body["spec"]["volumeClaimTemplates"][0]["spec"]["volumeMode"] == "Filesystem"
    assert second.body == first.body


async def test_a_field_that_is_no_longer_applied_is_removed(api: Api) -> None:
    await api.apply(MAP, config_map("settings", a="1", b="2"))
    reply = await api.apply(MAP, config_map("settings", a="1"))
    assert reply.body["data"] == {"a": "1"}
    assert owned(reply.body, "tester") == {"f:data": {"f:a": {}}}


async def test_a_field_with_two_appliers_stays_when_one_of_them_stops(api: Api) -> None:
    await api.apply(MAP, config_map("settings", a="1", b="2"), "first")
    await api.apply(MAP, config_map("settings", b="2"), "second")
    reply = await api.apply(MAP, config_map("settings", a="1"), "first")
    assert reply.body["data"] == {"a": "1", "b": "2"}
    last = await api.apply(MAP, config_map("settings"), "second")
    assert last.body["data"] == {"a": "1"}
    assert owned(last.body, "second") is None


async def test_the_same_value_from_two_appliers_is_shared_and_no_conflict(api: Api) -> None:
    await api.apply(MAP, config_map("settings", a="1"), "first")
    reply = await api.apply(MAP, config_map("settings", a="1"), "second")
    assert reply.code == 200
    assert owned(reply.body, "first") == owned(reply.body, "second") == {"f:data": {"f:a": {}}}


async def test_another_value_is_a_conflict_with_one_cause_a_field(api: Api) -> None:
    await api.apply(MAP, config_map("settings", a="1", b="2"), "first")
    reply = await api.apply(MAP, config_map("settings", a="9", b="8"), "second")
    assert reply.code == 409
    assert reply.body["reason"] == "Conflict"
    assert reply.body["message"] == 'Apply failed with 2 conflicts: conflicts with "first":\n- .data.a\n- .data.b'
    assert reply.body["details"]["causes"][0] == {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "first"',
        "field": ".data.a",
    }
    assert (await api.get(MAP)).body["data"] == {"a": "1", "b": "2"}


async def test_force_takes_the_field_and_the_former_owner_loses_it(api: Api) -> None:
    await api.apply(MAP, config_map("settings", a="1"), "first")
    reply = await api.apply(MAP, config_map("settings", a="9"), "second", force="true")
    assert reply.body["data"] == {"a": "9"}
    assert owned(reply.body, "first") is None
    assert owned(reply.body, "second") == {"f:data": {"f:a": {}}}


async def test_a_conflict_with_an_updater_names_its_version_and_time(api: Api) -> None:
    await api.apply(WEB, deployment(replicas=2))
    await api.patch(f"{WEB}/scale", {"spec": {"replicas": 5}}, MERGE, fieldManager="scaler")
    reply = await api.apply(WEB, deployment(replicas=2))
    assert reply.body["message"] == (
        'Apply failed with 1 conflict: conflict with "scaler" with subresource "scale" using apps/v1 at'
        " 2026-03-01T12:00:00Z: .spec.replicas"
    )


async def test_a_field_left_to_others_keeps_their_value(api: Api) -> None:
    await api.apply(WEB, deployment())
    live = api.store.get("deployments.apps", "default", "web")
    assert live is not None
    api.store.replace("deployments.apps", {**live, "spec": {**live["spec"], "replicas": 7}})
    reply = await api.apply(WEB, deployment(revisionHistoryLimit=3))
    assert reply.body["spec"]["replicas"] == 7


async def test_an_update_takes_ownership_of_what_it_changes_and_of_nothing_else(api: Api) -> None:
    await api.apply(MAP, config_map("settings", a="1", b="2"))
    reply = await api.patch(MAP, {"data": {"a": "9"}}, MERGE, fieldManager="editor")
    assert owned(reply.body, "editor", "Update") == {"f:data": {"f:a": {}}}
    assert owned(reply.body, "tester") == {"f:data": {"f:b": {}}}


async def test_items_of_an_associative_list_are_owned_and_removed_one_by_one(api: Api) -> None:
    await api.apply(WEB, containers({"name": "app", "image": "web:1"}), "first")
    await api.apply(WEB, _only_container({"name": "proxy", "image": "proxy:1"}), "second")
    both = (await api.get(WEB)).body
    assert [c["name"] for c in both["spec"]["template"]["spec"]["containers"]] == ["app", "proxy"]
    reply = await api.apply(WEB, _only_container(), "second")
    assert [c["name"] for c in reply.body["spec"]["template"]["spec"]["containers"]] == ["app"]


async def test_a_removed_item_goes_with_its_defaults_and_with_what_an_updater_changed_in_it(api: Api) -> None:
    await api.apply(WEB, containers({"name": "app", "image": "web:1"}, {"name": "side", "image": "side:1"}))
    change = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "side:2"}]}}}}
    await api.patch(WEB, change, STRATEGIC, fieldManager="editor")
    reply = await api.apply(WEB, containers({"name": "app", "image": "web:1"}))
    assert [c["name"] for c in reply.body["spec"]["template"]["spec"]["containers"]] == ["app"]
    assert owned(reply.body, "editor", "Update") is None


async def test_an_item_that_two_appliers_own_keeps_the_fields_of_the_one_that_stays(api: Api) -> None:
    await api.apply(WEB, containers({"name": "app", "image": "web:1", "args": ["-v"]}), "first")
    await api.apply(WEB, containers({"name": "app", "image": "web:1", "workingDir": "/srv"}), "second")
    reply = await api.apply(WEB, containers({"name": "app", "image": "web:1"}), "first")
    (container,) = reply.body["spec"]["template"]["spec"]["containers"]
    assert "args" not in container
    assert container["workingDir"] == "/srv"


async def test_a_port_without_a_protocol_is_the_same_item_as_with_tcp(api: Api) -> None:
    await api.apply(WEB, containers({"name": "app", "image": "web:1", "ports": [{"containerPort": 80}]}), "first")
    port = {"containerPort": 80, "protocol": "TCP", "name": "http"}
    reply = await api.apply(WEB, containers({"name": "app", "image": "web:1", "ports": [port]}), "second")
    (container,) = reply.body["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP", "name": "http"}]


async def test_an_atomic_value_is_owned_as_a_whole(api: Api) -> None:
    await api.apply(WEB, containers({"name": "app", "image": "web:1", "args": ["-a"]}), "first")
    reply = await api.apply(WEB, containers({"name": "app", "image": "web:1", "args": ["-b"]}), "second")
    assert reply.code == 409
    (cause,) = reply.body["details"]["causes"]
    assert cause["field"] == '.spec.template.spec.containers[name="app"].args'
    assert {"f:args": {}}.items() <= _container_fields(owned((await api.get(WEB)).body, "first")).items()


async def test_members_of_a_set_are_shared(api: Api) -> None:
    first = config_map("settings")
    first["metadata"]["finalizers"] = ["a.example/one"]
    second = config_map("settings")
    second["metadata"]["finalizers"] = ["b.example/two"]
    await api.apply(MAP, first, "first")
    reply = await api.apply(MAP, second, "second")
    assert sorted(reply.body["metadata"]["finalizers"]) == ["a.example/one", "b.example/two"]
    assert owned(reply.body, "second")["f:metadata"] == {"f:finalizers": {'v:"b.example/two"': {}}}


async def test_applied_order_wins_among_shared_items(api: Api) -> None:
    await api.apply(WEB, containers({"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}))
    reply = await api.apply(WEB, containers({"name": "b", "image": "b:1"}, {"name": "a", "image": "a:1"}))
    assert [c["name"] for c in reply.body["spec"]["template"]["spec"]["containers"]] == ["b", "a"]


async def test_a_struct_without_appliers_is_removed_with_its_content(api: Api) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2}}
    await api.apply(WEB, deployment(strategy=rolling))
    reply = await api.apply(WEB, deployment())
    assert reply.body["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "25%"}


async def test_an_object_of_controllers_has_no_field_owners_before_the_first_apply(api: Api) -> None:
    api.store.create(
        "configmaps", {**config_map("settings", a="1"), "metadata": {"name": "settings", "namespace": "default"}}
    )
    reply = await api.apply(MAP, config_map("settings", a="2"))
    assert reply.code == 409
    assert 'conflict with "before-first-apply" using v1' in reply.body["message"]
    same = await api.apply(MAP, config_map("settings", a="1"))
    assert same.code == 200


async def test_status_sent_to_the_object_itself_is_neither_stored_nor_owned(api: Api) -> None:
    reply = await api.apply(WEB, {**deployment(), "status": {"replicas": 3}})
    assert "status" not in reply.body
    assert "f:status" not in owned(reply.body, "tester")


async def test_status_is_applied_through_its_own_endpoint_and_owned_separately(api: Api) -> None:
    await api.apply(WEB, deployment())
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "status": {"replicas": 3}}
    reply = await api.apply(f"{WEB}/status", body, "controller")
    assert reply.body["status"] == {"replicas": 3}
    entry = next(e for e in reply.body["metadata"]["managedFields"] if e["manager"] == "controller")
    assert entry["subresource"] == "status"
    assert entry["fieldsV1"] == {"f:status": {"f:replicas": {}}}
    again = await api.apply(WEB, deployment())
    assert again.body["status"] == {"replicas": 3}


async def test_a_dry_run_answers_what_would_be_and_keeps_nothing(api: Api) -> None:
    reply = await api.apply(MAP, config_map("settings", a="1"), dryRun="All")
    assert (reply.code, reply.body["data"]) == (201, {"a": "1"})
    assert (await api.get(MAP)).code == 404
    await api.apply(MAP, config_map("settings", a="1"))
    changed = await api.apply(MAP, config_map("settings", a="2"), dryRun="All")
    assert changed.body["data"] == {"a": "2"}
    assert (await api.get(MAP)).body["data"] == {"a": "1"}


async def test_an_unknown_field_can_not_be_applied(api: Api) -> None:
    reply = await api.apply(WEB, deployment(replica=2))
    assert reply.code == 500
    assert reply.body["message"] == (
        "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): "
        ".spec.replica: field not declared in schema"
    )


async def test_two_items_with_one_key_can_not_be_applied(api: Api) -> None:
    reply = await api.apply(WEB, containers({"name": "app", "image": "a"}, {"name": "app", "image": "b"}))
    assert 'duplicate entries for key [name="app"]' in reply.body["message"]


async def test_an_apply_without_a_field_manager_is_refused(api: Api) -> None:
    reply = await api.patch(MAP, config_map("settings"), APPLY)
    assert reply.code == 422
    assert reply.body["message"] == (
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
    )


async def test_managed_fields_can_not_be_applied(api: Api) -> None:
    body = config_map("settings")
    body["metadata"]["managedFields"] = [{"manager": "x", "operation": "Apply"}]
    reply = await api.apply(MAP, body)
    assert (reply.code, reply.body["message"]) == (400, "metadata.managedFields must be nil")


async def test_yaml_is_applied_too_and_a_date_in_it_stays_a_text(api: Api) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {day: 2026-03-01, m: '1'}\n"
    reply = await api.apply(MAP, text)
    assert reply.body["data"] == {"day": "2026-03-01", "m": "1"}


async def test_a_client_may_empty_the_record_of_owners(api: Api) -> None:
    await api.apply(MAP, config_map("settings", a="1"))
    reply = await api.patch(MAP, {"metadata": {"managedFields": [{}]}}, MERGE)
    assert "managedFields" not in reply.body["metadata"]


async def test_quantities_are_compared_in_their_canonical_form(api: Api) -> None:
    def asking(cpu: Any) -> dict[str, Any]:
        return containers({"name": "app", "image": "web:1", "resources": {"requests": {"cpu": cpu}}})

    first = await api.apply(WEB, asking(0.5), "first")
    reply = await api.apply(WEB, asking("500m"), "second")
    assert reply.code == 200
    (container,) = first.body["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {"requests": {"cpu": "500m"}}


def _only_container(*items: dict[str, Any]) -> dict[str, Any]:
    """A configuration with nothing but the names of containers."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": list(items)}}},
    }


def _container_fields(fields: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = fields["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"app"}']
    return found
