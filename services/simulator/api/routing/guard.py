"""Middleware of both APIs: refuses foreign hosts and origins and too many connections, with a Status.

Unlike the gateway it doesn't check the content type, because a real API server reads a body without one as JSON.
"""

from __future__ import annotations

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp

from services.simulator.api import errors
from shared.errors import Overloaded, Refused
from shared.http.crowd import Crowd
from shared.http.gate import Gate
from shared.http.security_headers import SecurityHeaders
from shared.http.settings import HttpSettings


def guarded(app: ASGIApp, settings: HttpSettings) -> ASGIApp:
    """`app` for allowed hosts and origins, and for as many connections as the settings allow."""
    # The API closes WebSockets itself.
    crowd = Crowd(app, lambda: settings.max_connections, _busy)
    gate = Gate(crowd, settings.rules, _refusal, exposed_headers=("Warning", "Retry-After"))
    return SecurityHeaders(gate, settings.hsts)


def _busy(error: Overloaded) -> Response:
    answer = errors.unavailable(error.message)
    return Response(
        orjson.dumps(answer.status),
        answer.code,
        {"Retry-After": str(answer.retry_after), "Connection": "close"},
        media_type="application/json",
    )


def _refusal(error: Refused) -> Response:
    is_host = error.code == "MISDIRECTED_REQUEST"
    answer = errors.misdirected(error.message) if is_host else errors.foreign_origin(error.message)
    return Response(orjson.dumps(answer.status), answer.code, media_type="application/json")
