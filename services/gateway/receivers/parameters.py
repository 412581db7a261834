"""Parameters of the routes about receivers."""

from typing import Annotated

from fastapi import Depends, Path, Query

from services.gateway.mode_context import CurrentMode
from services.gateway.receivers.commands import ReceiverCommands
from shared.rpc.receivers import MOST_LISTED, NotificationState

CODES = ("DATABASE_ERROR", "WORKER_UNAVAILABLE")
OF_TENANT = ("TENANT_NOT_FOUND", *CODES)
ReceiverPath = Annotated[
    str,
    Path(
        pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
        max_length=63,
        description="The receiver's name",
        examples=["oncall"],
    ),
]
StateQuery = Annotated[NotificationState | None, Query(description="Only those that wait, were sent, or are dead")]
LimitQuery = Annotated[int, Query(ge=1, le=MOST_LISTED, description="How many at most")]
BeforeQuery = Annotated[
    str | None, Query(min_length=1, max_length=40, description="The id of a notification: only older ones")
]


async def _commands(context: CurrentMode) -> ReceiverCommands:
    return ReceiverCommands(context)


Commands = Annotated[ReceiverCommands, Depends(_commands)]
