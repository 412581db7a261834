"""Creates and ends silences and recurring maintenance: asked of the monitor, once for each idempotency key."""

from typing import TypeVar

from services.gateway.audit.worker_changes import author, changed_by_worker, request_id
from services.gateway.http.errors import found_tenant
from services.gateway.idempotency.transaction import CallKey
from services.gateway.mode_context import ModeContext
from services.gateway.silences.schemas import RecurringMaintenanceList
from services.gateway.tenants.repository import find_tenant
from shared.errors import DependencyUnavailable
from shared.rpc.silences import (
    NewRecurringMaintenance,
    NewSilence,
    RecurringMaintenance,
    RecurringMaintenanceRequest,
    Silence,
    SilencesReply,
    SilencesRequest,
)

T = TypeVar("T")


class SilenceCommands:
    """Those of one mode. Each raises Refused, or DependencyUnavailable while the monitor or PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database
        self._workers = context.workers

    async def create(self, tenant_id: str, silence: NewSilence, key: CallKey | None) -> Silence:
        """Create a silence in the caller's name."""
        request = SilencesRequest(tenant_id=tenant_id, request_id=request_id(key), author=author(), create=silence)
        after = silence.model_dump(mode="json", exclude_none=True)
        return await self._silence("createSilence", request, key, None, after)

    async def end(self, tenant_id: str, silence_id: str) -> Silence:
        """End a silence now."""
        request = SilencesRequest(tenant_id=tenant_id, author=author(), end=silence_id)
        return await self._silence("endSilence", request, None, silence_id, {"ended": True})

    async def announce(self, tenant_id: str, new: NewRecurringMaintenance, key: CallKey | None) -> RecurringMaintenance:
        """Announce maintenance that repeats."""
        request = RecurringMaintenanceRequest(
            tenant_id=tenant_id, request_id=request_id(key), author=author(), create=new
        )

        async def ask() -> RecurringMaintenance:
            reply = await self._workers.recurring_maintenance(request)
            return _only(reply.changed)

        await self._check(tenant_id)
        return await changed_by_worker(
            self._database,
            key,
            RecurringMaintenance,
            ask,
            operation="announceRecurringMaintenance",
            tenant_id=tenant_id,
            after=new.model_dump(mode="json", exclude_none=True),
        )

    async def cancel(self, tenant_id: str, recurring_id: str) -> RecurringMaintenanceList:
        """Cancel maintenance that repeats, with its windows that haven't begun."""
        request = RecurringMaintenanceRequest(tenant_id=tenant_id, author=author(), cancel=recurring_id)

        async def ask() -> RecurringMaintenanceList:
            reply = await self._workers.recurring_maintenance(request)
            return RecurringMaintenanceList(tenant_id=tenant_id, recurring=reply.recurring)

        await self._check(tenant_id)
        return await changed_by_worker(
            self._database,
            None,
            RecurringMaintenanceList,
            ask,
            operation="cancelRecurringMaintenance",
            tenant_id=tenant_id,
            object_id=recurring_id,
            after={"cancelled": True},
        )

    async def _silence(
        self,
        operation: str,
        request: SilencesRequest,
        key: CallKey | None,
        silence_id: str | None,
        after: dict[str, object],
    ) -> Silence:
        async def ask() -> Silence:
            reply: SilencesReply = await self._workers.silences(request)
            return _only(reply.changed)

        await self._check(request.tenant_id)
        return await changed_by_worker(
            self._database,
            key,
            Silence,
            ask,
            operation=operation,
            tenant_id=request.tenant_id,
            object_id=silence_id,
            after=after,
        )

    async def _check(self, tenant_id: str) -> None:
        """Raise Refused (TENANT_NOT_FOUND) before anything is recorded about a tenant that doesn't exist."""
        async with self._database.begin() as connection:
            found_tenant(await find_tenant(connection, tenant_id), tenant_id)


def _only(changed: T | None) -> T:
    """What a reply to a change has. Raises DependencyUnavailable for a monitor that left it out."""
    if changed is None:
        raise DependencyUnavailable("monitor", "its reply lacks what it has changed", code="WORKER_UNAVAILABLE")
    return changed
