"""`/ws/deployment/{deployment_id}`, `/ws/monitoring/{tenant_id}` and `/ws/alerts/{tenant_id}`.

The mode is that of `?demo=true` or X-Demo-Mode. Without either, it is production, or demo for an id that only demo has:
browsers can't send the header, and the guides' pages send no parameter. A socket is accepted before it is refused: a
browser shows the close code to the page, but not why a handshake failed.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, WebSocket
from starlette.requests import HTTPConnection

from services.gateway.access.authorization import check_role, sees
from services.gateway.access.rules import SOCKETS, Rule
from services.gateway.http import request_context
from services.gateway.http.middleware import BAD_REQUEST_CLOSE
from services.gateway.http.parameters import is_possible_id
from services.gateway.websockets.alerts import watch_alerts
from services.gateway.websockets.connection import FORBIDDEN, NOT_FOUND, TRY_AGAIN, close
from services.gateway.websockets.deployment import watch_deployment
from services.gateway.websockets.feeds import Sockets
from services.gateway.websockets.monitoring import watch_monitoring
from services.gateway.websockets.rights import RightsEnded, with_rights
from shared.errors import Refused, TemporaryError
from shared.subjects import Mode

router = APIRouter()
_log = structlog.get_logger(__name__)
_LARGEST_SEQ = 2**62

Watch = Callable[[Sockets, int | None], Coroutine[object, object, bool]]
"""Serves a socket until it ends; False if the mode doesn't have the id."""


async def _candidates(connection: HTTPConnection) -> list[Sockets]:
    """The modes in which an id is looked up, in this order."""
    sockets: Mapping[Mode, Sockets] = connection.app.state.sockets
    request = request_context.current()
    modes = [request.mode] if request.mode_is_given else [Mode.PRODUCTION, Mode.DEMO]
    return [sockets[mode] for mode in modes]


Candidates = Annotated[list[Sockets], Depends(_candidates)]


@router.websocket("/ws/deployment/{deployment_id}")
async def deployment(websocket: WebSocket, deployment_id: str, candidates: Candidates) -> None:
    """The state of a deployment, then each of its steps."""

    async def watch(sockets: Sockets, since: int | None) -> bool:
        return await watch_deployment(websocket, deployment_id, since, sockets.snapshots, sockets.deployments)

    with candidates[0].open_sockets.labels("deployment").track_inprogress():
        await _serve(websocket, deployment_id, SOCKETS["deployment"], candidates, watch)


@router.websocket("/ws/monitoring/{tenant_id}")
async def monitoring(websocket: WebSocket, tenant_id: str, candidates: Candidates) -> None:
    """The samples of a tenant."""

    async def watch(sockets: Sockets, since: int | None) -> bool:
        return await watch_monitoring(websocket, tenant_id, since, sockets.snapshots, sockets.samples)

    with candidates[0].open_sockets.labels("monitoring").track_inprogress():
        await _serve(websocket, tenant_id, SOCKETS["monitoring"], candidates, watch)


@router.websocket("/ws/alerts/{tenant_id}")
async def alerts(websocket: WebSocket, tenant_id: str, candidates: Candidates) -> None:
    """The alerts of a tenant."""

    async def watch(sockets: Sockets, since: int | None) -> bool:
        return await watch_alerts(websocket, tenant_id, since, sockets.snapshots, sockets.alerts)

    with candidates[0].open_sockets.labels("alerts").track_inprogress():
        await _serve(websocket, tenant_id, SOCKETS["alerts"], candidates, watch)


@router.websocket("/{path:path}")
async def unknown(websocket: WebSocket, path: str) -> None:
    """A path without a socket. It is the last route."""
    await websocket.accept()
    await close(
        websocket,
        NOT_FOUND,
        "no such socket; see /ws/monitoring/<tenant_id>, /ws/alerts/<tenant_id>, /ws/deployment/<deployment_id>",
    )


async def _serve(websocket: WebSocket, topic: str, rule: Rule, candidates: Sequence[Sockets], watch: Watch) -> None:
    await websocket.accept()
    try:
        check_role(rule.least, request_context.current().caller)
    except Refused as refused:
        await close(websocket, FORBIDDEN, refused.message)
        return
    try:
        since = _since(websocket)
    except ValueError:
        await close(websocket, BAD_REQUEST_CLOSE, "since must be the seq of a message, a whole number of 0 or more")
        return
    if not is_possible_id(topic):
        await close(websocket, NOT_FOUND, "this id doesn't exist")
        return
    try:
        is_known = await _watch_first(candidates, since, rule, topic, watch)
    except RightsEnded as ended:
        await close(websocket, ended.code, ended.reason)
    except TemporaryError as error:
        _log.info(f"WebSocket closed: {error.message}", action="close-socket")
        await close(websocket, TRY_AGAIN, error.message)
    else:
        where = "in this mode" if len(candidates) == 1 else "in either mode"
        await close(websocket, *((1000, "") if is_known else (NOT_FOUND, f"there is no {topic!r} {where}")))


async def _watch_first(candidates: Sequence[Sockets], since: int | None, rule: Rule, topic: str, watch: Watch) -> bool:
    """Serve the socket from the first mode that has its id; False if none has it, or the caller may see none."""
    for sockets in candidates:
        has_rights = partial(_has_rights, rule, topic, sockets)
        if await has_rights() and await with_rights(watch(sockets, since), has_rights, every=sockets.recheck):
            return True
    return False


async def _has_rights(rule: Rule, topic: str, sockets: Sockets) -> bool:
    """Whether the caller, as it was proven last, may watch what the socket is about."""
    caller = request_context.current().caller
    return (rule.least is None or caller.has(rule.least)) and await sees(rule, topic, sockets.snapshots.begin)


def _since(websocket: WebSocket) -> int | None:
    text = websocket.query_params.get("since")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= _LARGEST_SEQ):
        raise ValueError(text)
    return int(text)
