"""RBAC of the simulator: rules as Kubernetes evaluates them, and its answers in Kubernetes' words."""

from dataclasses import dataclass
from typing import Any

import pytest

from services.simulator.api.access import builtin_roles, rules
from services.simulator.api.access.rbac import Rbac
from services.simulator.api.access.rules import Attributes
from services.simulator.api.access.users import AUTHENTICATED, MASTERS, User, service_account
from services.simulator.storage.store import Store
from tests.support.simulator_api import APPLY, NOW, Api, Reply, config_map, deployment

GROUP = "rbac.authorization.k8s.io"
ANN = User("ann", ("team", AUTHENTICATED))


def rule(verbs: str, resources: str = "", groups: str = "", names: str = "", urls: str = "") -> dict[str, Any]:
    """A rule; several values are separated by blanks, and `core` is the group without a name."""
    fields = {"verbs": verbs, "resources": resources, "resourceNames": names, "nonResourceURLs": urls}
    found: dict[str, Any] = {name: text.split() for name, text in fields.items() if text}
    if resources:
        found["apiGroups"] = ["" if each == "core" else each for each in (groups or "core").split()]
    return found


@pytest.mark.parametrize(
    ("granted", "wanted", "allowed"),
    [
        (rule("get", "pods"), Attributes("get", "", "pods"), True),
        (rule("get", "pods"), Attributes("list", "", "pods"), False),
        (rule("*", "pods"), Attributes("deletecollection", "", "pods"), True),
        (rule("get", "pods"), Attributes("get", "apps", "pods"), False),
        (rule("get", "*", "*"), Attributes("get", "apps", "deployments", "scale"), True),
        (rule("get", "deployments", "apps"), Attributes("get", "apps", "deployments", "scale"), False),
        (rule("get", "deployments/scale", "apps"), Attributes("get", "apps", "deployments", "scale"), True),
        (rule("get", "deployments/scale", "apps"), Attributes("get", "apps", "deployments"), False),
        (rule("get", "*/scale", "apps"), Attributes("get", "apps", "statefulsets", "scale"), True),
        (rule("get", "*/scale", "apps"), Attributes("get", "apps", "statefulsets", "status"), False),
        (rule("get", "secrets", names="one two"), Attributes("get", "", "secrets", name="two"), True),
        (rule("get", "secrets", names="one two"), Attributes("get", "", "secrets", name="three"), False),
        (rule("list", "secrets", names="one"), Attributes("list", "", "secrets"), False),
        (rule("create", "secrets", names="one"), Attributes("create", "", "secrets"), False),
        (rule("get", urls="/metrics"), Attributes("get", path="/metrics"), True),
        (rule("get", urls="/metrics"), Attributes("get", path="/metrics/x"), False),
        (rule("get", urls="/apis/*"), Attributes("get", path="/apis/apps/v1"), True),
        (rule("get", urls="/apis/*"), Attributes("get", path="/api"), False),
        (rule("get", urls="*"), Attributes("get", path="/anything"), True),
        (rule("get", urls="*"), Attributes("get", "", "pods"), False),
        (rule("*", "*", "*"), Attributes("get", path="/metrics"), False),
        ({}, Attributes("get", "", "pods"), False),
    ],
)
def test_a_rule_allows_what_it_allows_in_kubernetes(granted: dict[str, Any], wanted: Attributes, allowed: bool) -> None:
    assert rules.allows(granted, wanted) is allowed


@dataclass
class Cluster:
    """A cluster with roles and bindings, and requests of its users."""

    api: Api

    def role(self, name: str, *granted: dict[str, Any], namespace: str = "") -> None:
        kind = "Role" if namespace else "ClusterRole"
        self._store(kind, name, namespace, rules=list(granted))

    def bind(self, role: str, *subjects: dict[str, str], namespace: str = "", kind: str = "ClusterRole") -> None:
        reference = {"apiGroup": GROUP, "kind": kind, "name": role}
        binding = "RoleBinding" if namespace else "ClusterRoleBinding"
        self._store(binding, f"{role}-binding", namespace, roleRef=reference, subjects=list(subjects))

    async def ask(self, user: User, method: str, path: str, body: Any = None, **options: Any) -> Reply:
        return await self.api.request(method, path, body, user=user, **options)

    def _store(self, kind: str, name: str, namespace: str, **content: Any) -> None:
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        obj = {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata, **content}
        self.api.store.create(f"{kind.lower()}s.{GROUP}", obj)


@pytest.fixture
def cluster() -> Cluster:
    store = Store(lambda: NOW)
    for resource, obj in builtin_roles.objects():
        store.create(resource, obj)
    return Cluster(Api(store, has_rbac=True))


def user(name: str) -> dict[str, str]:
    return {"kind": "User", "apiGroup": GROUP, "name": name}


@pytest.mark.parametrize(
    ("path", "method", "message", "details"),
    [
        (
            "/api/v1/namespaces/default/pods",
            "GET",
            'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "default"',
            {"kind": "pods"},
        ),
        (
            "/api/v1/pods",
            "GET",
            'pods is forbidden: User "ann" cannot list resource "pods" in API group "" at the cluster scope',
            {"kind": "pods"},
        ),
        (
            "/apis/apps/v1/namespaces/default/deployments/web/scale",
            "GET",
            'deployments.apps "web" is forbidden: User "ann" cannot get resource "deployments/scale" in API group'
            ' "apps" in the namespace "default"',
            {"name": "web", "group": "apps", "kind": "deployments"},
        ),
        (
            "/api/v1/namespaces/default",
            "DELETE",
            'namespaces "default" is forbidden: User "ann" cannot delete resource "namespaces" in API group "" in the'
            ' namespace "default"',
            {"name": "default", "kind": "namespaces"},
        ),
        ("/elsewhere", "GET", 'forbidden: User "ann" cannot get path "/elsewhere"', None),
    ],
)
async def test_a_refusal_has_kubernetes_words(
    cluster: Cluster, path: str, method: str, message: str, details: dict[str, str] | None
) -> None:
    reply = await cluster.ask(ANN, method, path)

    expected = {"status": "Failure", "message": message, "reason": "Forbidden", "code": 403}
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}}
    assert reply.code == 403
    assert reply.body == head | expected | ({"details": details} if details else {})


async def test_a_role_holds_in_its_namespace_and_a_cluster_role_everywhere(cluster: Cluster) -> None:
    cluster.role("reader", rule("get list watch", "configmaps"))
    cluster.bind("reader", user("ann"), namespace="default")
    assert (await cluster.ask(ANN, "GET", "/api/v1/namespaces/default/configmaps")).code == 200
    assert (await cluster.ask(ANN, "GET", "/api/v1/namespaces/kube-system/configmaps")).code == 403
    assert (await cluster.ask(ANN, "GET", "/api/v1/configmaps")).code == 403
    cluster.bind("reader", user("ann"))
    assert (await cluster.ask(ANN, "GET", "/api/v1/namespaces/kube-system/configmaps")).code == 200
    assert (await cluster.ask(ANN, "GET", "/api/v1/configmaps")).code == 200
    assert (await cluster.ask(ANN, "POST", "/api/v1/namespaces/default/configmaps", config_map("one"))).code == 403


async def test_groups_and_service_accounts_are_subjects(cluster: Cluster) -> None:
    cluster.role("reader", rule("list", "configmaps"), namespace="default")
    team = {"kind": "Group", "apiGroup": GROUP, "name": "team"}
    robot = {"kind": "ServiceAccount", "name": "robot"}
    path = "/api/v1/namespaces/default/configmaps"
    cluster.bind("reader", team, robot, namespace="default", kind="Role")

    assert (await cluster.ask(ANN, "GET", path)).code == 200
    assert (await cluster.ask(service_account("default", "robot"), "GET", path)).code == 200
    assert (await cluster.ask(service_account("kube-system", "robot"), "GET", path)).code == 403
    assert (await cluster.ask(User("bob", (AUTHENTICATED,)), "GET", path)).code == 403


async def test_masters_and_requests_without_a_user_may_do_everything(cluster: Cluster) -> None:
    for who in (User("root", (MASTERS,)), None):
        reply = await cluster.api.request("DELETE", "/api/v1/namespaces/default/configmaps", user=who)
        assert reply.code == 200


async def test_a_list_of_one_name_counts_as_of_that_name(cluster: Cluster) -> None:
    cluster.role("one", rule("list watch", "configmaps", names="mine"), namespace="default")
    cluster.bind("one", user("ann"), namespace="default", kind="Role")
    path = "/api/v1/namespaces/default/configmaps"

    assert (await cluster.ask(ANN, "GET", path, fieldSelector="metadata.name=mine")).code == 200
    for selector in ("metadata.name=other", "metadata.name!=mine", "metadata.name=mine,metadata.name=other"):
        assert (await cluster.ask(ANN, "GET", path, fieldSelector=selector)).code == 403


async def test_a_right_to_watch_a_part_shows_no_whole_object(cluster: Cluster) -> None:
    await cluster.api.post("/apis/apps/v1/namespaces/default/deployments", deployment())
    cluster.role("part", rule("watch", "deployments/scale", "apps"), namespace="default")
    cluster.bind("part", user("ann"), namespace="default", kind="Role")
    path = "/apis/apps/v1/namespaces/default/deployments/web/scale"

    assert (await cluster.ask(ANN, "GET", path, watch="true", timeoutSeconds=1)).code == 403
    cluster.role("reader", rule("get", "deployments/scale", "apps"), namespace="default")
    cluster.bind("reader", user("ann"), namespace="default", kind="Role")
    reply = await cluster.ask(ANN, "GET", path, watch="true", timeoutSeconds=1)
    assert (reply.code, reply.body["kind"]) == (200, "Scale")


async def test_an_apply_of_a_new_object_needs_create(cluster: Cluster) -> None:
    cluster.role("patcher", rule("patch", "configmaps"), namespace="default")
    cluster.bind("patcher", user("ann"), namespace="default", kind="Role")
    path, query = "/api/v1/namespaces/default/configmaps/one", {"media_type": APPLY, "fieldManager": "x"}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}

    refused = await cluster.ask(ANN, "PATCH", path, body, **query)
    assert (refused.code, 'cannot create resource "configmaps"' in refused.body["message"]) == (403, True)
    assert (await cluster.api.get(path)).code == 404
    await cluster.api.post("/api/v1/namespaces/default/configmaps", config_map("one"))
    assert (await cluster.ask(ANN, "PATCH", path, body, **query)).code == 200


async def test_a_missing_role_is_named_in_the_refusal(cluster: Cluster) -> None:
    cluster.bind("gone", user("ann"))
    reply = await cluster.ask(ANN, "GET", "/api/v1/pods")

    assert reply.code == 403
    assert reply.body["message"].endswith(f'at the cluster scope: RBAC: clusterrole.{GROUP} "gone" not found')


async def test_no_user_grants_more_than_they_have(cluster: Cluster) -> None:
    cluster.role("granter", rule("get list", "configmaps"), rule("create update", "roles rolebindings", GROUP))
    cluster.bind("granter", user("ann"), namespace="default")
    path = f"/apis/{GROUP}/v1/namespaces/default"

    def role(name: str, granted: dict[str, Any]) -> dict[str, Any]:
        return {"kind": "Role", "metadata": {"name": name}, "rules": [granted]}

    assert (await cluster.ask(ANN, "POST", f"{path}/roles", role("less", rule("get", "configmaps")))).code == 201
    refused = await cluster.ask(ANN, "POST", f"{path}/roles", role("more", rule("get delete", "configmaps")))
    assert refused.code == 403
    assert refused.body["message"] == (
        f'roles.{GROUP} "more" is forbidden: user "ann" (groups=["team" "{AUTHENTICATED}"]) is attempting to grant'
        ' RBAC permissions not currently held:\n{APIGroups:[""], Resources:["configmaps"], Verbs:["delete"]}'
    )
    reference = {"apiGroup": GROUP, "kind": "ClusterRole", "name": "cluster-admin"}
    binding = {"kind": "RoleBinding", "metadata": {"name": "mine"}, "roleRef": reference, "subjects": [user("ann")]}
    assert (await cluster.ask(ANN, "POST", f"{path}/rolebindings", binding)).code == 403
    changed = role("less", rule("*", "*", "*"))
    assert (await cluster.ask(ANN, "PUT", f"{path}/roles/less", changed)).code == 403


async def test_a_binding_to_a_role_that_doesn_t_exist_yet_needs_the_verb_bind(cluster: Cluster) -> None:
    """Its author would have whatever a role of that name is made of later."""
    cluster.role("granter", rule("create", "rolebindings", GROUP))
    cluster.bind("granter", user("ann"), namespace="default")
    path = f"/apis/{GROUP}/v1/namespaces/default/rolebindings"
    reference = {"apiGroup": GROUP, "kind": "ClusterRole", "name": "later"}
    binding = {"kind": "RoleBinding", "metadata": {"name": "mine"}, "roleRef": reference, "subjects": [user("ann")]}

    refused = await cluster.ask(ANN, "POST", path, binding)
    assert (refused.code, refused.body["message"]) == (404, f'clusterroles.{GROUP} "later" not found')
    cluster.role("binder", rule("bind", "clusterroles", GROUP))
    cluster.bind("binder", user("ann"))
    assert (await cluster.ask(ANN, "POST", path, binding)).code == 201


async def test_reviews_answer_by_the_same_rules(cluster: Cluster) -> None:
    cluster.role("reader", rule("get", "pods/log"), namespace="default")
    cluster.bind("reader", user("ann"), namespace="default", kind="Role")
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

    async def may(**attributes: str) -> bool:
        body = {"spec": {"resourceAttributes": attributes}}
        reply = await cluster.ask(ANN, "POST", path, body)
        assert reply.code == 201
        return bool(reply.body["status"]["allowed"])

    assert await may(verb="get", resource="pods", subresource="log", namespace="default")
    assert not await may(verb="get", resource="pods", namespace="default")
    assert not await may(verb="get", resource="pods", subresource="log")
    who = await cluster.ask(ANN, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    assert who.body["status"]["userInfo"] == {"username": "ann", "groups": ["team", AUTHENTICATED]}


async def test_impersonation_needs_its_verb_and_then_has_the_other_s_rights(cluster: Cluster) -> None:
    cluster.role("reader", rule("list", "configmaps"), namespace="default")
    cluster.bind("reader", user("bob"), namespace="default", kind="Role")
    path, as_bob = "/api/v1/namespaces/default/configmaps", {"impersonate-user": "bob"}

    refused = await cluster.ask(ANN, "GET", path, headers=as_bob)
    assert refused.code == 403
    assert refused.body["message"] == (
        'users "bob" is forbidden: User "ann" cannot impersonate resource "users" in API group "" at the cluster scope'
    )
    cluster.role("actor", rule("impersonate", "users", names="bob"))
    cluster.bind("actor", user("ann"))
    assert (await cluster.ask(ANN, "GET", path, headers=as_bob)).code == 200
    assert (await cluster.ask(ANN, "GET", "/api/v1/pods", headers=as_bob)).code == 403
    as_master = as_bob | {"impersonate-group": MASTERS}
    assert (await cluster.ask(ANN, "GET", path, headers=as_master)).code == 403
    assert (await cluster.ask(ANN, "GET", path, headers={"impersonate-group": MASTERS})).code == 400


async def test_an_anonymous_user_may_nothing(cluster: Cluster) -> None:
    as_anonymous = {"impersonate-user": "system:anonymous"}
    root = User("root", (MASTERS, AUTHENTICATED))
    assert (await cluster.ask(root, "GET", "/apis/apps/v1", headers={"impersonate-user": "bob"})).code == 200
    assert (await cluster.ask(root, "GET", "/apis/apps/v1", headers=as_anonymous)).code == 403


async def test_the_built_in_roles_are_those_of_kubernetes(cluster: Cluster) -> None:
    store = cluster.api.store
    for name in ("view", "edit", "admin"):
        cluster.bind(name, user(name), namespace="default")
    may = Rbac(store).decide

    def allowed(who: str, verb: str, resource: str, group: str = "") -> bool:
        return may(User(who), Attributes(verb, group, resource, namespace="default")).allowed

    assert [allowed(who, "get", "pods") for who in ("view", "edit", "admin")] == [True, True, True]
    assert [allowed(who, "get", "secrets") for who in ("view", "edit", "admin")] == [False, True, True]
    assert [allowed(who, "delete", "pods") for who in ("view", "edit", "admin")] == [False, True, True]
    assert [allowed(who, "create", "roles", GROUP) for who in ("view", "edit", "admin")] == [False, False, True]
    assert [allowed(who, "delete", "resourcequotas") for who in ("view", "edit", "admin")] == [False, False, False]
    assert not allowed("unknown", "get", "pods")
    assert (await cluster.ask(User("any", (AUTHENTICATED,)), "GET", "/apis/apps/v1")).code == 200
