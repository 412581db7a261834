"""What a deletion of a namespace would delete: the objects of every kind that can be listed."""

from structlog.testing import capture_logs

from services.deployer.cluster.api import ClusterRefused
from services.deployer.cluster.discovery import contents
from shared.kube.objects import Obj

LISTED = ["get", "list"]
API: dict[str, Obj] = {
    "/apis": {
        "groups": [
            {"preferredVersion": {"groupVersion": "apps/v1"}},
            {"preferredVersion": {"groupVersion": "metrics.k8s.io/v1beta1"}},
        ]
    },
    "/api/v1": {
        "resources": [
            {"name": "configmaps", "kind": "ConfigMap", "namespaced": True, "verbs": LISTED},
            {"name": "secrets", "kind": "Secret", "namespaced": True, "verbs": LISTED},
            {"name": "nodes", "kind": "Node", "namespaced": False, "verbs": LISTED},
            {"name": "pods/log", "kind": "Pod", "namespaced": True, "verbs": ["get"]},
            {"name": "bindings", "kind": "Binding", "namespaced": True, "verbs": ["create"]},
            {"name": "events", "kind": "Event", "namespaced": True, "verbs": LISTED},
        ]
    },
    "/apis/apps/v1": {
        "resources": [{"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": LISTED}]
    },
    "/apis/metrics.k8s.io/v1beta1": {},
    "/api/v1/namespaces/shop/configmaps": {"items": [{"metadata": {"name": "settings"}}]},
    "/apis/apps/v1/namespaces/shop/deployments": {"items": None},
}


async def get(path: str) -> Obj:
    """An API server whose secrets we may not list. An unexpected path is a KeyError."""
    if path == "/api/v1/namespaces/shop/secrets":
        raise ClusterRefused("secrets is forbidden")
    return API[path]


async def test_objects_are_listed_with_their_kind_and_forbidden_kinds_are_reported() -> None:
    with capture_logs() as logs:
        found = await contents(get, "shop")
    assert found == [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}]
    assert [(each["action"], each["event"]) for each in logs] == [
        ("skip-kind", "Secrets can't be listed: secrets is forbidden")
    ]
