"""`POST /api/v1/ws-tickets`."""

from fastapi import APIRouter, Response

from services.gateway.http.schemas import answers
from services.gateway.mode_context import CurrentMode
from services.gateway.socket_tickets.commands import make_ticket
from services.gateway.socket_tickets.schemas import SocketTicket

router = APIRouter(prefix="/ws-tickets", tags=["monitoring"])


@router.post("", status_code=201, summary="Create a ticket for a WebSocket", responses=answers("DATABASE_ERROR"))
async def create_socket_ticket(context: CurrentMode, response: Response) -> SocketTicket:
    """For pages, which can't send a header with a WebSocket: `?ticket=<ticket>` opens one socket within 30 s.

    The socket has the rights of this call's caller in this call's mode, and is closed when they end.
    """
    response.headers["Cache-Control"] = "no-store"
    return await make_ticket(context)
