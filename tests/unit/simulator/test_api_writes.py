"""Create, update, patch and delete, and the Status bodies of refused requests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.simulator_api import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    JSON_PATCH,
    MERGE,
    PODS,
    STRATEGIC,
    Api,
    config_map,
    deployment,
    namespace,
    pod,
)

WEB = f"{DEPLOYMENTS}/web"
MAP = f"{CONFIG_MAPS}/settings"


@pytest.fixture
def api() -> Api:
    return Api()


def mark_terminating(api: Api, name: str) -> None:
    api.store.create("namespaces", namespace(name))
    api.store.delete("namespaces", "", name)


async def test_a_missing_object_is_answered_with_the_whole_status(api: Api) -> None:
    reply = await api.get(f"{DEPLOYMENTS}/nope")
    assert reply.code == 404
    assert reply.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'deployments.apps "nope" not found',
        "reason": "NotFound",
        "details": {"name": "nope", "group": "apps", "kind": "deployments"},
        "code": 404,
    }


async def test_a_second_create_of_one_name_is_refused(api: Api) -> None:
    await api.post(CONFIG_MAPS, config_map("settings"))
    reply = await api.post(CONFIG_MAPS, config_map("settings"))
    assert (reply.code, reply.body["reason"]) == (409, "AlreadyExists")
    assert reply.body["message"] == 'configmaps "settings" already exists'


async def test_nothing_is_created_in_a_namespace_that_is_not_there(api: Api) -> None:
    reply = await api.post("/api/v1/namespaces/nope/configmaps", config_map("settings"))
    assert (reply.code, reply.body["message"]) == (404, 'namespaces "nope" not found')
    assert reply.body["details"] == {"name": "nope", "kind": "namespaces"}


async def test_nothing_is_created_in_a_namespace_that_is_going_away(api: Api) -> None:
    mark_terminating(api, "old")
    reply = await api.post("/api/v1/namespaces/old/configmaps", config_map("settings"))
    assert (reply.code, reply.body["reason"]) == (403, "Forbidden")
    assert reply.body["message"] == (
        'configmaps "settings" is forbidden: unable to create new content in namespace old because it is being'
        " terminated"
    )
    assert reply.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            deployment(replica=2),
            'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error:'
            ' unknown field "spec.replica"',
        ),
        (
            deployment(replicas="two"),
            'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct'
            " field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            {**deployment(), "kind": "Pod"},
            'Pod in version "v1" cannot be handled as a Deployment: the kind in the data (Pod) does not match the'
            " expected kind (Deployment)",
        ),
        (
            {**deployment(), "apiVersion": "apps/v2"},
            "the API version in the data (apps/v2) does not match the expected API version (apps/v1)",
        ),
    ],
)
async def test_what_can_not_be_decoded_is_refused_in_the_api_servers_words(api: Api, body: Any, message: str) -> None:
    reply = await api.post(DEPLOYMENTS, body, fieldValidation="Strict")
    assert (reply.code, reply.body["reason"], reply.body["message"]) == (400, "BadRequest", message)


async def test_unknown_and_doubled_fields_are_warned_of_and_dropped(api: Api) -> None:
    text = b'{"metadata":{"name":"settings"},"data":{"a":"1","a":"2"},"extra":1}'
    reply = await api.post(CONFIG_MAPS, text, fieldValidation="Warn")
    assert reply.code == 201
    assert reply.headers["warning"] == '299 - "unknown field \\"extra\\"", 299 - "duplicate field \\"data.a\\""'
    assert "extra" not in reply.body
    ignored = await api.post(CONFIG_MAPS, text.replace(b"settings", b"other"), fieldValidation="Ignore")
    assert "warning" not in ignored.headers


async def test_kind_and_version_may_be_left_out(api: Api) -> None:
    reply = await api.post(CONFIG_MAPS, {"metadata": {"name": "settings"}})
    assert (reply.body["kind"], reply.body["apiVersion"]) == ("ConfigMap", "v1")


async def test_a_generated_name_has_five_letters_of_kubernetes_alphabet(api: Api) -> None:
    reply = await api.post(CONFIG_MAPS, {"metadata": {"generateName": "run-"}})
    name = reply.body["metadata"]["name"]
    assert name.startswith("run-")
    assert len(name) == 9
    assert set(name[4:]) <= set("bcdfghjklmnpqrstvwxz2456789")


async def test_every_missing_required_field_is_a_cause(api: Api) -> None:
    body = deployment()
    del body["spec"]["selector"]
    del body["spec"]["template"]["spec"]["containers"][0]["name"]
    reply = await api.post(DEPLOYMENTS, body)
    assert (reply.code, reply.body["reason"]) == (422, "Invalid")
    causes = {(c["field"], c["reason"]) for c in reply.body["details"]["causes"]}
    assert ("spec.selector", "FieldValueRequired") in causes
    assert ("spec.template.spec.containers[0].name", "FieldValueRequired") in causes
    assert reply.body["message"].startswith('Deployment.apps "web" is invalid: [')


async def test_a_name_is_required(api: Api) -> None:
    reply = await api.post(CONFIG_MAPS, {"data": {}})
    assert reply.body["message"] == (
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required'
    )


async def test_a_deployment_is_stored_with_its_defaults(api: Api) -> None:
    spec = (await api.post(DEPLOYMENTS, deployment())).body["spec"]
    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (1, 10, 600)
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
    inner = spec["template"]["spec"]
    assert (inner["restartPolicy"], inner["dnsPolicy"], inner["schedulerName"]) == (
        "Always",
        "ClusterFirst",
        "default-scheduler",
    )
    assert inner["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert inner["containers"][0]["imagePullPolicy"] == "IfNotPresent"


async def test_a_service_gets_an_address_of_its_own_and_keeps_it(api: Api) -> None:
    services = "/api/v1/namespaces/default/services"
    body = {"metadata": {"name": "a"}, "spec": {"selector": {"app": "a"}, "ports": [{"port": 80}]}}
    first = (await api.post(services, body)).body
    second = (await api.post(services, {**body, "metadata": {"name": "b"}})).body
    assert first["spec"]["clusterIP"] != second["spec"]["clusterIP"]
    assert first["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    put = {**body, "metadata": {"name": "a", "resourceVersion": first["metadata"]["resourceVersion"]}}
    changed = await api.request("PUT", f"{services}/a", put)
    assert changed.body["spec"]["clusterIP"] == first["spec"]["clusterIP"]


async def test_the_generation_follows_the_spec_alone(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment())
    labelled = await api.patch(WEB, {"metadata": {"labels": {"x": "y"}}}, MERGE)
    assert labelled.body["metadata"]["generation"] == 1
    scaled = await api.patch(WEB, {"spec": {"replicas": 2}}, MERGE)
    assert scaled.body["metadata"]["generation"] == 2
    status = await api.patch(f"{WEB}/status", {"status": {"replicas": 2}}, MERGE)
    assert (status.body["metadata"]["generation"], status.body["status"]) == (2, {"replicas": 2})


async def test_the_object_itself_does_not_change_the_status(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment())
    reply = await api.patch(WEB, {"status": {"replicas": 9}}, MERGE)
    assert "status" not in reply.body


async def test_a_stale_version_is_a_conflict(api: Api) -> None:
    first = (await api.post(CONFIG_MAPS, config_map("settings", a="1"))).body
    await api.patch(MAP, {"data": {"a": "2"}}, MERGE)
    reply = await api.request("PUT", MAP, {**first, "data": {"a": "3"}})
    assert (reply.code, reply.body["reason"]) == (409, "Conflict")
    assert reply.body["message"] == (
        'Operation cannot be fulfilled on configmaps "settings": the object has been modified; please apply your'
        " changes to the latest version and try again"
    )


async def test_a_write_that_changes_nothing_keeps_the_version(api: Api) -> None:
    first = (await api.post(CONFIG_MAPS, config_map("settings", a="1"))).body
    again = (await api.patch(MAP, {"data": {"a": "1"}}, MERGE)).body
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_json_patch_applies_all_or_nothing(api: Api) -> None:
    await api.post(CONFIG_MAPS, config_map("settings", a="1"))
    good = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "add", "path": "/metadata/annotations", "value": {"x/y": "2"}},
        {"op": "move", "from": "/data/a", "path": "/data/d"},
        {"op": "replace", "path": "/metadata/annotations/x~1y", "value": "3"},
    ]
    assert (await api.patch(MAP, good, JSON_PATCH)).body["data"] == {"d": "1"}
    bad = [{"op": "replace", "path": "/data/d", "value": "9"}, {"op": "remove", "path": "/data/none"}]
    reply = await api.patch(MAP, bad, JSON_PATCH)
    assert (reply.code, reply.body["reason"]) == (422, "Invalid")
    assert (await api.get(MAP)).body["data"] == {"d": "1"}


async def test_strategic_merge_patch_merges_containers_by_name(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment())
    change = {"containers": [{"name": "app", "image": "web:2"}, {"name": "side", "image": "side:1"}]}
    reply = await api.patch(WEB, {"spec": {"template": {"spec": change}}}, STRATEGIC)
    containers = reply.body["spec"]["template"]["spec"]["containers"]
    assert [(c["name"], c["image"]) for c in containers] == [("app", "web:2"), ("side", "side:1")]
    assert containers[0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    gone = {"containers": [{"name": "app", "$patch": "delete"}]}
    reply = await api.patch(WEB, {"spec": {"template": {"spec": gone}}}, STRATEGIC)
    assert [c["name"] for c in reply.body["spec"]["template"]["spec"]["containers"]] == ["side"]


async def test_strategic_merge_patch_keeps_the_asked_order_and_only_the_retained_keys(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment())
    change = {
        "template": {
            "spec": {
                "$setElementOrder/containers": [{"name": "side"}, {"name": "app"}],
                "containers": [{"name": "side", "image": "side:1"}],
            }
        },
        "strategy": {"$retainKeys": ["type"], "type": "Recreate"},
    }
    spec = (await api.patch(WEB, {"spec": change}, STRATEGIC)).body["spec"]
    assert [c["name"] for c in spec["template"]["spec"]["containers"]] == ["side", "app"]
    assert spec["strategy"] == {"type": "Recreate"}


async def test_a_set_of_scalars_is_merged_and_emptied_by_directive(api: Api) -> None:
    await api.post(CONFIG_MAPS, config_map("settings"))
    await api.patch(MAP, {"metadata": {"finalizers": ["x.example/a", "x.example/b"]}}, STRATEGIC)
    directive = {"$deleteFromPrimitiveList/finalizers": ["x.example/a"]}
    reply = await api.patch(MAP, {"metadata": directive}, STRATEGIC)
    assert reply.body["metadata"]["finalizers"] == ["x.example/b"]


async def test_scale_reads_and_writes_the_replicas_alone(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment(replicas=2))
    scale = (await api.get(f"{WEB}/scale")).body
    assert (scale["kind"], scale["spec"], scale["status"]["selector"]) == ("Scale", {"replicas": 2}, "app=web")
    scale["spec"]["replicas"] = 4
    assert (await api.request("PUT", f"{WEB}/scale", scale)).body["spec"] == {"replicas": 4}
    assert (await api.get(WEB)).body["spec"]["replicas"] == 4
    assert (await api.patch(f"{WEB}/scale", {"spec": {"replicas": -1}}, MERGE)).code == 422


async def test_a_deletion_that_is_complete_answers_success_with_the_uid(api: Api) -> None:
    made = (await api.post(CONFIG_MAPS, config_map("settings"))).body
    reply = await api.delete(MAP)
    assert (reply.code, reply.body["status"]) == (200, "Success")
    assert reply.body["details"] == {"name": "settings", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    assert (await api.get(MAP)).code == 404


async def test_a_precondition_that_does_not_hold_stops_a_deletion(api: Api) -> None:
    await api.post(CONFIG_MAPS, config_map("settings"))
    reply = await api.delete(MAP, {"preconditions": {"uid": "another"}})
    assert (reply.code, reply.body["reason"]) == (409, "Conflict")
    assert "Precondition failed: UID in precondition: another" in reply.body["message"]


@pytest.mark.parametrize(("policy", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")])
async def test_foreground_and_orphan_leave_their_work_to_the_garbage_collector(
    api: Api, policy: str, finalizer: str
) -> None:
    await api.post(DEPLOYMENTS, deployment())
    reply = await api.delete(WEB, propagationPolicy=policy)
    assert reply.body["metadata"]["finalizers"] == [finalizer]
    assert "deletionTimestamp" in reply.body["metadata"]
    collected = await api.patch(WEB, {"metadata": {"finalizers": None}}, MERGE)
    assert collected.code == 200
    assert (await api.get(WEB)).code == 404


async def test_a_pod_on_a_node_gets_its_grace_and_any_other_goes_at_once(api: Api) -> None:
    api.store.create("pods", pod("waiting"))
    api.store.create("pods", pod("working", node="n1", phase="Running"))
    assert (await api.delete(f"{PODS}/waiting")).body["status"] == "Success"
    reply = await api.delete(f"{PODS}/working")
    assert reply.body["metadata"]["deletionGracePeriodSeconds"] == 30
    assert reply.body["metadata"]["deletionTimestamp"] == "2026-03-01T12:00:30Z"
    forced = await api.delete(f"{PODS}/working", gracePeriodSeconds=0)
    assert forced.body["status"] == "Success"


async def test_a_deleted_namespace_terminates_until_it_is_finalized(api: Api) -> None:
    await api.post("/api/v1/namespaces", {"metadata": {"name": "team"}})
    reply = await api.delete("/api/v1/namespaces/team")
    assert reply.body["status"] == {"phase": "Terminating"}
    live = (await api.get("/api/v1/namespaces/team")).body
    await api.request("PUT", "/api/v1/namespaces/team/finalize", {**live, "spec": {"finalizers": []}})
    assert (await api.get("/api/v1/namespaces/team")).code == 404


async def test_a_collection_is_deleted_by_selector(api: Api) -> None:
    await api.post(CONFIG_MAPS, config_map("a", {"tier": "x"}))
    await api.post(CONFIG_MAPS, config_map("b", {"tier": "y"}))
    reply = await api.delete(CONFIG_MAPS, labelSelector="tier=x")
    assert [item["metadata"]["name"] for item in reply.body["items"]] == ["a"]
    left = (await api.get(CONFIG_MAPS)).body["items"]
    assert [item["metadata"]["name"] for item in left] == ["b"]


async def test_a_dry_run_deletes_nothing(api: Api) -> None:
    await api.post(CONFIG_MAPS, config_map("settings"))
    assert (await api.delete(MAP, dryRun="All")).code == 200
    assert (await api.get(MAP)).code == 200


async def test_formats_that_are_not_read_are_answered_415_and_large_bodies_413(api: Api) -> None:
    reply = await api.request("POST", CONFIG_MAPS, b"k8s\0", media_type="application/vnd.kubernetes.protobuf")
    assert (reply.code, reply.body["reason"]) == (415, "UnsupportedMediaType")
    large = await api.request("POST", CONFIG_MAPS, b"x" * (3 * 1024 * 1024 + 1))
    assert (large.code, large.body["reason"]) == (413, "RequestEntityTooLarge")


@pytest.mark.parametrize(
    "body", [b"{", b"", b"[]", b'"x"', b"\xff", b'{"metadata": []}', b'{"metadata": {"name": "a\\u0000"}}']
)
async def test_broken_bodies_are_bad_requests(api: Api, body: bytes) -> None:
    reply = await api.request("POST", CONFIG_MAPS, body)
    assert (reply.code, reply.body["reason"]) == (400, "BadRequest")


async def test_a_verb_that_a_resource_lacks_is_405(api: Api) -> None:
    reply = await api.post("/apis/metrics.k8s.io/v1beta1/nodes", {})
    assert (reply.code, reply.body["reason"]) == (405, "MethodNotAllowed")


async def test_the_namespaces_of_every_cluster_stay(api: Api) -> None:
    reply = await api.delete("/api/v1/namespaces/default")
    assert (reply.code, reply.body["message"]) == (
        403,
        'namespaces "default" is forbidden: this namespace may not be deleted',
    )


async def test_a_node_comes_with_its_status_and_a_deployment_without(api: Api) -> None:
    status = {"capacity": {"cpu": "4"}}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "new"}, "status": status}
    assert (await api.post("/api/v1/nodes", node)).body["status"] == status
    made = await api.post(DEPLOYMENTS, {**deployment("web"), "status": {"replicas": 7}})
    assert made.body.get("status", {}).get("replicas") is None
