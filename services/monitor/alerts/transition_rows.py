"""Transitions as rows for `jsonb_to_recordset`, from which statements take the columns that they write. Pure."""

from typing import Any

from pydantic import TypeAdapter

from services.monitor.alerts.transition import Transition
from shared.alerts.rule import Action

_ACTIONS: TypeAdapter[tuple[Action, ...]] = TypeAdapter(tuple[Action, ...])


def row_of(each: Transition) -> dict[str, Any]:
    """The row of a transition, with the id of its tenant as users know it."""
    return {
        "alert_id": each.alert_id,
        "tenant_id": each.tenant_id,
        "name": each.name,
        "fingerprint": each.fingerprint,
        "labels": dict(each.labels),
        "severity": each.severity,
        "type": each.type,
        "condition": each.condition,
        "metric": each.metric,
        "value": each.value,
        "threshold": each.threshold,
        "summary": each.summary.english,
        "summary_message": each.summary.message.model_dump(mode="json"),
        "runbook": each.runbook,
        "actions": _ACTIONS.dump_python(each.actions, mode="json"),
        "source": each.source,
        "began": (each.began or each.at).isoformat(),
        "at": each.at.isoformat(),
    }
