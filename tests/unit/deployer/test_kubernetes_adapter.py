"""The requests of the Kubernetes adapter, and what it raises for each answer, on an HTTP session without a network.

`tests/contract` has the behaviour on an API server; here are the answers that a healthy one doesn't give.
"""

import copy
import json
from collections.abc import AsyncIterator
from functools import cache
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
from kubernetes.aio.client import ApiClient, Configuration

from services.deployer.cluster.api import (
    ClusterRefused,
    ClusterUnavailable,
    FieldConflict,
    KindUnknown,
    NamespaceTerminating,
    WatchExpired,
    ref_of,
)
from services.deployer.cluster.kubernetes import KubernetesAdapter
from shared.errors import DependencyUnavailable
from shared.kube.kinds import Kind
from shared.kube.labels import FIELD_MANAGER
from shared.kube.objects import Obj

CONFIG_MAP = Kind("v1", "ConfigMap")
COLLECTION = "/api/v1/namespaces/shop/configmaps"
PATH = f"{COLLECTION}/settings"
OBJECT: Obj = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "shop"},
    "data": {},
}
REF = ref_of(OBJECT)
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Answer:
    """A response of the session; `body` is sent as JSON unless it is bytes."""

    def __init__(self, status: int, body: Any) -> None:
        self.status, self.reason, self.headers = status, "as the test has it", {"content-type": "application/json"}
        self._body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.closed = False

    async def read(self) -> bytes:
        return self._body

    async def json(self) -> Any:
        return json.loads(self._body)

    @property
    async def content(self) -> AsyncIterator[bytes]:
        for line in self._body.splitlines():
            yield line

    def close(self) -> None:
        self.closed = True


class Request(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    body: Any


class Session:
    """Answers what discovery asks, and otherwise the answers of the test in turn, the last one again and again."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.requests: list[Request] = []
        self._answers = list(answers)

    async def request(self, *, method: str, url: str, data: str | None = None, **_: Any) -> Answer:
        parts = urlsplit(url)
        if method == "GET" and (found := _DISCOVERY.get(parts.path)) is not None:
            return Answer(200, found)
        self.requests.append(Request(method, parts.path, dict(parse_qsl(parts.query)), json.loads(data or "null")))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        pass


def _resources(group_version: str, **kinds: tuple[str, bool]) -> Obj:
    resources = [
        {"name": name, "kind": kind, "namespaced": namespaced, "singularName": "", "verbs": ["list"]}
        for kind, (name, namespaced) in kinds.items()
    ]
    return {"kind": "APIResourceList", "groupVersion": group_version, "resources": resources}


_AUTHORIZATION = {"groupVersion": "authorization.k8s.io/v1", "version": "v1"}
_DISCOVERY: dict[str, Obj] = {
    "/version": {"major": "1", "minor": "37"},
    "/apis": {
        "kind": "APIGroupList",
        "groups": [{"name": "authorization.k8s.io", "versions": [_AUTHORIZATION], "preferredVersion": _AUTHORIZATION}],
    },
    "/api/v1": _resources("v1", ConfigMap=("configmaps", True), Namespace=("namespaces", False)),
    "/apis/authorization.k8s.io/v1": _resources(
        "authorization.k8s.io/v1", SelfSubjectAccessReview=("selfsubjectaccessreviews", False)
    ),
}


@cache
def _client() -> ApiClient:
    """Made once: its TLS context reads all certificates of the machine."""
    return ApiClient(Configuration(host="http://cluster"))


class Connections:
    """Opens clients on one session, and counts them."""

    def __init__(self, session: Session) -> None:
        self.count = 0
        self._session = session

    async def __call__(self) -> ApiClient:
        self.count += 1
        client = copy.copy(_client())
        client.rest_client = copy.copy(client.rest_client)
        client.rest_client.pool_manager = cast(Any, self._session)
        return client


def adapter(*answers: Answer | Exception) -> tuple[KubernetesAdapter, Session]:
    session = Session(*answers)
    return KubernetesAdapter("demo", Connections(session)), session


def status(message: str = "no", *causes: Obj) -> Obj:
    """The body of a refusal."""
    return {"kind": "Status", "message": message, "details": {"causes": list(causes)}}


def conflict(manager: str) -> Answer:
    cause = {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}" using v1', "field": ".data.level"}
    return Answer(409, status("Apply failed with 1 conflict", cause))


@pytest.mark.parametrize(
    ("answer", "expected", "message"),
    [
        (Answer(422, status("data: too long")), ClusterRefused, "data: too long"),
        (Answer(403, status("configmaps is forbidden")), ClusterRefused, "configmaps is forbidden"),
        (Answer(500, status("failed to create typed patch object: .x")), ClusterRefused, "typed patch object"),
        (Answer(403, status("gone soon", {"reason": "NamespaceTerminating"})), NamespaceTerminating, "gone soon"),
        (Answer(409, status("the object has been modified")), ClusterUnavailable, "has been modified"),
        (Answer(408, status("too slow")), ClusterUnavailable, "too slow"),
        (Answer(429, status("too many requests")), ClusterUnavailable, "too many requests"),
        (Answer(500, status("etcdserver: leader changed")), ClusterUnavailable, "leader changed"),
        (Answer(502, b"<html>bad gateway</html>"), ClusterUnavailable, "502 as the test has it"),
        (Answer(503, ["not a status"]), ClusterUnavailable, "503 as the test has it"),
        (Answer(200, b"<html>a proxy's page</html>"), ClusterUnavailable, "unexpected character"),
        (aiohttp.ClientConnectionError("connection refused"), ClusterUnavailable, "connection refused"),
        (aiohttp.ServerTimeoutError(), ClusterUnavailable, "ServerTimeoutError"),
    ],
)
async def test_each_refusal_of_an_apply_is_temporary_or_final(
    answer: Answer | Exception, expected: type[Exception], message: str
) -> None:
    cluster, _ = adapter(answer)
    with pytest.raises(expected, match=message):
        await cluster.apply(OBJECT, force=False)


async def test_a_field_of_another_manager_is_a_conflict_that_names_both() -> None:
    cluster, session = adapter(conflict("kubectl"))
    with pytest.raises(FieldConflict) as raised:
        await cluster.apply(OBJECT, force=False)
    assert raised.value.owners == (("kubectl", ".data.level"),)
    assert [each.query["force"] for each in session.requests] == ["false"]


async def test_a_field_of_our_own_patch_is_taken_without_force_being_asked_for() -> None:
    cluster, session = adapter(conflict(FIELD_MANAGER), Answer(200, OBJECT))
    assert await cluster.apply(OBJECT, force=False) == OBJECT
    assert [(each.method, each.path, each.query["force"]) for each in session.requests] == [
        ("PATCH", PATH, "false"),
        ("PATCH", PATH, "true"),
    ]


async def test_a_preview_is_a_forced_dry_run() -> None:
    cluster, session = adapter(Answer(200, OBJECT))
    await cluster.preview(OBJECT)
    [asked] = session.requests
    assert (asked.query["dryRun"], asked.query["force"], asked.query["fieldValidation"]) == ("All", "true", "Strict")


async def test_refused_credentials_are_read_again_at_the_next_call() -> None:
    connections = Connections(Session(Answer(401, status("token expired")), Answer(200, OBJECT)))
    cluster = KubernetesAdapter("demo", connections)
    with pytest.raises(ClusterUnavailable, match="token expired"):
        await cluster.read(REF)
    assert await cluster.read(REF) == OBJECT
    assert connections.count == 2


async def test_credentials_that_are_not_mounted_yet_are_an_outage() -> None:
    async def connect() -> ApiClient:
        raise DependencyUnavailable("Kubernetes", "no kubeconfig")

    with pytest.raises(ClusterUnavailable, match="no kubeconfig"):
        await KubernetesAdapter("demo", connect).read(REF)


async def test_what_does_not_exist_reads_as_none_and_is_neither_patched_nor_removed() -> None:
    cluster, session = adapter(Answer(404, status()))
    assert await cluster.read(REF) is None
    await cluster.patch(REF, {"data": {"level": "2"}})
    await cluster.remove(REF, uid="1")
    assert [each.method for each in session.requests] == ["GET", "PATCH", "DELETE"]


async def test_a_kind_that_the_cluster_does_not_serve_has_no_objects() -> None:
    cluster, session = adapter(Answer(500, status()))
    monitor = REF.model_copy(update={"kind": "ServiceMonitor"})
    assert await cluster.read(monitor) is None
    await cluster.remove(monitor, uid="1")
    with pytest.raises(KindUnknown, match="cluster demo has no kind ServiceMonitor in v1"):
        await cluster.list(Kind("v1", "ServiceMonitor"), "shop")
    assert session.requests == []


async def test_only_the_object_that_was_meant_is_removed() -> None:
    cluster, session = adapter(Answer(409, status("the uid in the precondition doesn't match")))
    await cluster.remove(REF, uid="a1", grace_seconds=0)
    [asked] = session.requests
    assert asked.body == {
        "preconditions": {"uid": "a1"},
        "propagationPolicy": "Background",
        "gracePeriodSeconds": 0,
    }


async def test_listed_objects_have_the_kind_that_lists_leave_out() -> None:
    listing = {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "settings"}}]}
    cluster, session = adapter(Answer(200, listing))
    found = await cluster.list(CONFIG_MAP, "", "ecp.ai/tenant")
    assert found.items == [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}]
    assert found.resource_version == "7"
    [asked] = session.requests
    assert (asked.path, asked.query) == ("/api/v1/configmaps", {"labelSelector": "ecp.ai/tenant"})


@pytest.mark.parametrize("allowed", [True, False])
async def test_rights_are_asked_of_the_api_server(allowed: bool) -> None:
    cluster, session = adapter(Answer(201, {"status": {"allowed": allowed}}))
    assert await cluster.allows("patch", CONFIG_MAP, "shop") is allowed
    [asked] = session.requests
    assert asked.path == REVIEWS
    assert asked.body["spec"]["resourceAttributes"] == {
        "verb": "patch",
        "group": "",
        "resource": "configmaps",
        "namespace": "shop",
    }


def lines(*events: Obj) -> bytes:
    return b"\n".join(json.dumps(event).encode() for event in events)


async def test_a_watch_yields_changes_without_bookmarks_and_closes_its_response() -> None:
    changes = [
        {"type": "ADDED", "object": OBJECT},
        {"type": "BOOKMARK", "object": {}},
        {"type": "DELETED", "object": OBJECT},
    ]
    answer = Answer(200, lines(*changes))
    cluster, session = adapter(answer)
    found = [change.type async for change in cluster.watch(CONFIG_MAP, "shop", "7")]
    assert found == ["ADDED", "DELETED"]
    assert answer.closed
    assert (session.requests[0].path, session.requests[0].query["resourceVersion"]) == (COLLECTION, "7")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(410, status("too old")), WatchExpired),
        (Answer(200, lines({"type": "ERROR", "object": {"code": 410, "message": "too old"}})), WatchExpired),
        (Answer(200, lines({"type": "ERROR", "object": {"code": 500, "message": "too old"}})), ClusterUnavailable),
        (Answer(200, b'{"type": "ADD'), ClusterUnavailable),
    ],
)
async def test_a_watch_ends_with_what_to_do_next(answer: Answer, expected: type[Exception]) -> None:
    cluster, _ = adapter(answer)
    with pytest.raises(expected):
        async for _ in cluster.watch(CONFIG_MAP, "shop", "7"):
            pass


async def test_contents_are_listed_by_path_and_errors_name_the_cluster() -> None:
    cluster, _ = adapter(Answer(503, status("shutting down")))
    with pytest.raises(ClusterUnavailable, match="cluster demo"):
        await cluster.contents("shop")


async def test_a_closed_adapter_connects_again() -> None:
    connections = Connections(Session(Answer(200, OBJECT)))
    cluster = KubernetesAdapter("demo", connections)
    await cluster.read(REF)
    await cluster.close()
    await cluster.read(REF)
    assert connections.count == 2
