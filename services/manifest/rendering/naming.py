"""Names and labels that objects refer to each other by."""

from dataclasses import dataclass

from shared.kube import labels
from shared.kube.objects import Obj

SERVICE_PORT = 80
"""The port of every AI service's Service; the container's port is the catalogue's."""
ACCOUNT = "ecp-ai"
"""The ServiceAccount of all pods."""
CREDENTIALS = "ecp-ai-credentials"
"""The Secret that an operator, or External Secrets, fills."""


@dataclass(frozen=True, slots=True)
class TenantScope:
    """The tenant's namespace, and the labels of its objects."""

    tenant_id: str
    tenant_name: str
    namespace: str
    preset: str

    @property
    def pod_labels(self) -> Obj:
        """The labels of a pod. Not the preset, since a change of it alone must not restart pods."""
        return {labels.TENANT: self.tenant_id, labels.MANAGED_BY: labels.FIELD_MANAGER}

    @property
    def tenant_labels(self) -> Obj:
        """The labels of any other object."""
        return {**self.pod_labels, labels.PRESET: self.preset}

    @property
    def priority(self) -> str:
        """The name of the PriorityClass: one for each preset, since the value of a class is immutable."""
        return f"{self.namespace}-{self.preset}"

    def metadata(self, name: str, app: str | None = None) -> Obj:
        """The metadata of an object in the namespace; the label `app` defaults to the object's own name."""
        return {"name": name, "namespace": self.namespace, "labels": {**selector(app or name), **self.tenant_labels}}

    def metadata_of(self, service: str, name: str | None = None) -> Obj:
        """The metadata of an object of one AI service, whose name is the default."""
        found = self.metadata(name or service, service)
        return {**found, "labels": {**selector(service), labels.SERVICE: service, **self.tenant_labels}}


def instance(metadata: Obj) -> Obj:
    """The metadata of a workload, with its name in the common label `app.kubernetes.io/instance`."""
    return {**metadata, "labels": {**metadata["labels"], "app.kubernetes.io/instance": metadata["name"]}}


def selector(app: str) -> Obj:
    """The documented label by which Deployments and Services select their pods. Selectors are immutable."""
    return {"app": app}


def service_name(service: str) -> str:
    """The documented name of a Service: `callbot-service`."""
    return f"{service}-service"


def config_name(app: str) -> str:
    """The name of a service's ConfigMap."""
    return f"{app}-config"


def recordings_name(service: str) -> str:
    """The name of the claim for a service's recordings."""
    return f"{service}-recordings"
