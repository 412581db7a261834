"""Records the alerts of other systems: alerts and all that follows from them in one transaction, once.

An `ECPTenantDown` begins a recovery of its tenant, unless one is open; when the last one of the tenant is resolved,
so is the recovery. Two Alertmanagers may send the same alert at the same moment: the lock of its tenant lets the
second one wait, and it finds a repetition.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.alerts.tenant_locks import lock_tenants
from services.monitor.alerts.transition import Transition
from services.monitor.clock import Now
from services.monitor.recovery import plan, repository
from services.monitor.recovery.outside_alerts import TENANT_DOWN, SortedAlerts, id_of, sort_alerts, tenant_of
from services.monitor.recovery.plan import RecoveryRules
from services.monitor.recovery.recovery_alerts import RecoveryAlerts
from services.monitor.recovery.repository import StoredRecovery
from shared.database import Database
from shared.messages import Sentence
from shared.rpc import IgnoredAlert, ReceiveAlertsReply, ReceiveAlertsRequest

_log = structlog.get_logger(__name__)


class AlertIntake:
    """The intake of one mode."""

    def __init__(self, database: Database, alerts: RecoveryAlerts, rules: RecoveryRules, now: Now) -> None:
        self._database = database
        self._alerts = alerts
        self._rules = rules
        self._now = now

    async def receive(self, request: ReceiveAlertsRequest) -> ReceiveAlertsReply:
        """Record the alerts that are news. Raises DependencyUnavailable, and then has recorded nothing."""
        now = self._now()
        async with self._database.begin() as connection:
            tenants = await lock_tenants(connection, _visible(request))
            ids = map(id_of, request.alerts)
            known = await repository.alert_states(connection, [each for each in ids if each is not None])
            found = sort_alerts(request.alerts, request.source, tenants=tenants, known=known, now=now)
            await self._alerts.apply(connection, found.transitions)
            begun = [
                recovery_id
                for each in _latest_downs(found.transitions)
                if (recovery_id := await self._recover(connection, each, tenants[each.tenant_id], now))
            ]
        _log_received(request, found, begun)
        ignored = tuple(_ignored(index, why) for index, why in found.ignored)
        return ReceiveAlertsReply(
            recorded=len(found.transitions), repeated=found.repeated, ignored=ignored, recoveries=tuple(begun)
        )

    async def _recover(self, connection: AsyncConnection, news: Transition, row_id: int, now: datetime) -> str | None:
        """Begin or end the recovery of a tenant; the id of a begun one."""
        is_down = await self._alerts.are_down(connection, row_id)
        stored = await repository.lock_open_of(connection, row_id)
        if stored is None:
            return await self._begin(connection, news, row_id, now) if is_down else None
        if not is_down:
            await self._alerts.stepped(connection, stored, plan.resolved(stored.plan), now)
        return None

    async def _begin(self, connection: AsyncConnection, cause: Transition, row_id: int, now: datetime) -> str | None:
        recovery_id = recovery_id_of(cause.alert_id)
        earlier = await repository.earlier_restarts(connection, row_id, recovery_id, now - self._rules.window)
        opened = plan.opened(now, earlier, self._rules)
        if not await repository.insert(connection, row_id, recovery_id, opened, now):
            return None
        stored = StoredRecovery(recovery_id, cause.tenant_id, row_id, opened, None, is_deploying=False)
        await self._alerts.begun(connection, stored, now)
        return recovery_id


def recovery_id_of(alert_id: str) -> str:
    """The id of the recovery that an alert begins: repeated work gives the same one."""
    return f"recovery-{hashlib.sha256(alert_id.encode()).hexdigest()[:12]}"


def _visible(request: ReceiveAlertsRequest) -> list[str]:
    """The tenants that are named and that the sender may see."""
    named = {tenant_of(each) for each in request.alerts} - {""}
    return sorted(named if request.tenants is None else named & set(request.tenants))


def _latest_downs(transitions: Sequence[Transition]) -> list[Transition]:
    """The latest news of each tenant that is, or was, down."""
    return list({each.tenant_id: each for each in transitions if each.name == TENANT_DOWN}.values())


def _ignored(index: int, why: Sentence) -> IgnoredAlert:
    return IgnoredAlert(index=index, reason=why.english, reason_messages=(why.message,))


def _log_received(request: ReceiveAlertsRequest, found: SortedAlerts, begun: Sequence[str]) -> None:
    if found.transitions or found.ignored:
        _log.info(
            f"{len(found.transitions)} alerts of {request.source} recorded, {found.repeated} repeated,"
            f" {len(found.ignored)} ignored",
            action="alerts-received",
            recoveries=list(begun),
        )
