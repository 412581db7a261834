"""Questions with an answer at once: the models of `shared.subjects.Rpc`.

An answer is an envelope, `{"ok": ...}` or `{"error": {"code", "message", "details"}}`: a worker that can't
answer says why, since an exception in a NATS responder would send nothing at all and look like a missing worker.
"""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from shared.events import DeployOptions, ErrorBudget
from shared.sizing import GpuSharing, Sizing
from shared.tenants import Model, SlaTarget, TenantSpec, TimeZone


class RpcError(Model):
    """Why a question has no answer; codes as in `shared.errors`."""

    code: str
    message: str
    details: dict[str, Any] = Field(default_factory=dict)


class CalculateRequest(Model):
    """`rpc.calculate`: what do these sessions need? Answered with a `Sizing`."""

    service_requirements: dict[str, Annotated[int, Field(strict=True)]]
    sla_target: SlaTarget = SlaTarget()
    preset: str | None = None
    gpu_type: str | None = None
    gpu_sharing: GpuSharing = "none"
    """Whether replicas may share GPUs; the nodes must be set up for it."""
    allow_unmeasured: bool = False
    """Whether GPU types may be used on which a service hasn't been measured, by estimate."""


Samples = Annotated[tuple[Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)], ...], Field(max_length=100_000)]


class Usage(Model):
    """What one replica of a service was seen to use."""

    cpu_m: Samples = ()
    """Millicores, sample by sample."""
    memory_mib: Samples = ()
    ooms: int = Field(default=0, ge=0, le=1_000_000)
    """How often a container was killed for want of memory."""


class RecommendRequest(Model):
    """`rpc.recommend`: what should a tenant request, going by what it uses? Answered with a `Recommendation`."""

    sizing: Sizing
    usage: dict[str, Usage]


class ServiceRecommendation(Model):
    """New requests of one service's replicas, beside today's."""

    service: str
    replicas: int
    cpu_request_m_today: int
    cpu_request_m: int
    cpu_limit_m_today: int
    cpu_limit_m: int | None
    """None: no limit."""
    cpu_reason: str
    cpu_reason_ko: str = ""
    memory_request_mib_today: int
    memory_request_mib: int
    memory_limit_mib_today: int
    memory_limit_mib: int
    memory_reason: str
    memory_reason_ko: str = ""


class RequestsAndCost(Model):
    """What all replicas request together, in the documented forms."""

    cpu: str
    memory: str
    cost: str
    monthly_cost_usd: float


class Recommendation(Model):
    """What to request, and what that changes."""

    services: tuple[ServiceRecommendation, ...]
    """Those that were observed."""
    today: RequestsAndCost
    recommended: RequestsAndCost
    warnings: tuple[str, ...] = ()
    warnings_ko: tuple[str, ...] = ()


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
    message_ko: str
    advice: str
    advice_ko: str


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


class CapacityRequest(Model):
    """`rpc.capacity`: what does the target have, and what of it is free? Answered with a `CapacityReply`."""

    target: str = "simulator"


class NodeCapacity(Model):
    """A node that takes pods. Quantities by resource: `{"cpu": "15750m", "memory": "63Gi", "nvidia.com/gpu": "4"}`."""

    name: str
    allocatable: dict[str, str]
    free: dict[str, str]
    """What no pod on it has asked for."""
    labels: dict[str, str] = Field(default_factory=dict)
    taints: tuple[dict[str, str], ...] = ()
    """Those that keep pods off: effects NoSchedule and NoExecute."""


class CapacityReply(Model):
    """A target's nodes, now."""

    target: str
    nodes: tuple[NodeCapacity, ...]


class SlaReportRequest(Model):
    """`rpc.sla_report`: how has a tenant fared? Answered with a `SlaReport`."""

    tenant_id: str
    period: str = "month"
    """`day`, `week`, `month` of the calendar, or the last so many hours or days: `24h`, `7d`."""
    day: date | None = None
    """A day in the calendar's period; None is today."""
    rolling: bool = False
    """The last day, week or month instead of the calendar's."""
    time_zone: TimeZone | None = None
    """IANA's name; None is the tenant's own, and UTC if it has none."""
    target: Annotated[float, Field(gt=0, lt=100)] | None = None
    """In percent; None is what the tenant was promised."""
    by: Literal["time", "requests"] = "time"


class SlaFigures(Model):
    """A window of time. Seconds add up to `until - since`; availability is None where nothing is known."""

    since: AwareDatetime
    until: AwareDatetime
    availability: float | None
    status: Literal["meeting", "violated", "unknown"]
    up_seconds: float
    downtime_seconds: float
    unknown_seconds: float
    maintenance_seconds: float
    failures: int
    mttr_seconds: float | None
    mtbf_seconds: float | None


class SlaRequests(Model):
    """The same by requests. With low traffic the status is unknown."""

    total: float
    bad: float
    availability: float | None
    status: Literal["meeting", "violated", "unknown"]
    is_low_traffic: bool


class SlaService(SlaFigures):
    """One service of a tenant."""

    service: str


class SlaFailure(Model):
    """A stretch of downtime. `end` is None while it lasts; `seconds` are those that were seen down."""

    start: AwareDatetime
    end: AwareDatetime | None
    seconds: float


class SlaPart(Model):
    """An hour or a day of the period. Nothing of it is known where availability is None."""

    start: AwareDatetime
    end: AwareDatetime
    availability: float | None
    downtime_seconds: float
    unknown_seconds: float
    maintenance_seconds: float


class SlaMaintenance(Model):
    """A planned window, which doesn't count."""

    id: int
    tenant_id: str | None
    """None is every tenant's."""
    start: AwareDatetime
    end: AwareDatetime
    reason: str


class SlaReport(Model):
    """How a tenant has fared in a period."""

    tenant_id: str
    name: str | None
    period: str
    rolling: bool
    time_zone: str
    start: AwareDatetime
    end: AwareDatetime
    """The period's; it may not have passed yet."""
    reported_at: AwareDatetime
    target: float
    """In percent."""
    by: Literal["time", "requests"]
    figures: SlaFigures | None
    """None if the tenant wasn't up before the period's end."""
    requests: SlaRequests | None
    """None unless asked for, or where requests aren't counted."""
    error_budget: ErrorBudget
    burn_rates: dict[str, float | None]
    services: tuple[SlaService, ...]
    parts: tuple[SlaPart, ...]
    failures: tuple[SlaFailure, ...]
    """The latest ones, at most 200."""
    maintenance: tuple[SlaMaintenance, ...]
    notes: tuple[str, ...]
    """What a reader must know to judge the figures: how much is unknown, that traffic was low."""


class AnnouncedWindow(Model):
    """Planned work, between two moments. It can be announced only before it begins."""

    start: AwareDatetime
    end: AwareDatetime
    reason: Annotated[str, Field(max_length=500)] = ""


class MaintenanceRequest(Model):
    """`rpc.maintenance`: announce a window, cancel one, or list them. Answered with `MaintenanceReply`."""

    tenant_id: str
    announce: AnnouncedWindow | None = None
    cancel: int | None = None
    """The id of a window."""


class MaintenanceReply(Model):
    """A tenant's windows, the latest first."""

    tenant_id: str
    windows: tuple[SlaMaintenance, ...]


__all__ = [
    "AnnouncedWindow",
    "CalculateRequest",
    "CapacityReply",
    "CapacityRequest",
    "ErrorBudget",
    "Finding",
    "MaintenanceReply",
    "MaintenanceRequest",
    "NodeCapacity",
    "RenderReply",
    "RenderRequest",
    "ResourceSummary",
    "RpcError",
    "Sizing",
    "SlaReport",
    "SlaReportRequest",
    "ValidateReply",
    "ValidateRequest",
]
