"""Alerts that other systems report (`rpc.receive_alerts`, the monitor), and restarts for recovery (`rpc.restart`).

The monitor owns alerts and recoveries; a restart is an operation of the gateway, which alone gives generations.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from shared.events.statuses import DeploymentStatus
from shared.messages import Message
from shared.tenants import Model

MOST_ALERTS = 1000
"""Alerts of one request."""


class OutsideAlert(Model):
    """An alert as Alertmanager sends it."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    summary: str = ""
    starts_at: AwareDatetime
    ends_at: AwareDatetime | None = None
    """When it was resolved."""
    runbook: str | None = None
    """The address of a page that tells what to do."""


class ReceiveAlertsRequest(Model):
    """`rpc.receive_alerts`: record alerts of another system. Answered with a `ReceiveAlertsReply`."""

    source: str
    """The system, such as `alertmanager`."""
    alerts: Annotated[tuple[OutsideAlert, ...], Field(max_length=MOST_ALERTS)]
    tenants: tuple[str, ...] | None = None
    """The tenants that the sender may see; None is every tenant."""


class IgnoredAlert(Model):
    """An alert that was not recorded, and why."""

    index: int
    """Its place in the request, from 0."""
    reason: str
    reason_messages: tuple[Message, ...] = ()


class ReceiveAlertsReply(Model):
    """What became of each alert."""

    recorded: int
    repeated: int
    """Those that were recorded before, with the same state."""
    ignored: tuple[IgnoredAlert, ...] = ()
    recoveries: tuple[str, ...] = ()
    """The ids of the recoveries that these alerts have begun."""


class RestartRequest(Model):
    """`rpc.restart`: restart a tenant that is down, once for each `key`. Answered with a `RestartReply`."""

    tenant_id: str
    key: Annotated[str, Field(min_length=1, max_length=100)]


class RestartReply(Model):
    """The restart. The same request again tells how far it is."""

    deployment_id: str
    status: DeploymentStatus
