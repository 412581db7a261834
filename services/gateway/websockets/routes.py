"""`/ws/deployment/{deployment_id}` and `/ws/monitoring/{tenant_id}`. The mode: `?demo=true`, or X-Demo-Mode.

A socket is accepted before it is refused: a browser shows the close code to the page, but not why a handshake failed.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, WebSocket
from starlette.requests import HTTPConnection

from services.gateway.http.middleware import BAD_REQUEST_CLOSE
from services.gateway.http.parameters import is_possible_id
from services.gateway.mode_context import CurrentMode
from services.gateway.websockets.connection import NOT_FOUND, TRY_AGAIN, close
from services.gateway.websockets.deployment import watch_deployment
from services.gateway.websockets.feeds import Sockets
from services.gateway.websockets.monitoring import watch_monitoring
from shared.errors import TemporaryError
from shared.subjects import Mode

router = APIRouter()
_log = structlog.get_logger(__name__)
_LARGEST_SEQ = 2**62


async def _sockets(connection: HTTPConnection, context: CurrentMode) -> Sockets:
    sockets: Mapping[Mode, Sockets] = connection.app.state.sockets
    return sockets[context.mode]


CurrentSockets = Annotated[Sockets, Depends(_sockets)]


@router.websocket("/ws/deployment/{deployment_id}")
async def deployment(websocket: WebSocket, deployment_id: str, sockets: CurrentSockets) -> None:
    """The state of a deployment, then each of its steps."""

    async def watch(since: int | None) -> None:
        await watch_deployment(websocket, deployment_id, since, sockets.snapshots, sockets.deployments)

    with sockets.open_sockets.labels("deployment").track_inprogress():
        await _serve(websocket, deployment_id, watch)


@router.websocket("/ws/monitoring/{tenant_id}")
async def monitoring(websocket: WebSocket, tenant_id: str, sockets: CurrentSockets) -> None:
    """The samples of a tenant."""

    async def watch(since: int | None) -> None:
        await watch_monitoring(websocket, tenant_id, since, sockets.snapshots, sockets.samples)

    with sockets.open_sockets.labels("monitoring").track_inprogress():
        await _serve(websocket, tenant_id, watch)


async def _serve(websocket: WebSocket, topic: str, watch: Callable[[int | None], Awaitable[None]]) -> None:
    await websocket.accept()
    try:
        since = _since(websocket)
    except ValueError:
        await close(websocket, BAD_REQUEST_CLOSE, "since must be the seq of a message, a whole number of 0 or more")
        return
    if not is_possible_id(topic):
        await close(websocket, NOT_FOUND, "this id doesn't exist")
        return
    try:
        await watch(since)
    except TemporaryError as error:
        _log.info(f"WebSocket closed: {error.message}", action="close-socket")
        await close(websocket, TRY_AGAIN, error.message)
    else:
        await close(websocket, 1000, "")


def _since(websocket: WebSocket) -> int | None:
    text = websocket.query_params.get("since")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= _LARGEST_SEQ):
        raise ValueError(text)
    return int(text)
