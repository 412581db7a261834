"""What the calculator answers: `rpc.calculate` and `rpc.recommend`."""

from typing import Annotated

from pydantic import Field

from shared.choices.services import OptionsByService
from shared.messages import Message
from shared.sizing import GpuSharing, Sizing
from shared.tenants import Model, SlaTarget


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
    service_options: OptionsByService = Field(default_factory=dict)
    """What a tenant chose for its services, which is then sized with."""


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
    cpu_reason_messages: tuple[Message, ...] = ()
    memory_request_mib_today: int
    memory_request_mib: int
    memory_limit_mib_today: int
    memory_limit_mib: int
    memory_reason: str
    memory_reason_messages: tuple[Message, ...] = ()


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
    warning_messages: tuple[Message, ...] = ()
