"""Questions with an answer at once: the models of `shared.subjects.Rpc`.

An answer is an envelope, `{"ok": ...}` or `{"error": {"code", "message", "details"}}`: a worker that can't
answer replies with the reason, since an exception in a NATS responder sends no reply and looks like a missing worker.

One file for each worker that answers.
"""

from typing import Any

from pydantic import Field

from shared.rpc.adoption import FoundWorkload, InspectReply, InspectRequest, LeftObject
from shared.rpc.alerts import (
    AlertRuleReply,
    AlertRuleRequest,
    AlertTestReply,
    AlertTestRequest,
    TestedFiring,
    TestedRule,
)
from shared.rpc.clusters import (
    CapacityReply,
    CapacityRequest,
    NodeCapacity,
    PodDemand,
    RoomReply,
    RoomRequest,
    Shortage,
    Unplaced,
)
from shared.rpc.diffs import DiffReply, DiffRequest
from shared.rpc.manifests import Finding, RenderReply, RenderRequest, ResourceSummary, ValidateReply, ValidateRequest
from shared.rpc.recovery import (
    MOST_ALERTS,
    IgnoredAlert,
    OutsideAlert,
    ReceiveAlertsReply,
    ReceiveAlertsRequest,
    RestartReply,
    RestartRequest,
)
from shared.rpc.sizing import (
    CalculateRequest,
    Recommendation,
    RecommendRequest,
    RequestsAndCost,
    ServiceRecommendation,
    Usage,
)
from shared.rpc.sla import (
    AnnouncedWindow,
    MaintenanceReply,
    MaintenanceRequest,
    SlaFailure,
    SlaFigures,
    SlaMaintenance,
    SlaPart,
    SlaReport,
    SlaReportRequest,
    SlaRequests,
    SlaService,
)
from shared.tenants import Model

__all__ = [
    "MOST_ALERTS",
    "AlertRuleReply",
    "AlertRuleRequest",
    "AlertTestReply",
    "AlertTestRequest",
    "AnnouncedWindow",
    "CalculateRequest",
    "CapacityReply",
    "CapacityRequest",
    "DiffReply",
    "DiffRequest",
    "Finding",
    "FoundWorkload",
    "IgnoredAlert",
    "InspectReply",
    "InspectRequest",
    "LeftObject",
    "MaintenanceReply",
    "MaintenanceRequest",
    "NodeCapacity",
    "OutsideAlert",
    "PodDemand",
    "ReceiveAlertsReply",
    "ReceiveAlertsRequest",
    "RecommendRequest",
    "Recommendation",
    "RenderReply",
    "RenderRequest",
    "RequestsAndCost",
    "ResourceSummary",
    "RestartReply",
    "RestartRequest",
    "RoomReply",
    "RoomRequest",
    "RpcError",
    "ServiceRecommendation",
    "Shortage",
    "SlaFailure",
    "SlaFigures",
    "SlaMaintenance",
    "SlaPart",
    "SlaReport",
    "SlaReportRequest",
    "SlaRequests",
    "SlaService",
    "TestedFiring",
    "TestedRule",
    "Unplaced",
    "Usage",
    "ValidateReply",
    "ValidateRequest",
]


class RpcError(Model):
    """Why a question has no answer; codes as in `shared.errors`."""

    code: str
    message: str
    details: dict[str, Any] = Field(default_factory=dict)
    message_id: str | None = None
    """None: the code. The details are the message's parameters."""
