"""Announces and cancels maintenance windows, which the monitor stores."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from services.gateway.audit.worker_changes import changed_by_worker
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
        return await changed_by_worker(
            self._database,
            None,
            MaintenanceReply,
            partial(self._workers.maintenance, request),
            operation=operation,
            tenant_id=request.tenant_id,
            object_id=window,
            after=after,
        )
