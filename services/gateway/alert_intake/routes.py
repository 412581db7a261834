"""`POST /api/v1/webhooks/tenant-alert`."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import HTTPConnection

from services.gateway.alert_intake.commands import AlertIntakeCommands
from services.gateway.alert_intake.schemas import AlertmanagerPayload, AlertsProcessed
from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode

router = APIRouter(tags=["alerts"])


async def _commands(connection: HTTPConnection, context: CurrentMode) -> AlertIntakeCommands:
    return AlertIntakeCommands(connection.app.state.modes, context)


@router.post(
    "/webhooks/tenant-alert",
    summary="Receive Alertmanager's alerts",
    responses=answers("DATABASE_ERROR", "WORKER_UNAVAILABLE", body=True),
)
async def receive_tenant_alert(
    payload: AlertmanagerPayload, commands: Annotated[AlertIntakeCommands, Depends(_commands)]
) -> AlertsProcessed:
    """The receiver of Alertmanager's webhook: each alert with a label `tenant_id` is recorded once, for that tenant.

    `ECPTenantDown` also begins a recovery: the tenant is restarted, looked at again after five minutes, and then closed
    or escalated. An alert with a label `mode` (`demo` or `production`) is of that mode, since Alertmanager sends no
    header for it.
    """
    return await commands.receive(payload)
