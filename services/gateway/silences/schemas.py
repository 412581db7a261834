"""Bodies and answers about silences and recurring maintenance."""

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from services.gateway.http.schemas import NotAnswered
from shared.rpc.silences import (
    NewRecurringMaintenance,
    NewSilence,
    RecurringMaintenance,
    Silence,
    SilencePreview,
)
from shared.tenants import Model

_RECURRENCE: JsonDict = {
    "days": ["sun"],
    "weeks": [2],
    "start": "02:00",
    "duration": "4h",
    "time_zone": "Asia/Seoul",
    "holidays": "skip",
}


class SilenceBody(NewSilence):
    """Alerts that match are shown and not notified of, from `start` to `end`, or at the times of `recurrence`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "matchers": [{"label": "alertname", "op": "=~", "value": "high_.*"}],
                    "reason": "The load test of the new callbots",
                    "end": "2099-01-10T04:00:00+09:00",
                },
                {
                    "matchers": [{"label": "severity", "op": "=", "value": "warning"}],
                    "reason": "The office is closed",
                    "recurrence": {
                        "days": ["sat", "sun"],
                        "start": "00:00",
                        "duration": "24h",
                        "time_zone": "Asia/Seoul",
                        "holidays": "include",
                    },
                },
            ]
        }
    )


class SilenceList(Model):
    """A tenant's silences: those that haven't ended first, then the latest; at most 300."""

    tenant_id: str
    silences: tuple[Silence, ...]


class PreviewedSilence(SilencePreview):
    """What a silence would have muted in the past, had it been in effect."""

    summary: str = Field(examples=["would have muted 14 of the 31 alerts of the last 30 days"])
    summary_messages: NotAnswered = ()


class RecurringMaintenanceBody(NewRecurringMaintenance):
    """Maintenance that repeats: each occurrence is announced as a window of its own, five weeks before it begins."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"recurrence": _RECURRENCE, "reason": "Upgrade of the nodes"}]}
    )


class RecurringMaintenanceList(Model):
    """What repeats for a tenant, the latest first."""

    tenant_id: str
    recurring: tuple[RecurringMaintenance, ...]
