"""A change of an alert, and what listens to it in the transaction that stores it.

The order of the listeners is silences, incidents, notifications. Each gets what the one before returned, so a mark of
the first reaches the last. A listener writes with the connection that it is given, so a change of an alert is stored
with all that follows from it, or not at all.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.alerts.rule import Action, Severity
from shared.messages import Sentence

AlertState = Literal["firing", "resolved"]
RULE = "rule"
"""The source of alerts that follow from a rule; others are named for the system that they come from."""


@dataclass(frozen=True, slots=True)
class Transition:
    """An alert that has begun to fire, or is resolved, or whose marks have changed while it fires."""

    alert_id: str
    """`alert-...`: one firing of an alert. A later firing of the same alert has another one."""
    fingerprint: str
    """Of tenant, name and labels: the same for every firing."""
    tenant_id: str
    name: str
    severity: Severity
    state: AlertState
    at: datetime
    """In UTC: when the state began, by the samples' time."""
    value: float | None
    """Of `metric`; None without data."""
    condition: str
    summary: Sentence
    labels: Mapping[str, str] = field(default_factory=dict)
    """Those of the rule, without tenant and name."""
    runbook: str | None = None
    actions: tuple[Action, ...] = ()
    muted_by: str | None = None
    """The silence or maintenance window that mutes it."""
    incident_id: str | None = None
    inhibited_by: str | None = None
    """The fingerprint of the alert that explains this one."""
    type: str = "custom"
    """The kind of trouble, as the sockets' clients know it: `resource_usage`, `error_budget_burn`, ..."""
    metric: str = ""
    """The metric or figure of the condition's first comparison that holds."""
    threshold: float | None = None
    """What `metric` is compared with."""
    source: str = RULE
    began: datetime | None = None
    """Since when the condition holds; None: since it fires."""


class TransitionListener(Protocol):
    """What takes part in the transaction of a transition."""

    async def transitioned(
        self, connection: AsyncConnection, transitions: Sequence[Transition]
    ) -> Sequence[Transition]:
        """Write what follows from `transitions`, and return what the next listener gets.

        That are the same ones with their marks set (`muted_by`, `incident_id`, `inhibited_by`), and those of alerts
        that fire already and whose marks have changed. Raises DependencyUnavailable.
        """


def fingerprint_of(tenant_id: str, name: str, labels: Mapping[str, str]) -> str:
    """32 hex digits that identify an alert by its tenant, its name and its labels, in any order."""
    parts = [tenant_id, name, *(part for label in sorted(labels.items()) for part in label)]
    framed = "".join(f"{len(part.encode())}:{part}" for part in parts)
    return hashlib.blake2b(framed.encode(), digest_size=16).hexdigest()


def alert_id_of(fingerprint: str, began: datetime) -> str:
    """The id of the firing of an alert whose condition holds since `began`: repeated work gives the same id."""
    digest = hashlib.blake2b(f"{fingerprint}/{began.timestamp():.6f}".encode(), digest_size=8)
    return f"alert-{digest.hexdigest()}"
