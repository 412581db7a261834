"""Announces and cancels maintenance windows, which the monitor stores.

The monitor's transaction isn't ours, so the audit trail has two rows: one before the monitor is asked, and one when it
has done it. A call that ends in between leaves the first one.
"""

from collections.abc import Mapping
from typing import Any

from services.gateway.audit.entries import Outcome
from services.gateway.audit.recording import record
from services.gateway.http.errors import found_tenant
from services.gateway.mode_context import ModeContext
from services.gateway.tenants.repository import find_tenant
from shared.rpc import AnnouncedWindow, MaintenanceReply, MaintenanceRequest


class MaintenanceCommands:
    """Those of one mode. Each raises Refused, or DependencyUnavailable while the monitor or PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database
        self._workers = context.workers

    async def announce(self, tenant_id: str, window: AnnouncedWindow) -> MaintenanceReply:
        """Announce a window of a tenant; the windows afterwards."""
        request = MaintenanceRequest(tenant_id=tenant_id, announce=window)
        return await self._change("announceMaintenance", request, window.model_dump(mode="json"))

    async def cancel(self, tenant_id: str, window_id: int) -> MaintenanceReply:
        """Cancel or end a window of a tenant; the windows afterwards."""
        request = MaintenanceRequest(tenant_id=tenant_id, cancel=window_id)
        return await self._change("cancelMaintenance", request, {"cancelled": True}, str(window_id))

    async def _change(
        self, operation: str, request: MaintenanceRequest, after: Mapping[str, Any], window: str | None = None
    ) -> MaintenanceReply:
        async with self._database.begin() as connection:
            found_tenant(await find_tenant(connection, request.tenant_id), request.tenant_id)
        await self._record(operation, request.tenant_id, window, after, Outcome.REQUESTED)
        reply = await self._workers.maintenance(request)
        await self._record(operation, request.tenant_id, window, after, Outcome.DONE)
        return reply

    async def _record(
        self, operation: str, tenant_id: str, window: str | None, after: Mapping[str, Any], outcome: Outcome
    ) -> None:
        async with self._database.begin() as connection:
            await record(connection, operation, tenant_id=tenant_id, object_id=window, after=after, outcome=outcome)
