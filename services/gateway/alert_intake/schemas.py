"""Alertmanager's webhook, version 4 of its payload, and the answer to it.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Later versions of Alertmanager may add fields,
so unknown ones are ignored here.
"""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from shared.rpc import MOST_ALERTS
from shared.tenants import Model

_LONGEST = 10_000
"""Characters of a label or an annotation, which may be a whole page of text."""
Pairs = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=200)],
        Annotated[str, StringConstraints(max_length=_LONGEST)],
    ],
    Field(max_length=64),
]
_EXAMPLE: dict[str, Any] = {
    "version": "4",
    "groupKey": '{}:{alertname="ECPTenantDown"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "tenant-alerts",
    "groupLabels": {"alertname": "ECPTenantDown"},
    "commonLabels": {"alertname": "ECPTenantDown", "severity": "critical"},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "ECPTenantDown", "tenant_id": "my-ai-service", "severity": "critical"},
            "annotations": {"summary": "Tenant my-ai-service is down"},
            "startsAt": "2024-01-20T14:30:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus:9090/graph",
            "fingerprint": "c8a1c0f0b1a2d3e4",
        }
    ],
}


class AlertmanagerAlert(Model):
    """One alert of a group."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    status: Literal["firing", "resolved"]
    labels: Pairs
    annotations: Pairs = Field(default_factory=dict)
    starts_at: AwareDatetime = Field(alias="startsAt")
    ends_at: AwareDatetime | None = Field(default=None, alias="endsAt")
    """0001-01-01T00:00:00Z while it fires."""
    generator_url: str | None = Field(default=None, alias="generatorURL", max_length=_LONGEST)
    fingerprint: str | None = Field(default=None, max_length=200)


class AlertmanagerPayload(Model):
    """What Alertmanager sends of a group of alerts."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, json_schema_extra={"examples": [_EXAMPLE]})

    version: Literal["4"]
    group_key: str = Field(default="", alias="groupKey", max_length=_LONGEST)
    truncated_alerts: int = Field(default=0, ge=0, le=2**62, alias="truncatedAlerts")
    """Alerts that Alertmanager left out, by `max_alerts` of its receiver."""
    status: Literal["firing", "resolved"]
    receiver: str = Field(default="", max_length=_LONGEST)
    alerts: Annotated[list[AlertmanagerAlert], Field(max_length=MOST_ALERTS)]


class IgnoredAlertAnswer(Model):
    """An alert that was not recorded."""

    index: int
    """Its place in `alerts`, from 0."""
    reason: str


class AlertsProcessed(Model):
    """What became of the alerts."""

    status: Literal["processed"] = "processed"
    recorded: int
    """Those that were news."""
    repeated: int
    """Those that were recorded before."""
    ignored: list[IgnoredAlertAnswer]
    recoveries: list[str] = Field(examples=[["recovery-0123456789ab"]])
    """The ids of the recoveries that they have begun."""
