"""Alerts for a real Alertmanager, `POST /api/v2/alerts`. Pure.

Alertmanager takes an alert for resolved at its `endsAt`. Firing alerts are sent again each minute, each time with a
later end, as Prometheus does.
"""

import re
from datetime import datetime, timedelta
from typing import Any

import orjson

from services.monitor.notifications.channels.http_call import HttpCall, Target, json_headers
from services.monitor.notifications.content import AlertNotice, Content
from services.monitor.notifications.follow_up import ALERTMANAGER_MINUTES, RESENDS_UNTIL_RESOLVED

OWN_LABEL = "ecp_alert_id"
"""By which our intake knows our own alerts, where Alertmanager sends them back."""
_PATH = "/api/v2/alerts"
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]")


def alertmanager_call(content: Content, target: Target) -> HttpCall:
    """All alerts in one call."""
    alerts = [_alert(each, content.mode, target.now) for each in content.alerts]
    url = (target.secrets.url or "").rstrip("/").removesuffix(_PATH) + _PATH
    return HttpCall("POST", url, json_headers(target.secrets), orjson.dumps(alerts))


def _alert(alert: AlertNotice, mode: str, now: datetime) -> dict[str, Any]:
    own = {"alertname": alert.name, "tenant_id": alert.tenant_id, "severity": alert.severity, "mode": mode}
    own[OWN_LABEL] = alert.alert_id
    labels = {_name(name): value for name, value in alert.labels.items() if value} | own
    annotations = {"summary": alert.summary, "condition": alert.condition, "alert_id": alert.alert_id}
    if alert.value is not None:
        annotations["value"] = f"{alert.value:g}"
    if alert.runbook:
        annotations["runbook_url"] = alert.runbook
    lasts = timedelta(minutes=ALERTMANAGER_MINUTES * RESENDS_UNTIL_RESOLVED)
    ends = now + lasts if alert.status == "firing" else alert.at
    return {
        "labels": labels,
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": alert.starts_at.isoformat(),
        "endsAt": ends.isoformat(),
    }


def _name(name: str) -> str:
    """A label's name as Prometheus allows it."""
    name = _NOT_IN_NAMES.sub("_", name)
    return f"_{name}" if name[:1].isdigit() else name
