"""The monitor's notifications in a test of the gateway: its own code, with its own rights, without sampling."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

from services.monitor.clock import utc_now
from services.monitor.handlers import answer_notifications, answer_receivers
from services.monitor.notifications.service import NotificationCounter, Notifications, notifications
from services.monitor.settings import MonitorSettings
from shared.bus import Worker
from shared.database import Databases
from shared.roles import MONITOR
from shared.rpc.receivers import NotificationsRequest, ReceiversRequest
from shared.subjects import Mode, Rpc
from tests.support.gateway import Gateway
from tests.support.service_logins import logging_in


class NotifyingMonitor(NamedTuple):
    """Its notifications by mode, and its databases."""

    notified: Mapping[Mode, Notifications]
    databases: Databases


_URLS = ("database_url", "demo_database_url")


@asynccontextmanager
async def notifying_monitor(gateway: Gateway) -> AsyncIterator["NotifyingMonitor"]:
    """A running one, with the databases and the bus of `gateway`."""
    logins: dict[str, Any] = {name: logging_in(getattr(gateway.settings, name), MONITOR) for name in _URLS}
    settings = MonitorSettings(nats_url=gateway.settings.nats_url, **logins)
    worker, databases = Worker("monitor", settings), Databases(settings, "monitor")
    notified = answer_about_receivers(worker, databases, settings)
    for mode, each in notified.items():
        worker.background(f"send {mode}", each.tasks["send notifications"])
    worker.closes(databases.dispose)
    await worker.start()
    try:
        yield NotifyingMonitor(notified, databases)
    finally:
        await worker.stop()


def answer_about_receivers(
    worker: Worker, databases: Databases, settings: MonitorSettings
) -> Mapping[Mode, Notifications]:
    """Let `worker` answer the gateway's requests about receivers."""
    counter = NotificationCounter(worker.registry)
    notified = {
        mode: notifications(mode, databases[mode], settings, utc_now, holder="test", counter=counter) for mode in Mode
    }
    worker.answer(Rpc.RECEIVERS, ReceiversRequest, partial(answer_receivers, notified=notified))
    worker.answer(Rpc.NOTIFICATIONS, NotificationsRequest, partial(answer_notifications, notified=notified))
    return notified
