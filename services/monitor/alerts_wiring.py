"""Wires what alerts need in each mode: their store, what listens to it, the publisher of its events, and recoveries."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.alerts.alert_store import AlertStore
from services.monitor.alerts.marks import firing
from services.monitor.alerts.outbox import OUTBOX
from services.monitor.alerts.transition import TransitionListener
from services.monitor.clock import utc_now
from services.monitor.incident_wiring import incident_events, incident_listeners
from services.monitor.incidents.timeline import add_entry
from services.monitor.mode_context import ModeContext
from services.monitor.notifications.listener import NotificationListener
from services.monitor.recovery.intake import AlertIntake
from services.monitor.recovery.plan import RecoveryRules
from services.monitor.recovery.recovery_alerts import Alerts, RecoveryAlerts
from services.monitor.recovery.runner import RecoveryRunner
from services.monitor.settings import MonitorSettings
from shared.bus import Worker
from shared.bus.mode_bus import ModeBus
from shared.messages import Sentence
from shared.outbox import OutboxDrainer
from shared.rpc import RestartReply, RestartRequest
from shared.subjects import Rpc

_log = structlog.get_logger(__name__)
_RESTART_TIMEOUT = 10.0
"""Seconds for the gateway to accept a restart."""
_RECOVERY_POLL = 1.0
_OUTBOX_POLL = 1.0
"""Seconds: covers lost notifications, and a lock that another copy gave up."""
_LOOK_AGAIN = timedelta(minutes=1)


def listeners(context: ModeContext, settings: MonitorSettings) -> Sequence[TransitionListener]:
    """What takes part in each transaction of alerts, in this order: silences, incidents, notifications."""
    return [
        *incident_listeners(incident_events(context.mode)),
        NotificationListener(utc_now, group_seconds=settings.notification_group_interval),
    ]


def alert_store(context: ModeContext, settings: MonitorSettings) -> AlertStore:
    """The alerts of a mode."""
    return AlertStore(context.database, context.mode, listeners(context, settings))


def outbox_drainer(worker: Worker, context: ModeContext) -> OutboxDrainer:
    """The publisher of a mode's events of alerts and incidents."""
    return OutboxDrainer(OUTBOX, context.database, worker.publisher.publish_encoded, poll=_OUTBOX_POLL)


def recovery_rules(settings: MonitorSettings) -> RecoveryRules:
    """How patient recoveries are."""
    look_after = timedelta(seconds=settings.recovery_look_after)
    return RecoveryRules(
        attempts=settings.recovery_attempts,
        window=timedelta(seconds=settings.recovery_window),
        look_after=look_after,
        look_again=min(_LOOK_AGAIN, look_after),
    )


def recovery_alerts(store: AlertStore) -> RecoveryAlerts:
    """What the steps of recoveries mean for alerts and incidents."""
    return RecoveryAlerts(Alerts(store.apply_in, firing), _note)


async def _note(connection: AsyncConnection, incident_id: str, what: Sentence, at: datetime) -> None:
    """Add a step to the timeline of the incident."""
    await add_entry(connection, incident_id, kind="recovery", what=what, at=at)
    _log.info(what.english, action="recovery", incident_id=incident_id, time=at.isoformat())


def intake(context: ModeContext, store: AlertStore, settings: MonitorSettings) -> AlertIntake:
    """The intake of other systems' alerts."""
    return AlertIntake(context.database, recovery_alerts(store), recovery_rules(settings), utc_now)


def recovery_runner(
    worker: Worker, context: ModeContext, store: AlertStore, settings: MonitorSettings
) -> RecoveryRunner:
    """What works on the recoveries of a mode."""
    return RecoveryRunner(
        context.database,
        recovery_alerts(store),
        partial(_ask_restart, worker.bus(context.mode)),
        recovery_rules(settings),
        utc_now,
        lease=context.leases,
        poll=_RECOVERY_POLL,
    )


async def _ask_restart(bus: ModeBus, request: RestartRequest) -> RestartReply:
    return await bus.ask(Rpc.RESTART, request, RestartReply, timeout=_RESTART_TIMEOUT)
