"""One fault at a time, put into a good manifest; each with the finding that it brings up, and its place."""

from collections.abc import Callable
from typing import Any

from services.manifest.validation import ValidationOptions, validate_objects
from shared.kube.objects import Obj
from shared.rpc import Finding
from tests.support.tenants import CATALOG, Tenant

GOOD = Tenant("good", {"chatbot": 10, "stt": 5}).render()
PODS = validate_objects(GOOD, ValidationOptions(), CATALOG).resource_summary.estimated_pods
Change = Callable[[dict[str, Obj]], None]
POD = "/spec/template/spec"
BOX = f"{POD}/containers/0"


def found(objects: list[Obj], **question: Any) -> list[Finding]:
    return list(validate_objects(objects, ValidationOptions(**question), CATALOG).findings)


def by_name(objects: list[Obj]) -> dict[str, Obj]:
    return {f"{each['kind']} {each['metadata']['name']}": each for each in objects}


def at(objects: dict[str, Obj], pointer: str) -> Any:
    """A part of the Deployment chatbot."""
    value: Any = objects["Deployment chatbot"]
    for token in pointer.strip("/").split("/"):
        value = value[int(token) if isinstance(value, list) else token.replace("~1", "/")]
    return value


def put(pointer: str, value: Any, name: str = "Deployment chatbot") -> Change:
    """Sets a field; None removes it."""

    def change(objects: dict[str, Obj]) -> None:
        *path, last = pointer.strip("/").split("/")
        parent: Any = objects[name]
        for token in path:
            parent = parent[int(token) if isinstance(parent, list) else token.replace("~1", "/")]
        key: Any = int(last) if isinstance(parent, list) else last.replace("~1", "/")
        if value is None:
            del parent[key]
        else:
            parent[key] = value

    return change


def more(pointer: str, value: Any, name: str = "Deployment chatbot") -> Change:
    """Adds to a list."""
    return lambda objects: at({"Deployment chatbot": objects[name]}, pointer).append(value)


CASES: list[tuple[str, str, Change]] = [
    ("UNKNOWN_FIELD", "/spec/replica", put("/spec/replica", 3)),
    ("UNKNOWN_FIELD", f"{BOX}/imagePullPolcy", put(f"{BOX}/imagePullPolcy", "Always")),
    ("WRONG_TYPE", "/spec/minReadySeconds", put("/spec/minReadySeconds", "3")),
    ("WRONG_TYPE", f"{BOX}/resources/requests/cpu", put(f"{BOX}/resources/requests/cpu", "banana")),
    ("WRONG_TYPE", "/metadata/labels/app", put("/metadata/labels/app", True)),
    ("FIELD_REQUIRED", "/spec/selector", put("/spec/selector", None)),
    ("FIELD_INVALID", f"{BOX}/ports/0/containerPort", put(f"{BOX}/ports/0/containerPort", 70000)),
    ("FIELD_INVALID", "/metadata/name", put("/metadata/name", "UPPER_")),
    ("FIELD_INVALID", "/spec/template/metadata/labels", put("/spec/template/metadata/labels/app", "other")),
    ("FIELD_INVALID", f"{BOX}/resources/requests", put(f"{BOX}/resources/requests/memory", "99Gi")),
    ("FIELD_NOT_SUPPORTED", "/spec/strategy/type", put("/spec/strategy/type", "Foo")),
    ("FIELD_DUPLICATE", f"{POD}/volumes/2/name", more(f"{POD}/volumes", {"name": "tmp", "emptyDir": {}})),
    ("FIELD_FORBIDDEN", "/spec/strategy/rollingUpdate", put("/spec/strategy/type", "Recreate")),
    ("FIELD_NOT_FOUND", f"{BOX}/volumeMounts/0/name", put(f"{BOX}/volumeMounts/0/name", "nowhere")),
    ("FIELD_TOO_LONG", "/data", put("/data", {"a": "x" * 2**21}, "ConfigMap chatbot-config")),
    ("OBJECT_UNIDENTIFIED", "", put("/kind", None)),
    ("KIND_UNKNOWN", "/kind", put("/kind", "Deploymnt")),
    ("KIND_CUSTOM", "", put("/apiVersion", "example.com/v1")),
    ("API_REMOVED", "/apiVersion", put("/apiVersion", "extensions/v1beta1")),
    ("SELECTS_NOTHING", "/spec/selector", put("/spec/selector", {"app": "x"}, "Service chatbot-service")),
    ("PORT_NOT_FOUND", "/spec/ports/0/targetPort", put("/spec/ports/0/targetPort", 81, "Service chatbot-service")),
    ("PORT_NOT_FOUND", f"{BOX}/livenessProbe/httpGet/port", put(f"{BOX}/livenessProbe/httpGet/port", "htp")),
    (
        "TARGET_NOT_FOUND",
        "/spec/scaleTargetRef/name",
        put("/spec/scaleTargetRef/name", "chatbt", "HorizontalPodAutoscaler chatbot"),
    ),
    ("TARGET_NOT_FOUND", "/spec/serviceName", put("/spec/serviceName", "redis-headles", "StatefulSet redis")),
    ("REFERENCE_NOT_FOUND", f"{BOX}/envFrom/0/configMapRef/name", put(f"{BOX}/envFrom/0/configMapRef/name", "x")),
    ("REFERENCE_NOT_FOUND", f"{POD}/serviceAccountName", put(f"{POD}/serviceAccountName", "someone")),
    ("REFERENCE_NOT_FOUND", f"{POD}/priorityClassName", put(f"{POD}/priorityClassName", "vip")),
    (
        "REFERENCE_KEY_NOT_FOUND",
        f"{BOX}/env/3/valueFrom/configMapKeyRef",
        more(f"{BOX}/env", {"name": "X", "valueFrom": {"configMapKeyRef": {"name": "chatbot-config", "key": "nope"}}}),
    ),
    ("REPLICAS_CONFLICT", "/spec/replicas", put("/spec/replicas", 2)),
    ("BUDGET_BLOCKS", "/spec/maxUnavailable", put("/spec/maxUnavailable", 0, "PodDisruptionBudget chatbot")),
    ("RESOURCES_MISSING", f"{BOX}/resources", put(f"{BOX}/resources", {})),
    ("VARIABLE_DUPLICATE", f"{BOX}/env/3", more(f"{BOX}/env", {"name": "TENANT_ID", "value": "another"})),
    ("SCALER_WITHOUT_REQUESTS", "/spec/metrics/0", put(f"{BOX}/resources", {})),
    ("PROBE_MISSING", BOX, put(f"{BOX}/readinessProbe", None)),
    ("PROBES_IDENTICAL", f"{BOX}/livenessProbe", put(f"{BOX}/livenessProbe/httpGet/path", "/ready")),
    ("PROBE_TIMEOUT", f"{BOX}/livenessProbe", put(f"{BOX}/livenessProbe/timeoutSeconds", 20)),
    (
        "QUOTA_EXCEEDED",
        "/spec/hard/requests.cpu",
        put("/spec/hard/requests.cpu", "1", "ResourceQuota ecp-tenant-quota"),
    ),
    ("QUOTA_TIGHT", "/spec/hard/pods", put("/spec/hard/pods", str(PODS), "ResourceQuota ecp-tenant-quota")),
    (
        "LIMIT_RANGE_VIOLATED",
        f"{BOX}/resources/limits/cpu",
        put("/spec/limits/0/max/cpu", "1", "LimitRange ecp-tenant-limits"),
    ),
    ("POD_SECURITY_REFUSED", f"{POD}/hostNetwork", put(f"{POD}/hostNetwork", True)),
    ("HOST_NAMESPACE", f"{POD}/hostPID", put(f"{POD}/hostPID", True)),
    ("HOST_PATH", f"{POD}/volumes/2/hostPath", more(f"{POD}/volumes", {"name": "h", "hostPath": {"path": "/"}})),
    ("PRIVILEGED", f"{BOX}/securityContext/privileged", put(f"{BOX}/securityContext/privileged", True)),
    ("CAPABILITIES", f"{BOX}/securityContext", put(f"{BOX}/securityContext/capabilities", None)),
    ("PRIVILEGE_ESCALATION", f"{BOX}/securityContext", put(f"{BOX}/securityContext", {})),
    ("ROOT_FILESYSTEM_WRITABLE", f"{BOX}/securityContext", put(f"{BOX}/securityContext", {})),
    ("IMAGE_NOT_PINNED", f"{BOX}/image", put(f"{BOX}/image", "registry:5000/chatbot")),
    ("SECRET_IN_ENVIRONMENT", f"{BOX}/env/3/value", more(f"{BOX}/env", {"name": "DB_PASSWORD", "value": "x"})),
    ("SECRET_IN_MANIFEST", "/stringData", put("/stringData", {"a": "b"}, "Secret ecp-ai-credentials")),
]
