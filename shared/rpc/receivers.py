"""Receivers of notifications, and what was sent to them: `rpc.receivers` and `rpc.notifications`.

A secret goes to the monitor with a creation or a change, and comes back once, where the monitor made it.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from shared.tenants import Model, TimeZone

MOST_RECEIVERS = 100
"""Of one tenant, and of a mode."""
MOST_RECIPIENTS = 50
MOST_LISTED = 200
"""Notifications in one answer."""
ReceiverName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", max_length=63)]
Severity = Literal["critical", "warning", "info"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
"""With ASCII digits: those of another script can't be read as a time."""
_LABEL = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
_Authorization = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[\x20-\x7e]+$")]


class Channel(StrEnum):
    """How a receiver is reached."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    SLACK = "slack"
    ALERTMANAGER = "alertmanager"


class QuietHours(Model):
    """A daily stretch in which notifications wait, unless they are urgent. It may end on the next day."""

    start: Annotated[str, Field(pattern=_CLOCK, examples=["22:00"])]
    end: Annotated[str, Field(pattern=_CLOCK, examples=["07:00"])]
    time_zone: TimeZone = "UTC"
    days: Annotated[tuple[Day, ...], Field(min_length=1, max_length=7)] = (
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
    )
    """Those on which the stretch starts."""
    severities: Annotated[tuple[Severity, ...], Field(max_length=3)] = ("warning", "info")
    """What waits; anything else is sent at once."""


class Escalation(Model):
    """The next receiver, if the incident isn't acknowledged in time."""

    after_minutes: Annotated[int, Field(ge=1, le=10_080)]
    receiver: ReceiverName
    """Another receiver of the same tenant, or of the mode."""


class ReceiverSpec(Model):
    """A receiver's body: where it is, what it gets, and when."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "webhook",
                    "url": "https://hooks.example.com/alerts",
                    "severities": ["critical", "warning"],
                    "group_seconds": 10,
                    "quiet_hours": {"start": "22:00", "end": "07:00", "time_zone": "Asia/Seoul"},
                }
            ]
        }
    )

    type: Channel
    url: Annotated[str, Field(max_length=2000)] | None = Field(default=None, repr=False)
    """Of a webhook or Slack's incoming webhook, or an Alertmanager's base address. Secret, never shown; on a change,
    null keeps the stored one."""
    method: Literal["POST", "PUT"] = "POST"
    recipients: Annotated[tuple[Annotated[str, Field(max_length=254)], ...], Field(max_length=MOST_RECIPIENTS)] = ()
    """Of an e-mail."""
    language: Literal["en", "ko"] = "en"
    """Of e-mails and of Slack's messages."""
    authorization: _Authorization | None = Field(default=None, repr=False)
    """The value of an `Authorization` header to send. Secret, never shown; on a change, null keeps the stored one,
    unless `url` leads to another server."""
    enabled: bool = True
    tenants: Annotated[tuple[Annotated[str, Field(max_length=50)], ...], Field(max_length=1000)] | None = None
    """Only these tenants' alerts, for a receiver of the mode; null: every tenant's."""
    severities: Annotated[tuple[Severity, ...], Field(min_length=1, max_length=3)] = ("critical", "warning", "info")
    group_by: Annotated[tuple[_LABEL, ...], Field(max_length=8)] = ("tenant_id",)
    """`tenant_id`, `name`, `severity` or labels: alerts with equal values become one notification."""
    group_seconds: Annotated[float, Field(ge=0, le=3600)] = 10.0
    """How long a first alert waits for others of its group."""
    repeat_minutes: Annotated[int, Field(ge=0, le=10_080)] = 240
    """Remind of what still fires and isn't acknowledged after so many minutes; 0: never."""
    most_per_minute: Annotated[int, Field(ge=1, le=600)] = 60
    """More notifications are joined, and none is lost."""
    quiet_hours: QuietHours | None = None
    escalation: Escalation | None = None


class ReceiverHealth(Model):
    """How deliveries to a receiver fare."""

    waiting: int
    """Notifications that aren't delivered yet."""
    pending_alerts: int
    """Alerts that aren't part of a notification yet."""
    dead: int
    failures: int
    """Failed attempts in a row."""
    last_error: str | None
    last_success_at: AwareDatetime | None
    next_attempt_at: AwareDatetime | None


class Receiver(Model):
    """A receiver without its secrets."""

    name: str
    tenant_id: str | None
    """null: a receiver of the mode."""
    origin: Literal["api", "rule"]
    """`rule`: made for the `actions` of alert rules."""
    spec: ReceiverSpec
    """Without secrets, to which the URL belongs."""
    destination: str
    """The URL's host, or the recipients' domains."""
    has_authorization: bool
    previous_secret_until: AwareDatetime | None
    """Until then each notification has two signatures."""
    health: ReceiverHealth
    created_at: AwareDatetime
    changed_at: AwareDatetime


class SavedReceiver(Model):
    """What to create or change."""

    name: ReceiverName
    spec: ReceiverSpec


class ReceiversRequest(Model):
    """`rpc.receivers`: at most one change, then the receivers. Answered with `ReceiversReply`."""

    tenant_id: str | None
    """null: the receivers of the mode."""
    create: SavedReceiver | None = None
    change: SavedReceiver | None = None
    remove: str | None = None
    rotate: str | None = None
    overlap_minutes: int = 1440
    """How long the previous secret signs too."""
    test: str | None = None
    """Send a test notification to this one."""


class ReceiversReply(Model):
    """The receivers by name."""

    receivers: tuple[Receiver, ...]
    secret: str | None = Field(default=None, repr=False)
    """Of the receiver that was created or rotated."""
    notification_id: str | None = None
    """Of the test."""


NotificationState = Literal["waiting", "sent", "dead"]


class SentNotification(Model):
    """A notification in the outbox, or after it."""

    notification_id: str
    receiver: str
    state: NotificationState
    type: str
    alerts: int
    created_at: AwareDatetime
    ended_at: AwareDatetime | None
    """Sent, or given up."""
    attempts: int
    reason: str | None
    """Why the last attempt failed."""
    body: dict[str, Any]
    """As a webhook gets it."""


class NotificationsRequest(Model):
    """`rpc.notifications`: list those of a receiver, or send dead ones again. Answered with `NotificationsReply`."""

    tenant_id: str | None
    receiver: str
    state: NotificationState | None = None
    limit: int = 50
    before: str | None = None
    """The id of a notification: older ones only."""
    replay: tuple[str, ...] | None = None
    """Ids of dead notifications to send again; empty: all of the receiver's."""


class NotificationsReply(Model):
    """The latest first."""

    notifications: tuple[SentNotification, ...] = ()
    replayed: int = 0
