"""`GET /api/v1/auth`: how a page signs its user in."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from services.gateway.access.sign_in import SignIn, sign_in
from services.gateway.http.schemas import answers
from services.gateway.settings import GatewaySettings

router = APIRouter(tags=["access"])


async def _settings(request: Request) -> GatewaySettings:
    settings: GatewaySettings = request.app.state.settings
    return settings


@router.get("/auth", summary="Get how to sign in", responses=answers())
async def get_sign_in(settings: Annotated[GatewaySettings, Depends(_settings)]) -> SignIn:
    """Needs no credential. With a provider, its address, and the client and scopes for a page."""
    return sign_in(settings)
