"""What workers did by themselves, in the audit trail: they have no request, but the event has its correlation id."""

from contextlib import AbstractContextManager

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.audit.recording import record
from services.gateway.http.request_context import RequestContext, requesting
from shared.bus import Delivery
from shared.events import DeployDrifted, TenantDeleted
from shared.identity.caller import Caller, CallerKind

_DEPLOYER = Caller("deployer", CallerKind.SYSTEM)


async def record_drift(connection: AsyncConnection, event: DeployDrifted, delivery: Delivery) -> None:
    """That what runs is no longer what was deployed, or is so again, and how often it was healed."""
    with _as_deployer(delivery):
        await record(
            connection,
            "reportDrift",
            tenant_id=event.tenant_id,
            deployment_id=event.deployment_id,
            after={"objects": len(event.drift), "heals": event.heals},
        )


async def record_deletion(connection: AsyncConnection, event: TenantDeleted, delivery: Delivery) -> None:
    """That the last object of a tenant is gone, and its rows with it."""
    with _as_deployer(delivery):
        await record(
            connection,
            "completeDeletion",
            tenant_id=event.tenant_id,
            deployment_id=event.deletion_id,
            before={"status": "deleting"},
        )


def _as_deployer(delivery: Delivery) -> AbstractContextManager[None]:
    return requesting(RequestContext(delivery.correlation_id, mode=delivery.mode, caller=_DEPLOYER))
