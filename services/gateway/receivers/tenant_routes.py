"""`/api/v1/tenants/{id}/receivers`: where a tenant's alerts are sent."""

from fastapi import APIRouter, Response

from services.gateway.http.parameters import TenantPath
from services.gateway.http.schemas import answers
from services.gateway.receivers.parameters import OF_TENANT, BeforeQuery, Commands, LimitQuery, ReceiverPath, StateQuery
from services.gateway.receivers.schemas import (
    NewReceiver,
    Receivers,
    ReceiverSecret,
    Replay,
    Replayed,
    SecretRotation,
    SentNotifications,
    TestSent,
)
from shared.rpc.receivers import Receiver, ReceiverSpec

router = APIRouter(prefix="/tenants/{tenant_id}/receivers", tags=["receivers"])


@router.get("", summary="List receivers of a tenant", responses=answers(*OF_TENANT))
async def list_tenant_receivers(tenant_id: TenantPath, commands: Commands) -> Receivers:
    """The tenant's receivers, and those that were made for the `actions` of its rules. None has its secrets."""
    return await commands.list(tenant_id)


@router.post(
    "",
    status_code=201,
    summary="Create a receiver of a tenant",
    responses=answers("CONFLICT", *OF_TENANT, body=True),
)
async def create_tenant_receiver(
    tenant_id: TenantPath, request: NewReceiver, commands: Commands, response: Response
) -> ReceiverSecret:
    """The answer has the signing secret, this once. An Idempotency-Key has no effect, for that reason."""
    response.headers["Cache-Control"] = "no-store"
    return await commands.create(tenant_id, request)


@router.get("/{receiver_name}", summary="Get a receiver of a tenant", responses=answers("NOT_FOUND", *OF_TENANT))
async def get_tenant_receiver(tenant_id: TenantPath, receiver_name: ReceiverPath, commands: Commands) -> Receiver:
    """Its `spec` is the body of a change; the stored URL and credentials stay where it has none."""
    return await commands.get(tenant_id, receiver_name)


@router.put(
    "/{receiver_name}",
    summary="Change a receiver of a tenant",
    responses=answers("NOT_FOUND", *OF_TENANT, body=True),
)
async def change_tenant_receiver(
    tenant_id: TenantPath, receiver_name: ReceiverPath, request: ReceiverSpec, commands: Commands
) -> Receiver:
    """Replaces the specification. What waits goes to the new address at once. The type can't change."""
    return await commands.change(tenant_id, receiver_name, request)


@router.delete(
    "/{receiver_name}",
    status_code=204,
    summary="Remove a receiver of a tenant",
    responses=answers("NOT_FOUND", "CONFLICT", *OF_TENANT),
)
async def remove_tenant_receiver(tenant_id: TenantPath, receiver_name: ReceiverPath, commands: Commands) -> None:
    """What waits for it is removed, too. One to which another one escalates stays."""
    await commands.remove(tenant_id, receiver_name)


@router.post(
    "/{receiver_name}/rotate",
    summary="Rotate the secret of a receiver of a tenant",
    responses=answers("NOT_FOUND", *OF_TENANT, body=True),
)
async def rotate_tenant_receiver_secret(
    tenant_id: TenantPath,
    receiver_name: ReceiverPath,
    commands: Commands,
    response: Response,
    request: SecretRotation | None = None,
) -> ReceiverSecret:
    """A new signing secret. For `overlap_minutes` each webhook has a second signature, by the previous one."""
    response.headers["Cache-Control"] = "no-store"
    minutes = (request or SecretRotation()).overlap_minutes
    return await commands.rotate(tenant_id, receiver_name, minutes)


@router.post(
    "/{receiver_name}/test",
    status_code=202,
    summary="Test a receiver of a tenant",
    responses=answers("NOT_FOUND", *OF_TENANT),
)
async def test_tenant_receiver(tenant_id: TenantPath, receiver_name: ReceiverPath, commands: Commands) -> TestSent:
    """Sends a notification of the type `receiver.test`, in its place after all that waits."""
    return await commands.test(tenant_id, receiver_name)


@router.get(
    "/{receiver_name}/notifications",
    summary="List notifications to a receiver of a tenant",
    responses=answers("NOT_FOUND", *OF_TENANT),
)
async def list_tenant_notifications(
    *,
    tenant_id: TenantPath,
    receiver_name: ReceiverPath,
    commands: Commands,
    state: StateQuery = None,
    limit: LimitQuery = 50,
    before: BeforeQuery = None,
) -> SentNotifications:
    """What waits, what was sent, and what is dead because it was refused or too old; kept for 30 days."""
    return await commands.sent(tenant_id, receiver_name, state, limit, before)


@router.post(
    "/{receiver_name}/notifications/replay",
    summary="Send dead notifications to a receiver of a tenant again",
    responses=answers("NOT_FOUND", *OF_TENANT, body=True),
)
async def replay_tenant_notifications(
    tenant_id: TenantPath, receiver_name: ReceiverPath, commands: Commands, request: Replay | None = None
) -> Replayed:
    """They keep their ids and their order, and go before newer ones that wait."""
    ids = (request or Replay()).notification_ids
    return await commands.replay(tenant_id, receiver_name, ids)
