"""`/api/v1/receivers`: where the alerts of a mode are sent, for administrators."""

from fastapi import APIRouter, Response

from services.gateway.http.schemas import answers
from services.gateway.receivers.parameters import CODES, BeforeQuery, Commands, LimitQuery, ReceiverPath, StateQuery
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

router = APIRouter(prefix="/receivers", tags=["receivers"])


@router.get("", summary="List receivers of the mode", responses=answers(*CODES))
async def list_receivers(commands: Commands) -> Receivers:
    """The receivers of the mode, which get the alerts of all tenants or of those in `tenants`."""
    return await commands.list(None)


@router.post(
    "",
    status_code=201,
    summary="Create a receiver of the mode",
    responses=answers("CONFLICT", *CODES, body=True),
)
async def create_receiver(request: NewReceiver, commands: Commands, response: Response) -> ReceiverSecret:
    """The answer has the signing secret, this once. An Idempotency-Key has no effect, for that reason."""
    response.headers["Cache-Control"] = "no-store"
    return await commands.create(None, request)


@router.get("/{receiver_name}", summary="Get a receiver of the mode", responses=answers("NOT_FOUND", *CODES))
async def get_receiver(receiver_name: ReceiverPath, commands: Commands) -> Receiver:
    """Its `spec` is the body of a change; the stored URL and credentials stay where it has none."""
    return await commands.get(None, receiver_name)


@router.put(
    "/{receiver_name}",
    summary="Change a receiver of the mode",
    responses=answers("NOT_FOUND", *CODES, body=True),
)
async def change_receiver(receiver_name: ReceiverPath, request: ReceiverSpec, commands: Commands) -> Receiver:
    """Replaces the specification. What waits goes to the new address at once. The type can't change."""
    return await commands.change(None, receiver_name, request)


@router.delete(
    "/{receiver_name}",
    status_code=204,
    summary="Remove a receiver of the mode",
    responses=answers("NOT_FOUND", "CONFLICT", *CODES),
)
async def remove_receiver(receiver_name: ReceiverPath, commands: Commands) -> None:
    """What waits for it is removed, too. One to which another one escalates stays."""
    await commands.remove(None, receiver_name)


@router.post(
    "/{receiver_name}/rotate",
    summary="Rotate the secret of a receiver of the mode",
    responses=answers("NOT_FOUND", *CODES, body=True),
)
async def rotate_receiver_secret(
    receiver_name: ReceiverPath,
    commands: Commands,
    response: Response,
    request: SecretRotation | None = None,
) -> ReceiverSecret:
    """A new signing secret. For `overlap_minutes` each webhook has a second signature, by the previous one."""
    response.headers["Cache-Control"] = "no-store"
    minutes = (request or SecretRotation()).overlap_minutes
    return await commands.rotate(None, receiver_name, minutes)


@router.post(
    "/{receiver_name}/test",
    status_code=202,
    summary="Test a receiver of the mode",
    responses=answers("NOT_FOUND", *CODES),
)
async def test_receiver(receiver_name: ReceiverPath, commands: Commands) -> TestSent:
    """Sends a notification of the type `receiver.test`, in its place after all that waits."""
    return await commands.test(None, receiver_name)


@router.get(
    "/{receiver_name}/notifications",
    summary="List notifications to a receiver of the mode",
    responses=answers("NOT_FOUND", *CODES),
)
async def list_notifications(
    receiver_name: ReceiverPath,
    commands: Commands,
    state: StateQuery = None,
    limit: LimitQuery = 50,
    before: BeforeQuery = None,
) -> SentNotifications:
    """What waits, what was sent, and what is dead because it was refused or too old; kept for 30 days."""
    return await commands.sent(None, receiver_name, state, limit, before)


@router.post(
    "/{receiver_name}/notifications/replay",
    summary="Send dead notifications to a receiver of the mode again",
    responses=answers("NOT_FOUND", *CODES, body=True),
)
async def replay_notifications(
    receiver_name: ReceiverPath, commands: Commands, request: Replay | None = None
) -> Replayed:
    """They keep their ids and their order, and go before newer ones that wait."""
    ids = (request or Replay()).notification_ids
    return await commands.replay(None, receiver_name, ids)
