"""Works on the open recoveries of one mode: asks for restarts, one at a time, and looks at what they brought.

All that it knows is in the database, and each step is one transaction on a locked row. So a monitor that is killed
goes on where it was: a restart that it requested without storing the answer is requested again under the same key,
and is the same restart. Of several copies one works; should two, the row's lock and the key keep them from doing
anything twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.alerts.tenant_locks import lock_tenants
from services.monitor.clock import Now
from services.monitor.outage_log import OutageLog
from services.monitor.recovery import plan, repository
from services.monitor.recovery.plan import Recovery, RecoveryRules, Refusal, Stage
from services.monitor.recovery.recovery_alerts import RecoveryAlerts
from services.monitor.recovery.repository import StoredRecovery
from shared.database import Database
from shared.errors import DependencyUnavailable, Refused, TemporaryError
from shared.events.statuses import ENDED
from shared.messages import Message, Sentence
from shared.rpc import RestartReply, RestartRequest

_log = structlog.get_logger(__name__)
LEASE = "monitor.recovery"
_FRESH = timedelta(seconds=60)
"""A sample that is older tells nothing about a tenant."""
_KEPT = timedelta(days=90)
"""Ended recoveries are removed later."""
_REFUSALS = {
    "operation-in-progress": Refusal.BUSY,
    "stopped-restart": Refusal.ENDED,
    "tenant-being-deleted": Refusal.ENDED,
}
"""By the message id of a conflict; another one can't be mended by a restart."""

AskRestart = Callable[[RestartRequest], Awaitable[RestartReply]]
"""Raises Refused, or DependencyUnavailable while no gateway answers."""


class RecoveryLease(Protocol):
    """What lets one copy work."""

    async def while_held(self, key: str, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Do `work` while holding the lease; False if another process has it. Raises DependencyUnavailable."""


class RecoveryRunner:
    """The recoveries of one mode."""

    def __init__(
        self,
        database: Database,
        alerts: RecoveryAlerts,
        ask_restart: AskRestart,
        rules: RecoveryRules,
        now: Now,
        *,
        lease: RecoveryLease,
        poll: float,
    ) -> None:
        """`poll` is the pause between two rounds in seconds."""
        self._database = database
        self._alerts = alerts
        self._ask_restart = ask_restart
        self._rules = rules
        self._now = now
        self._lease = lease
        self._poll = poll
        self._outage = OutageLog()

    async def run(self) -> None:
        """Work until cancelled, whenever no other copy does."""
        while True:
            try:
                await self._lease.while_held(LEASE, self._work)
            except TemporaryError as error:
                self._outage.begins(f"Recoveries are interrupted: {error.message}")
            await asyncio.sleep(self._poll)

    async def _work(self) -> None:
        while True:
            await self.step()
            self._outage.ends("Recoveries continue.")
            await asyncio.sleep(self._poll)

    async def step(self) -> None:
        """Do what is due now. Raises TemporaryError, and then continues with the next call."""
        async with self._database.begin() as connection:
            await repository.remove_ended(connection, self._now() - _KEPT)
            recoveries = await repository.list_open(connection)
        is_free = True
        for stored in recoveries:
            if stored.is_deploying and stored.plan.stage is Stage.WATCH:
                is_free &= await self._has_ended(stored)
        for stored in recoveries:
            if stored.plan.stage is not Stage.RESTART and stored.plan.due_at <= self._now():
                await self._look(stored)
        if is_free:
            await self._restart_next(recoveries)

    async def _has_ended(self, stored: StoredRecovery) -> bool:
        """Whether the restart in progress has ended, or has held up the others for long enough."""
        try:
            reply = await self._ask_restart(_request(stored, len(stored.plan.restarts)))
        except (Refused, DependencyUnavailable):
            return stored.plan.due_at <= self._now()
        if reply.status not in ENDED:
            return stored.plan.due_at <= self._now()
        async with self._database.begin() as connection:
            locked = await _lock(connection, stored)
            if locked is not None and locked.plan == stored.plan:
                await repository.update(connection, locked._replace(is_deploying=False), self._now())
        return True

    async def _look(self, stored: StoredRecovery) -> None:
        async with self._database.begin() as connection:
            locked = await _lock(connection, stored)
            if locked is None or locked.plan != stored.plan:
                return
            now = self._now()
            health = await repository.health(connection, locked, now, _FRESH)
            earlier = await repository.earlier_restarts(
                connection, locked.row_id, locked.recovery_id, now - self._rules.window
            )
            after = plan.looked(locked.plan, health, now, earlier, self._rules)
            await self._alerts.stepped(connection, locked, after, now)
        _log_step(locked, after, health=health.value)

    async def _restart_next(self, recoveries: Sequence[StoredRecovery]) -> None:
        """Ask for the restart that waits longest."""
        waiting = [each for each in recoveries if each.plan.stage is Stage.RESTART]
        if not waiting:
            return
        stored = waiting[0]
        asked = plan.asked(stored.plan, self._now())
        if not await self._store(stored, asked):
            return
        stored = stored._replace(plan=asked)
        try:
            reply = await self._ask_restart(_request(stored, asked.attempt))
        except Refused as refused:
            await self._store(stored, self._after_refusal(asked, refused))
        except DependencyUnavailable as error:
            _log.warning(
                f"No restart yet: {error.message}", action="recovery-unanswered", recovery_id=stored.recovery_id
            )
            await self._store(stored, plan.unanswered(asked, self._now(), self._rules))
        else:
            after = plan.accepted(asked, self._now(), self._rules)
            await self._store(stored, after, reply)

    def _after_refusal(self, asked: Recovery, refused: Refused) -> Recovery:
        now, why = self._now(), _why(refused)
        if refused.code == "TENANT_NOT_FOUND":
            return plan.refused(asked, Refusal.ENDED, why, now, self._rules)
        if refused.code != "CONFLICT":
            # A passing failure of the gateway, such as a database without connections.
            return plan.unanswered(asked, now, self._rules)
        refusal = _REFUSALS.get(refused.message_id or "", Refusal.IMPOSSIBLE)
        return plan.refused(asked, refusal, why, now, self._rules)

    async def _store(self, stored: StoredRecovery, after: Recovery, reply: RestartReply | None = None) -> bool:
        """Store a step, unless the recovery isn't as it was read any more."""
        async with self._database.begin() as connection:
            locked = await _lock(connection, stored)
            if locked is None or locked.plan != stored.plan:
                return False
            if reply is not None:
                locked = locked._replace(deployment_id=reply.deployment_id, is_deploying=reply.status not in ENDED)
            await self._alerts.stepped(connection, locked, after, self._now())
        _log_step(locked, after)
        return True


async def _lock(connection: AsyncConnection, stored: StoredRecovery) -> StoredRecovery | None:
    """The recovery as it is now, locked after its tenant; None if it has ended."""
    await lock_tenants(connection, [stored.tenant_id])
    return await repository.lock(connection, stored.recovery_id)


def _request(stored: StoredRecovery, attempt: int) -> RestartRequest:
    return RestartRequest(tenant_id=stored.tenant_id, key=f"{stored.recovery_id}/{attempt}")


def _why(refused: Refused) -> Sentence:
    details = {name: str(value) for name, value in refused.details.items() if isinstance(value, str | int)}
    return Sentence(refused.message, Message(id=refused.message_id or refused.code, params=details))


def _log_step(before: StoredRecovery, after: Recovery, **context: str) -> None:
    if after.stage is not before.plan.stage:
        _log.info(
            f"Recovery: {before.plan.stage} -> {after.stage}",
            action="recovery-step",
            tenant_id=before.tenant_id,
            recovery_id=before.recovery_id,
            restarts=len(after.restarts),
            **context,
        )
