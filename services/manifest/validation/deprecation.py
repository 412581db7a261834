"""API versions that Kubernetes has deprecated or removed, and what replaces them.

Sources: the deprecated API migration guide (kubernetes.io/docs/reference/using-api/deprecation-guide), and the
definitions of later releases. Versions removed before 1.16 aren't included.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple


class ApiChange(NamedTuple):
    """Deprecation of a version; minor Kubernetes versions such as `1.22`. `removed` is None if it is still served."""

    deprecated: str
    removed: str | None
    replacement: str


_POD_SECURITY = "Pod Security labels on the namespace"
_HEALTH = "the health endpoints of the components"
_SLICES = "discovery.k8s.io/v1 EndpointSlice"
_ROLES = "Role RoleBinding ClusterRole ClusterRoleBinding"
_WEBHOOKS = "MutatingWebhookConfiguration ValidatingWebhookConfiguration"
_CLAIMS = "ResourceClaim ResourceClaimTemplate ResourceSlice"
_CLASSES = "ResourceClaimParameters ResourceClass ResourceClassParameters"
_DEVICES = "resource.k8s.io/v1 DeviceClass"
_NOTHING = "nothing: it was abandoned"
_FLOW_CONTROL = "FlowSchema PriorityLevelConfiguration"

# API version, deprecated in, removed in, kinds, and the replacement: a version of the group, another group, or text.
_TABLE = f"""
extensions/v1beta1                    | 1.8  | 1.16 | Deployment DaemonSet ReplicaSet | apps/v1
apps/v1beta1                          | 1.8  | 1.16 | Deployment StatefulSet | v1
apps/v1beta2                          | 1.9  | 1.16 | Deployment StatefulSet DaemonSet ReplicaSet | v1
extensions/v1beta1                    | 1.9  | 1.16 | NetworkPolicy | networking.k8s.io/v1
extensions/v1beta1                    | 1.10 | 1.16 | PodSecurityPolicy | {_POD_SECURITY}
extensions/v1beta1                    | 1.14 | 1.22 | Ingress | networking.k8s.io/v1
networking.k8s.io/v1beta1             | 1.19 | 1.22 | Ingress IngressClass | v1
rbac.authorization.k8s.io/v1beta1     | 1.17 | 1.22 | {_ROLES} | v1
rbac.authorization.k8s.io/v1alpha1    | 1.17 | 1.22 | {_ROLES} | v1
scheduling.k8s.io/v1beta1             | 1.14 | 1.22 | PriorityClass | v1
scheduling.k8s.io/v1alpha1            | 1.14 | 1.17 | PriorityClass | v1
coordination.k8s.io/v1beta1           | 1.19 | 1.22 | Lease | v1
apiextensions.k8s.io/v1beta1          | 1.16 | 1.22 | CustomResourceDefinition | v1
apiregistration.k8s.io/v1beta1        | 1.19 | 1.22 | APIService | v1
admissionregistration.k8s.io/v1beta1  | 1.16 | 1.22 | {_WEBHOOKS} | v1
certificates.k8s.io/v1beta1           | 1.19 | 1.22 | CertificateSigningRequest | v1
storage.k8s.io/v1beta1                | 1.19 | 1.22 | CSIDriver CSINode StorageClass VolumeAttachment | v1
storage.k8s.io/v1beta1                | 1.24 | 1.27 | CSIStorageCapacity | v1
batch/v1beta1                         | 1.21 | 1.25 | CronJob | v1
discovery.k8s.io/v1beta1              | 1.21 | 1.25 | EndpointSlice | v1
events.k8s.io/v1beta1                 | 1.19 | 1.25 | Event | v1
policy/v1beta1                        | 1.21 | 1.25 | PodDisruptionBudget | v1
policy/v1beta1                        | 1.21 | 1.25 | PodSecurityPolicy | {_POD_SECURITY}
node.k8s.io/v1beta1                   | 1.22 | 1.25 | RuntimeClass | v1
autoscaling/v2beta1                   | 1.22 | 1.25 | HorizontalPodAutoscaler | v2
autoscaling/v2beta2                   | 1.23 | 1.26 | HorizontalPodAutoscaler | v2
flowcontrol.apiserver.k8s.io/v1beta1  | 1.23 | 1.26 | {_FLOW_CONTROL} | v1
flowcontrol.apiserver.k8s.io/v1beta2  | 1.26 | 1.29 | {_FLOW_CONTROL} | v1
flowcontrol.apiserver.k8s.io/v1beta3  | 1.29 | 1.32 | {_FLOW_CONTROL} | v1
admissionregistration.k8s.io/v1alpha1 | 1.29 | 1.32 | ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding | v1
admissionregistration.k8s.io/v1beta1  | 1.31 | 1.34 | ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding | v1
authentication.k8s.io/v1alpha1        | 1.29 | 1.32 | SelfSubjectReview | v1
authentication.k8s.io/v1beta1         | 1.30 | 1.33 | SelfSubjectReview | v1
certificates.k8s.io/v1alpha1          | 1.35 | 1.35 | PodCertificateRequest | v1beta1
certificates.k8s.io/v1alpha1          | 1.37 | 1.37 | ClusterTrustBundle | v1
coordination.k8s.io/v1alpha1          | 1.32 | 1.32 | LeaseCandidate | v1alpha2
networking.k8s.io/v1alpha1            | 1.29 | 1.29 | ClusterCIDR | {_NOTHING}
networking.k8s.io/v1alpha1            | 1.31 | 1.31 | IPAddress ServiceCIDR | v1beta1
networking.k8s.io/v1beta1             | 1.34 | 1.37 | IPAddress ServiceCIDR | v1
resource.k8s.io/v1alpha2              | 1.31 | 1.31 | {_CLAIMS} | v1alpha3
resource.k8s.io/v1alpha2              | 1.31 | 1.31 | PodSchedulingContext | {_NOTHING}
resource.k8s.io/v1alpha2              | 1.31 | 1.31 | {_CLASSES} | {_DEVICES}
resource.k8s.io/v1alpha3              | 1.32 | 1.32 | PodSchedulingContext | {_NOTHING}
resource.k8s.io/v1alpha3              | 1.34 | 1.34 | DeviceClass {_CLAIMS} | v1
scheduling.k8s.io/v1alpha1            | 1.36 | 1.36 | Workload | v1alpha2
scheduling.k8s.io/v1alpha2            | 1.37 | 1.37 | PodGroup Workload | v1beta1
storage.k8s.io/v1alpha1               | 1.32 | 1.35 | VolumeAttributesClass | v1
storage.k8s.io/v1beta1                | 1.34 | 1.37 | VolumeAttributesClass | v1
storagemigration.k8s.io/v1alpha1      | 1.35 | 1.35 | StorageVersionMigration | v1beta1
v1                                    | 1.19 | -    | ComponentStatus | {_HEALTH}
v1                                    | 1.33 | -    | Endpoints | {_SLICES}
"""


def _changes() -> Iterator[tuple[tuple[str, str], ApiChange]]:
    for row in _TABLE.strip().splitlines():
        api_version, deprecated, removed, kinds, replacement = (cell.strip() for cell in row.split("|"))
        if re.fullmatch(r"v\d+", replacement):
            replacement = f"{api_version.rpartition('/')[0]}/{replacement}"
        change = ApiChange(deprecated, None if removed == "-" else removed, replacement)
        yield from (((api_version, kind), change) for kind in kinds.split())


CHANGES = dict(_changes())


def find(api_version: str, kind: str, kubernetes: str) -> ApiChange | None:
    """The change that affects a kind in a version of Kubernetes (`1.33.0`); None if there is none."""
    change = CHANGES.get((api_version, kind))
    return change if change is not None and _minor(kubernetes) >= _minor(change.deprecated) else None


def _minor(version: str) -> int:
    return int(version.split(".")[1])
