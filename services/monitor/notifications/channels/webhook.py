"""A webhook's body, as docs/alerts.md has it, and its signature. Pure."""

from typing import Any

import orjson

from services.monitor.notifications.channels.http_call import HttpCall, Target, json_headers
from services.monitor.notifications.content import Content
from services.monitor.notifications.signatures import signed_headers


def webhook_call(content: Content, target: Target) -> HttpCall:
    """The signed call. The body is the same at each attempt; the timestamp is that of the attempt."""
    body = orjson.dumps(webhook_body(content))
    keys = [each for each in (target.secrets.signing, target.secrets.previous) if each is not None]
    signed = signed_headers(content.notification_id, int(target.now.timestamp()), body, keys)
    return HttpCall(target.spec.method, target.secrets.url or "", json_headers(target.secrets) | signed, body)


def webhook_body(content: Content) -> dict[str, Any]:
    """The documented body: the form that the Standard Webhooks specification recommends."""
    return {
        "type": content.type,
        "timestamp": content.created_at.isoformat(),
        "data": {
            "notification_id": content.notification_id,
            "receiver": content.receiver,
            "mode": content.mode,
            "status": content.status,
            "severity": content.most_severe,
            "firing": content.firing,
            "resolved": len(content.alerts) - content.firing,
            "alerts": [each.model_dump(mode="json") for each in content.alerts],
        },
    }
