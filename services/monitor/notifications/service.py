"""The notifications of one mode: what the wiring needs of this package."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter

from services.monitor.clock import Now
from services.monitor.notifications.claims import Claims
from services.monitor.notifications.composer import Composer
from services.monitor.notifications.connector import ReceiverHttp
from services.monitor.notifications.delivery import Delivery
from services.monitor.notifications.delivery_rules import Failure
from services.monitor.notifications.following import Following
from services.monitor.notifications.outbox_store import OutboxStore, Waiting
from services.monitor.notifications.receiver_commands import ReceiverCommands
from services.monitor.notifications.sender import CONCURRENT, LEASE_SECONDS, Sender
from services.monitor.notifications.sent_list import SentNotifications
from services.monitor.notifications.smtp import Smtp, SmtpServer
from services.monitor.notifications.upkeep import NotificationUpkeep
from services.monitor.settings import MonitorSettings
from shared.database import Database
from shared.process.periodic import repeat
from shared.subjects import Mode

_FOLLOW_SECONDS = 5.0
"""Between two looks for what is to be repeated or escalated; both are set in minutes."""
_UPKEEP_SECONDS = 3600.0
_FIRST_UPKEEP_SECONDS = 60.0


class NotificationCounter:
    """Counts attempts for Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        text = "Attempts to deliver a notification, by the receiver's type and the result (sent or failed)"
        self._attempts = Counter("ecp_notification_attempts", text, ["mode", "type", "result"], registry=registry)

    def count(self, mode: Mode, waiting: Waiting, failure: Failure | None) -> None:
        self._attempts.labels(mode, waiting.spec.type, "failed" if failure else "sent").inc()


class Notifications(NamedTuple):
    """Those of one mode."""

    receivers: ReceiverCommands
    sent: SentNotifications
    tasks: dict[str, Callable[[], Awaitable[None]]]
    """What runs from start to stop, by name."""


def notifications(
    mode: Mode, database: Database, settings: MonitorSettings, now: Now, *, holder: str, counter: NotificationCounter
) -> Notifications:
    """Wire the notifications of `mode`; `holder` names this process in leases."""
    smtp = Smtp(smtp_server(settings))
    claims = Claims(database, holder, LEASE_SECONDS)
    composer = Composer(mode, database, now, holder)
    outbox = OutboxStore(database, holder, LEASE_SECONDS)

    async def send() -> None:
        async with ReceiverHttp(allow_private=settings.private_webhooks, most_connections=CONCURRENT) as http:
            deliver = Delivery(http, smtp).deliver
            observe = partial(counter.count, mode)
            sender = Sender(
                database, claims=claims, composer=composer, outbox=outbox, deliver=deliver, now=now, observe=observe
            )
            await sender.run()

    # Not at the start, when other tasks have the pool's connections: each that is opened then stays.
    following, upkeep = Following(database, now), NotificationUpkeep(database, now)
    follow = partial(
        repeat, "following notified alerts", following.run_once, every=_FOLLOW_SECONDS, first=_FOLLOW_SECONDS
    )
    tidy = partial(
        repeat, "removing old notifications", upkeep.run_once, every=_UPKEEP_SECONDS, first=_FIRST_UPKEEP_SECONDS
    )
    return Notifications(
        receivers=ReceiverCommands(mode, database, now, allow_private=settings.private_webhooks),
        sent=SentNotifications(database, now),
        tasks={"send notifications": send, "follow alerts": follow, "tidy notifications": tidy},
    )


def smtp_server(settings: MonitorSettings) -> SmtpServer:
    """The SMTP server of the settings."""
    return SmtpServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        sender=settings.smtp_from,
        security=settings.smtp_security,
        username=settings.smtp_username,
        password=settings.latest_smtp_password,
    )
