"""Names and labels, so that every object that refers to another does it in the same words."""

from dataclasses import dataclass
from typing import Any

Obj = dict[str, Any]
"""A Kubernetes object, or a part of one. The order of its keys is the order in the text."""

MANAGED_BY = "ecp-orchestrator"
SERVICE_PORT = 80
"""Of every AI service's Service; the container's is the catalogue's."""
ACCOUNT = "ecp-ai"
"""The ServiceAccount of all pods."""
CREDENTIALS = "ecp-ai-credentials"
"""The Secret that an operator, or External Secrets, fills."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tenant's objects go, and what marks them as its own."""

    tenant_id: str
    tenant_name: str
    namespace: str
    preset: str

    @property
    def pod_labels(self) -> Obj:
        """What marks a pod. Without the preset: a change of it alone must not restart pods."""
        return {"ecp.ai/tenant": self.tenant_id, "ecp.ai/managed-by": MANAGED_BY}

    @property
    def tenant_labels(self) -> Obj:
        return {**self.pod_labels, "ecp.ai/preset": self.preset}

    @property
    def priority(self) -> str:
        """The name of the PriorityClass: one for each preset, since the value of a class can't be changed."""
        return f"{self.namespace}-{self.preset}"

    def metadata(self, name: str, app: str | None = None) -> Obj:
        """Of an object in the namespace; `app` is the label of what it belongs to, its own name if nothing."""
        return {"name": name, "namespace": self.namespace, "labels": {**selector(app or name), **self.tenant_labels}}

    def metadata_of(self, service: str, name: str | None = None) -> Obj:
        """Of an object that belongs to one AI service, and has its name unless another is given."""
        found = self.metadata(name or service, service)
        return {**found, "labels": {**selector(service), "ecp.ai/service": service, **self.tenant_labels}}


def instance(metadata: Obj) -> Obj:
    """The metadata of a workload, with the label by which common tools tell instances apart: its own name."""
    return {**metadata, "labels": {**metadata["labels"], "app.kubernetes.io/instance": metadata["name"]}}


def selector(app: str) -> Obj:
    """The documented label by which Deployments and Services find their pods. It can't be changed later."""
    return {"app": app}


def service_name(service: str) -> str:
    """The documented name of a Service: `callbot-service`."""
    return f"{service}-service"


def config_name(app: str) -> str:
    return f"{app}-config"


def recordings_name(service: str) -> str:
    """The claim for what the sessions of a service leave behind."""
    return f"{service}-recordings"
