"""API versions that Kubernetes has deprecated or removed, and what replaces them.

From the deprecated API migration guide (kubernetes.io/docs/reference/using-api/deprecation-guide), by what each release
stopped serving; versions that were gone before 1.16 are not in it.
"""

from typing import NamedTuple


class Change(NamedTuple):
    """Minor versions such as `1.22`; `removed` is None for what is only deprecated."""

    deprecated: str
    removed: str | None
    replacement: str


_ROWS: tuple[tuple[str, str, Change], ...] = (
    ("extensions/v1beta1", "Deployment DaemonSet ReplicaSet", Change("1.8", "1.16", "apps/v1")),
    ("apps/v1beta1", "Deployment StatefulSet", Change("1.8", "1.16", "apps/v1")),
    ("apps/v1beta2", "Deployment StatefulSet DaemonSet ReplicaSet", Change("1.9", "1.16", "apps/v1")),
    ("extensions/v1beta1", "NetworkPolicy", Change("1.9", "1.16", "networking.k8s.io/v1")),
    ("extensions/v1beta1", "PodSecurityPolicy", Change("1.10", "1.16", "Pod Security labels on the namespace")),
    ("extensions/v1beta1", "Ingress", Change("1.14", "1.22", "networking.k8s.io/v1")),
    ("networking.k8s.io/v1beta1", "Ingress IngressClass", Change("1.19", "1.22", "networking.k8s.io/v1")),
    (
        "rbac.authorization.k8s.io/v1beta1",
        "Role RoleBinding ClusterRole ClusterRoleBinding",
        Change("1.17", "1.22", "rbac.authorization.k8s.io/v1"),
    ),
    (
        "rbac.authorization.k8s.io/v1alpha1",
        "Role RoleBinding ClusterRole ClusterRoleBinding",
        Change("1.17", "1.22", "rbac.authorization.k8s.io/v1"),
    ),
    ("scheduling.k8s.io/v1beta1", "PriorityClass", Change("1.14", "1.22", "scheduling.k8s.io/v1")),
    ("scheduling.k8s.io/v1alpha1", "PriorityClass", Change("1.14", "1.17", "scheduling.k8s.io/v1")),
    ("coordination.k8s.io/v1beta1", "Lease", Change("1.19", "1.22", "coordination.k8s.io/v1")),
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", Change("1.16", "1.22", "apiextensions.k8s.io/v1")),
    ("apiregistration.k8s.io/v1beta1", "APIService", Change("1.19", "1.22", "apiregistration.k8s.io/v1")),
    (
        "admissionregistration.k8s.io/v1beta1",
        "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
        Change("1.16", "1.22", "admissionregistration.k8s.io/v1"),
    ),
    ("certificates.k8s.io/v1beta1", "CertificateSigningRequest", Change("1.19", "1.22", "certificates.k8s.io/v1")),
    (
        "storage.k8s.io/v1beta1",
        "CSIDriver CSINode StorageClass VolumeAttachment",
        Change("1.19", "1.22", "storage.k8s.io/v1"),
    ),
    ("storage.k8s.io/v1beta1", "CSIStorageCapacity", Change("1.24", "1.27", "storage.k8s.io/v1")),
    ("batch/v1beta1", "CronJob", Change("1.21", "1.25", "batch/v1")),
    ("discovery.k8s.io/v1beta1", "EndpointSlice", Change("1.21", "1.25", "discovery.k8s.io/v1")),
    ("events.k8s.io/v1beta1", "Event", Change("1.19", "1.25", "events.k8s.io/v1")),
    ("policy/v1beta1", "PodDisruptionBudget", Change("1.21", "1.25", "policy/v1")),
    ("policy/v1beta1", "PodSecurityPolicy", Change("1.21", "1.25", "Pod Security labels on the namespace")),
    ("node.k8s.io/v1beta1", "RuntimeClass", Change("1.22", "1.25", "node.k8s.io/v1")),
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler", Change("1.22", "1.25", "autoscaling/v2")),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler", Change("1.23", "1.26", "autoscaling/v2")),
    (
        "flowcontrol.apiserver.k8s.io/v1beta1",
        "FlowSchema PriorityLevelConfiguration",
        Change("1.23", "1.26", "flowcontrol.apiserver.k8s.io/v1"),
    ),
    (
        "flowcontrol.apiserver.k8s.io/v1beta2",
        "FlowSchema PriorityLevelConfiguration",
        Change("1.26", "1.29", "flowcontrol.apiserver.k8s.io/v1"),
    ),
    (
        "flowcontrol.apiserver.k8s.io/v1beta3",
        "FlowSchema PriorityLevelConfiguration",
        Change("1.29", "1.32", "flowcontrol.apiserver.k8s.io/v1"),
    ),
    ("v1", "ComponentStatus", Change("1.19", None, "the health endpoints of the components")),
    ("v1", "Endpoints", Change("1.33", None, "discovery.k8s.io/v1 EndpointSlice")),
)

CHANGES = {(version, kind): change for version, kinds, change in _ROWS for kind in kinds.split()}


def find(api_version: str, kind: str, kubernetes: str) -> Change | None:
    """The change that concerns a kind in this version of Kubernetes (`1.33.0`); None if there is none yet."""
    change = CHANGES.get((api_version, kind))
    return change if change is not None and _minor(kubernetes) >= _minor(change.deprecated) else None


def _minor(version: str) -> int:
    return int(version.split(".")[1])
