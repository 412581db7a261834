"""Get, list, watch, selectors, pages, Tables, discovery."""

from __future__ import annotations

from typing import Any

import pytest

from services.simulator.api.errors import ApiError
from services.simulator.api.representations.cells import duration
from services.simulator.api.validation.selectors import field_predicate, label_predicate
from services.simulator.storage.watch_log import StoredObject, VersionExpired, WatchEvent, WatchLog
from tests.support.simulator_api import CONFIG_MAPS, DEPLOYMENTS, MERGE, PODS, Api, config_map, deployment, pod

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@pytest.fixture
def api() -> Api:
    return Api()


def names(body: Any) -> list[str]:
    return [item["metadata"]["name"] for item in body["items"]]


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        ("app=web", ["a"]),
        ("app==web", ["a"]),
        ("app!=web", ["b", "c"]),
        ("app in (web, db)", ["a", "b"]),
        ("app notin (web),app", ["b"]),
        ("app", ["a", "b"]),
        ("!app", ["c"]),
        ("tier=front,app=web", ["a"]),
        ("weight>3", ["b"]),
        ("", ["a", "b", "c"]),
    ],
)
async def test_label_selectors_choose_as_in_kubernetes(api: Api, selector: str, chosen: list[str]) -> None:
    await api.post(CONFIG_MAPS, config_map("a", {"app": "web", "tier": "front", "weight": "3"}))
    await api.post(CONFIG_MAPS, config_map("b", {"app": "db", "weight": "4"}))
    await api.post(CONFIG_MAPS, config_map("c"))
    assert names((await api.get(CONFIG_MAPS, labelSelector=selector)).body) == chosen


@pytest.mark.parametrize("selector", ["a=b=c", "in (x)", "a in x", ",", "a=b,,c"])
def test_a_label_selector_that_can_not_be_parsed_is_a_bad_request(selector: str) -> None:
    with pytest.raises(ApiError) as refused:
        label_predicate(selector)
    assert refused.value.code == 400


def test_field_selectors_compare_scalars_as_text() -> None:
    obj = {"metadata": {"name": "x"}, "spec": {"nodeName": "n1", "hostNetwork": True, "replicas": 3}}
    assert _holds("metadata.name=x,spec.nodeName!=n2", obj)
    assert _holds("spec.hostNetwork=true", obj)
    assert _holds("spec.replicas==3", obj)
    assert _holds("status.phase=", obj)
    assert not _holds("status.phase!=", obj)


def _holds(selector: str, obj: Any) -> bool:
    predicate = field_predicate(selector)
    assert predicate is not None
    return predicate(obj)


async def test_a_list_is_in_the_order_of_namespace_and_name(api: Api) -> None:
    for name in ("b", "a"):
        await api.post(CONFIG_MAPS, config_map(name))
    await api.post("/api/v1/namespaces/kube-system/configmaps", config_map("0"))
    assert names((await api.get("/api/v1/configmaps")).body) == ["a", "b", "0"]
    assert names((await api.get(CONFIG_MAPS)).body) == ["a", "b"]


async def test_pages_of_one_list_fit_together_whatever_happens_between_them(api: Api) -> None:
    for name in "abcde":
        await api.post(CONFIG_MAPS, config_map(name))
    first = (await api.get(CONFIG_MAPS, limit=2)).body
    assert (names(first), first["metadata"]["remainingItemCount"]) == (["a", "b"], 3)
    await api.delete(f"{CONFIG_MAPS}/c")
    await api.post(CONFIG_MAPS, config_map("aa"))
    token = first["metadata"]["continue"]
    rest = (await api.get(CONFIG_MAPS, limit=10, **{"continue": token})).body
    assert names(rest) == ["c", "d", "e"]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert "continue" not in rest["metadata"]


async def test_a_token_whose_list_is_forgotten_is_410(api: Api) -> None:
    for name in "abc":
        await api.post(CONFIG_MAPS, config_map(name))
    token = (await api.get(CONFIG_MAPS, limit=1)).body["metadata"]["continue"]
    for index in range(40):
        await api.patch(f"{CONFIG_MAPS}/a", {"data": {"n": str(index)}}, MERGE)
        await api.get(CONFIG_MAPS, limit=1)
    reply = await api.get(CONFIG_MAPS, limit=1, **{"continue": token})
    assert (reply.code, reply.body["reason"]) == (410, "Expired")
    assert (await api.get(CONFIG_MAPS, **{"continue": "nonsense"})).code == 400


async def test_a_version_still_to_come_is_a_timeout_with_its_cause(api: Api) -> None:
    reply = await api.get(CONFIG_MAPS, resourceVersion=10**9)
    assert (reply.code, reply.body["reason"]) == (504, "Timeout")
    assert reply.body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert reply.headers["retry-after"] == "1"


async def test_a_watch_from_a_version_sends_what_came_after_it(api: Api) -> None:
    made = (await api.post(CONFIG_MAPS, config_map("a", v="1"))).body
    await api.patch(f"{CONFIG_MAPS}/a", {"data": {"v": "2"}}, MERGE)
    async with api.watch(CONFIG_MAPS, resourceVersion=made["metadata"]["resourceVersion"]) as watched:
        event = await watched.next()
        assert (event["type"], event["object"]["data"]) == ("MODIFIED", {"v": "2"})
        await api.delete(f"{CONFIG_MAPS}/a")
        gone = await watched.next()
        assert gone["type"] == "DELETED"
        assert int(gone["object"]["metadata"]["resourceVersion"]) == api.store.version


async def test_a_watch_without_a_version_begins_with_what_there_is(api: Api) -> None:
    await api.post(CONFIG_MAPS, config_map("a"))
    async with api.watch(CONFIG_MAPS) as watched:
        assert (await watched.next())["type"] == "ADDED"


async def test_initial_events_end_with_a_marked_bookmark(api: Api) -> None:
    await api.post(CONFIG_MAPS, config_map("a"))
    parameters = {"sendInitialEvents": "true", "allowWatchBookmarks": "true", "resourceVersionMatch": "NotOlderThan"}
    async with api.watch(CONFIG_MAPS, **parameters) as watched:
        assert (await watched.next())["type"] == "ADDED"
        bookmark = await watched.next()
        assert bookmark["type"] == "BOOKMARK"
        assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_selector_turns_changes_into_appearances_and_disappearances(api: Api) -> None:
    version = api.store.version
    async with api.watch(CONFIG_MAPS, resourceVersion=version, labelSelector="on=yes") as watched:
        await api.post(CONFIG_MAPS, config_map("a", {"on": "no"}))
        await api.patch(f"{CONFIG_MAPS}/a", {"metadata": {"labels": {"on": "yes"}}}, MERGE)
        assert (await watched.next())["type"] == "ADDED"
        await api.patch(f"{CONFIG_MAPS}/a", {"data": {"x": "1"}}, MERGE)
        assert (await watched.next())["type"] == "MODIFIED"
        await api.patch(f"{CONFIG_MAPS}/a", {"metadata": {"labels": {"on": "no"}}}, MERGE)
        assert (await watched.next())["type"] == "DELETED"


async def test_a_watch_from_a_version_that_is_too_old_ends_with_410(api: Api) -> None:
    log = api.store.log("configmaps")
    for version in range(10, 10 + 3 * 8192):
        log.append(WatchEvent(version, "ADDED", None, StoredObject(config_map("x"))))
    async with api.watch(CONFIG_MAPS, resourceVersion=5) as watched:
        event = await watched.next()
        assert event["type"] == "ERROR"
        assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
        await watched.ended.wait()


@pytest.mark.parametrize("wrong", [{"resourceVersion": "x"}, {"timeoutSeconds": "x"}, {"labelSelector": "a=b=c"}])
async def test_a_watch_with_wrong_parameters_is_refused_before_it_begins(api: Api, wrong: dict[str, str]) -> None:
    reply = await api.get(CONFIG_MAPS, watch="true", **wrong)
    assert (reply.code, reply.body["reason"]) == (400, "BadRequest")


async def test_a_watch_ends_at_its_time_with_a_bookmark(api: Api) -> None:
    async with api.watch(
        CONFIG_MAPS, resourceVersion=api.store.version, timeoutSeconds=1, allowWatchBookmarks=1
    ) as watched:
        assert (await watched.next())["type"] == "BOOKMARK"
        await watched.ended.wait()


async def test_a_watch_of_one_name_sees_only_that(api: Api) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    async with api.watch(path, resourceVersion=api.store.version, fieldSelector="metadata.name=b") as watched:
        await api.post(CONFIG_MAPS, config_map("a"))
        await api.post(CONFIG_MAPS, config_map("b"))
        assert (await watched.next())["object"]["metadata"]["name"] == "b"


async def test_open_watches_end_when_the_simulator_stops(api: Api) -> None:
    async with api.watch(CONFIG_MAPS, resourceVersion=api.store.version) as watched:
        api.app.end_streams()
        await watched.ended.wait()


def test_a_cursor_that_fell_behind_is_told_so() -> None:
    log = WatchLog(floor=0, capacity=4)
    cursor = log.cursor_after(0)
    for version in range(1, 20):
        log.append(WatchEvent(version, "ADDED", None, StoredObject({})))
    with pytest.raises(VersionExpired):
        log.read(cursor)
    with pytest.raises(VersionExpired):
        log.cursor_after(1)
    changes, _ = log.read(log.cursor_after(17))
    assert [change.version for change in changes] == [18, 19]


def test_changes_are_kept_for_one_interval_and_a_watch_of_an_idle_resource_goes_on() -> None:
    log = WatchLog(floor=0)
    for version in (1, 2):
        log.append(WatchEvent(version, "ADDED", None, StoredObject({})))
    idle = log.cursor_at_end()
    log.forget_old()
    log.append(WatchEvent(3, "ADDED", None, StoredObject({})))
    assert [change.version for change in log.read(log.cursor_after(0))[0]] == [1, 2, 3]
    log.forget_old()
    with pytest.raises(VersionExpired):
        log.cursor_after(1)
    assert [change.version for change in log.read(log.cursor_after(2))[0]] == [3]
    assert [change.version for change in log.read(idle)[0]] == [3]
    log.forget_old()
    log.forget_old()
    with pytest.raises(VersionExpired):
        log.read(idle)
    assert log.read(log.cursor_after(3)) == ([], log.cursor_at_end())


async def test_a_cluster_forgets_old_changes_of_every_resource(api: Api) -> None:
    version = api.store.version
    await api.post(CONFIG_MAPS, config_map("a"))
    api.store.forget_old_changes()
    async with api.watch(CONFIG_MAPS, resourceVersion=version) as watched:
        assert (await watched.next())["type"] == "ADDED"
    api.store.forget_old_changes()
    async with api.watch(CONFIG_MAPS, resourceVersion=version) as watched:
        assert (await watched.next())["object"]["code"] == 410


async def test_a_change_is_encoded_once_for_all_watchers(api: Api) -> None:
    await api.post(CONFIG_MAPS, config_map("a"))
    record = api.store.record("configmaps", "default", "a")
    assert record is not None
    assert record.encoded is record.encoded


async def test_tables_have_the_columns_that_kubectl_prints(api: Api) -> None:
    api.store.create("pods", pod("one", node="n1", phase="Running"))
    table = (await api.get(PODS, accept=TABLE)).body
    assert table["kind"] == "Table"
    shown = [c["name"] for c in table["columnDefinitions"] if c["priority"] == 0]
    assert shown == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert table["rows"][0]["cells"][:5] == ["one", "0/1", "Running", "0", "0s"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    whole = (await api.get(PODS, accept=TABLE, includeObject="Object")).body
    assert whole["rows"][0]["object"]["kind"] == "Pod"


async def test_only_the_first_event_of_a_table_watch_has_the_columns(api: Api) -> None:
    api.store.create("pods", pod("one"))
    api.store.create("pods", pod("two"))
    async with api.watch(PODS, accept=TABLE) as watched:
        assert (await watched.next())["object"]["columnDefinitions"]
        assert not (await watched.next())["object"]["columnDefinitions"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (119, "119s"), (250, "4m10s"), (2100, "35m"), (18720, "5h12m"), (108000, "30h"), (273600, "3d4h")],
)
def test_ages_are_written_as_kubectl_writes_them(seconds: int, text: str) -> None:
    assert duration(seconds) == text


async def test_a_waiting_container_has_no_log_and_a_running_one_has(api: Api) -> None:
    waiting = pod("one", node="n1")
    api.store.create("pods", waiting)
    reply = await api.get(f"{PODS}/one/log")
    assert (reply.code, reply.body["message"]) == (
        400,
        'container "app" in pod "one" is waiting to start: ContainerCreating',
    )
    live = api.store.get("pods", "default", "one")
    assert live is not None
    state = {"name": "app", "state": {"running": {"startedAt": "2026-03-01T11:59:00Z"}}}
    api.store.replace("pods", {**live, "status": {"phase": "Running", "containerStatuses": [state]}})
    first = await api.get(f"{PODS}/one/log", tailLines=3)
    assert first.headers["content-type"] == "text/plain"
    assert len(first.raw.splitlines()) == 3
    assert (await api.get(f"{PODS}/one/log", tailLines=3)).raw == first.raw


async def test_aggregated_discovery_echoes_its_parameters(api: Api) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    reply = await api.get("/apis", accept=accept)
    assert reply.headers["content-type"] == "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    assert "metrics.k8s.io" in [item["metadata"]["name"] for item in reply.body["items"]]
    old = await api.get("/apis")
    assert old.body["kind"] == "APIGroupList"
    resources = (await api.get("/apis/apps/v1")).body["resources"]
    assert "deployments/scale" in [resource["name"] for resource in resources]


async def test_every_openapi_document_of_the_index_is_there_and_whole(api: Api) -> None:
    index = (await api.get("/openapi/v3")).body["paths"]
    assert {"api/v1", "apis/apps/v1", "apis/autoscaling/v2"} <= index.keys()
    for path in index:
        document = (await api.get(f"/openapi/v3/{path}")).body
        schemas = document["components"]["schemas"].keys()
        missing = [r for r in _references(document) if r.rsplit("/", 1)[-1] not in schemas]
        assert not missing


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for child in value.values() for found in _references(child)]
    return [found for child in value for found in _references(child)] if isinstance(value, list) else []


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/apis/apps/v1/namespaces/default/pods", "/clusters/none/api/v1/pods"]
)
async def test_what_is_not_served_is_a_status_404(api: Api, path: str) -> None:
    reply = await api.get(path)
    assert (reply.code, reply.body["message"]) == (404, "the server could not find the requested resource")


async def test_a_client_that_takes_nothing_of_ours_is_told_what_there_is(api: Api) -> None:
    reply = await api.get(CONFIG_MAPS, accept="application/vnd.kubernetes.protobuf")
    assert (reply.code, reply.body["reason"]) == (406, "NotAcceptable")


async def test_yaml_is_answered_where_it_is_asked_for(api: Api) -> None:
    await api.post(CONFIG_MAPS, config_map("a"))
    reply = await api.get(f"{CONFIG_MAPS}/a", accept="application/yaml")
    assert reply.raw.startswith(b"metadata:") or b"kind: ConfigMap" in reply.raw
    assert b"kind: ConfigMapList" in (await api.get(CONFIG_MAPS, accept="application/yaml")).raw


async def test_a_deployment_can_be_listed_in_all_namespaces(api: Api) -> None:
    await api.post(DEPLOYMENTS, deployment())
    assert names((await api.get("/apis/apps/v1/deployments")).body) == ["web"]
