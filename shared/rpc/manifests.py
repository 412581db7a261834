"""What the manifest service answers: `rpc.render` and `rpc.validate`."""

from typing import Literal

from pydantic import Field

from shared.events import DeployOptions
from shared.sizing import Sizing
from shared.tenants import Model, TenantSpec


class RenderRequest(Model):
    """`rpc.render`: the manifest of a sized tenant."""

    spec: TenantSpec
    sizing: Sizing
    options: DeployOptions = DeployOptions()
    namespace: str | None = None
    format: Literal["yaml", "json"] = "yaml"


class RenderReply(Model):
    """The manifest's text, its digest (`sha256:...`) and its objects by kind."""

    text: str
    digest: str
    summary: dict[str, int]


class ValidateRequest(Model):
    """`rpc.validate`: what is wrong with this manifest? Answered with a `ValidateReply`.

    `strict_validation` off turns what Kubernetes would take, and drop or wait for, into warnings.
    """

    manifest: str
    tenant_id: str | None = None
    strict_validation: bool = True
    target_simulator: bool = False
    kubernetes_version: str | None = None
    """`1.31`; None is the simulator's."""
    target: str | None = None
    """Whose capacity it is held against; None leaves that out."""


class Finding(Model):
    """One thing that is wrong or unwise, where it stands, and what to do. Codes are stable."""

    code: str
    severity: Literal["error", "warning", "info"]
    object: str
    """`Deployment ecp-ai-x/callbot`; empty for what concerns the whole manifest."""
    pointer: str
    """A JSON pointer (RFC 6901) within the object."""
    document: int | None = None
    """The object's document within the text, from 0."""
    line: int | None = None
    column: int | None = None
    message: str
    advice: str
    params: dict[str, str] = Field(default_factory=dict)
    """Of both texts, for their translation under `code`; empty from an older worker."""


class ResourceSummary(Model):
    """What a manifest asks for as it starts, in the documented form."""

    namespaces: int = 0
    deployments: int = 0
    services: int = 0
    configmaps: int = 0
    secrets: int = 0
    total_cpu: str
    total_memory: str
    total_gpu: int
    estimated_pods: int
    estimated_cost: str


class ValidateReply(Model):
    """The verdict. `simulator_compatible` is None unless it was asked for."""

    valid: bool
    kubernetes_version: str
    findings: tuple[Finding, ...] = ()
    resource_summary: ResourceSummary
    deployment_time: str
    simulator_compatible: bool | None = None
