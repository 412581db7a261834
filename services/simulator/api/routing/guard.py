"""Middleware of both APIs: refuses foreign hosts and origins, large heads, and too much at once, with a Status.

Unlike the gateway it doesn't check the content type, because a real API server reads a body without one as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp

from services.simulator.api import errors
from services.simulator.api.errors import ApiError
from services.simulator.api.routing.in_flight import InFlight
from shared.errors import Overloaded, Refused
from shared.http.crowd import Crowd
from shared.http.gate import Gate
from shared.http.head_bounds import HeadBounds
from shared.http.security_headers import SecurityHeaders
from shared.http.settings import HttpSettings


def guarded(app: ASGIApp, settings: HttpSettings) -> ASGIApp:
    """`app` for allowed hosts and origins, and for as many connections and requests as may be."""
    bounded = HeadBounds(InFlight(app, _try_again), _large)
    # The API closes WebSockets itself.
    crowd = Crowd(bounded, lambda: settings.max_connections, _busy)
    gate = Gate(crowd, settings.rules, _refusal, exposed_headers=("Warning", "Retry-After"))
    return SecurityHeaders(gate, settings.hsts)


def _busy(error: Overloaded) -> Response:
    return _response(errors.unavailable(error.message), {"Connection": "close"})


def _try_again() -> Response:
    return _response(errors.too_many_requests())


def _large(error: Refused) -> Response:
    is_url = error.code == "URL_TOO_LONG"
    return _response(errors.url_too_long(error.message) if is_url else errors.head_too_large(error.message))


def _refusal(error: Refused) -> Response:
    is_host = error.code == "MISDIRECTED_REQUEST"
    answer = errors.misdirected(error.message) if is_host else errors.foreign_origin(error.message)
    return _response(answer)


def _response(answer: ApiError, headers: Mapping[str, str] | None = None) -> Response:
    retry = {"Retry-After": str(answer.retry_after)} if answer.retry_after else {}
    return Response(
        orjson.dumps(answer.status), answer.code, {**retry, **(headers or {})}, media_type="application/json"
    )
