"""Wiring of incidents and silences: what they answer, and what runs beside it in each mode."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.contextvars import bind_contextvars

from services.monitor.alerts import alert_store
from services.monitor.alerts.marks import firing
from services.monitor.alerts.outbox import add_events
from services.monitor.alerts.transition import TransitionListener
from services.monitor.clock import utc_now
from services.monitor.incidents import incident_store
from services.monitor.incidents.commands import IncidentCommands
from services.monitor.incidents.cost import IncidentCosts
from services.monitor.incidents.listener import AddEvents, IncidentListener
from services.monitor.silences import silence_store
from services.monitor.silences.commands import SilenceCommands
from services.monitor.silences.ending import EVERY, PassOn, SilenceEndings
from services.monitor.silences.listener import SilenceListener
from services.monitor.silences.recurring_maintenance import RecurringMaintenanceStore
from services.monitor.storage.availability_store import AvailabilityStore
from services.monitor.storage.maintenance_windows import MaintenanceStore
from shared.bus import Worker
from shared.database import Database
from shared.events import Event
from shared.process.periodic import repeat
from shared.rpc.incidents import IncidentCost, IncidentCostRequest, IncidentReply, IncidentRequest
from shared.rpc.silences import (
    RecurringMaintenanceReply,
    RecurringMaintenanceRequest,
    SilencesReply,
    SilencesRequest,
)
from shared.subjects import Mode, Rpc

_ANNOUNCE_SECONDS = 600.0
_FORGET_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class IncidentParts:
    """What incidents and silences need of one mode."""

    database: Database
    availability: AvailabilityStore
    maintenance: MaintenanceStore
    add_events: AddEvents
    pass_on: PassOn
    """Has all listeners see alerts that fire already, whose marks change."""


def incident_events(mode: Mode) -> AddEvents:
    """Adds events of incidents to the monitor's outbox. A transaction that is repeated adds them under other ids."""

    async def add(connection: AsyncConnection, events: Sequence[Event]) -> None:
        await add_events(connection, mode, events, [f"incident-event-{secrets.token_hex(16)}" for _ in events])

    return add


def incident_listeners(add_events: AddEvents) -> tuple[TransitionListener, ...]:
    """Those that come before notifications."""
    return SilenceListener(utc_now), IncidentListener(add_events, firing)


def run_incidents(worker: Worker, modes: Mapping[Mode, IncidentParts], *, retention: timedelta) -> None:
    """Answer requests, and run what passes on, announces and forgets."""
    endings = {mode: SilenceEndings(parts.database, firing, parts.pass_on, utc_now) for mode, parts in modes.items()}
    recurring = {mode: RecurringMaintenanceStore(parts.database, utc_now) for mode, parts in modes.items()}
    for mode, parts in modes.items():
        _repeat(worker, mode, "end silences", endings[mode].run_once, EVERY)
        _repeat(worker, mode, "announce maintenance", recurring[mode].announce, _ANNOUNCE_SECONDS)
        _repeat(worker, mode, "forget incidents", partial(_forget, parts.database, retention), _FORGET_SECONDS)
    _answer(worker, modes, endings, recurring)


def _answer(
    worker: Worker,
    modes: Mapping[Mode, IncidentParts],
    endings: Mapping[Mode, SilenceEndings],
    recurring: Mapping[Mode, RecurringMaintenanceStore],
) -> None:
    commands = {mode: IncidentCommands(parts.database, parts.add_events, utc_now) for mode, parts in modes.items()}
    silences = {mode: SilenceCommands(each.database, endings[mode].refresh, utc_now) for mode, each in modes.items()}
    costs = {
        mode: IncidentCosts(parts.database, parts.availability, parts.maintenance, utc_now)
        for mode, parts in modes.items()
    }

    async def change_incident(request: IncidentRequest, mode: Mode) -> IncidentReply:
        return await commands[mode].answer(request)

    async def incident_cost(request: IncidentCostRequest, mode: Mode) -> IncidentCost:
        return await costs[mode].answer(request)

    async def answer_silences(request: SilencesRequest, mode: Mode) -> SilencesReply:
        return await silences[mode].answer(request)

    async def repeat_maintenance(request: RecurringMaintenanceRequest, mode: Mode) -> RecurringMaintenanceReply:
        return await recurring[mode].answer(request)

    worker.answer(Rpc.INCIDENTS, IncidentRequest, change_incident)
    worker.answer(Rpc.INCIDENT_COST, IncidentCostRequest, incident_cost)
    worker.answer(Rpc.SILENCES, SilencesRequest, answer_silences)
    worker.answer(Rpc.RECURRING_MAINTENANCE, RecurringMaintenanceRequest, repeat_maintenance)


def _repeat(worker: Worker, mode: Mode, name: str, work: Callable[[], Awaitable[object]], every: float) -> None:
    async def run() -> None:
        bind_contextvars(mode=mode)
        await repeat(name, work, every=every)

    worker.background(f"{name} {mode}", run)


async def _forget(database: Database, retention: timedelta) -> None:
    """Remove the alerts, incidents and silences that ended before the retention."""
    before = utc_now() - retention
    async with database.begin() as connection:
        await alert_store.forget(connection, before)
        await incident_store.forget(connection, before)
        await silence_store.forget(connection, before)
