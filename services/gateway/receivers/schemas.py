"""Requests and answers about receivers, besides those that travel to the monitor as they are."""

from typing import Annotated

from pydantic import ConfigDict, Field

from shared.rpc.receivers import MOST_LISTED, Receiver, SavedReceiver, SentNotification
from shared.tenants import Model

_MOST_OVERLAP = 7 * 24 * 60


class NewReceiver(SavedReceiver):
    """A receiver to create."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "oncall",
                    "spec": {
                        "type": "webhook",
                        "url": "https://hooks.example.com/alerts",
                        "severities": ["critical", "warning"],
                        "quiet_hours": {"start": "22:00", "end": "07:00", "time_zone": "Asia/Seoul"},
                    },
                }
            ]
        }
    )


class Receivers(Model):
    """Receivers by name."""

    receivers: tuple[Receiver, ...]


class ReceiverSecret(Receiver):
    """A receiver with its signing secret, this once."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    """What the signatures of its webhooks are made with, by the Standard Webhooks specification."""


class SecretRotation(Model):
    """How long the previous secret signs too."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_minutes": 1440}]})

    overlap_minutes: int = Field(default=1440, ge=0, le=_MOST_OVERLAP)
    """0 ends it at once, as after a leak."""


class TestSent(Model):
    """A test that is on its way."""

    notification_id: str
    """Its id, as the receiver gets it in `webhook-id`."""


class SentNotifications(Model):
    """Notifications of a receiver, the latest first."""

    notifications: tuple[SentNotification, ...]


class Replay(Model):
    """Which dead notifications to send again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"notification_ids": []}]})

    notification_ids: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=40)], ...], Field(max_length=MOST_LISTED)
    ] = ()
    """Empty: all of the receiver's."""


class Replayed(Model):
    """How many wait again."""

    replayed: int
