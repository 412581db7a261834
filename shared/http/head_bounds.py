"""Bounds of a request's head: its path and query, and the number and size of its headers.

The parser below has one bound for what isn't complete yet, and none for a head that arrives at once. A thousand headers
or a query of 60 KB cost everything behind them more than any call needs.
"""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import Refused

_LONGEST_URL = 8 * 1024
"""Bytes of the path with its query."""
_MOST_HEADERS = 100
_LARGEST_HEADERS = 32 * 1024
"""Bytes of all headers: a token of 8 KB, cookies and what proxies add."""


class HeadBounds:
    """Refuses a head that is too large, before anything else reads it."""

    def __init__(self, app: ASGIApp, refuse: Callable[[Refused], ASGIApp]) -> None:
        """`refuse` makes the service's answer: 414 for a URL, 431 for headers."""
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = _problem(scope) if scope["type"] in ("http", "websocket") else None
        await (self._app if problem is None else self._refuse(problem))(scope, receive, send)


def _problem(scope: Scope) -> Refused | None:
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _LONGEST_URL:
        message = f"the path with its query has more than {_LONGEST_URL} bytes; send less"
        return Refused(message, code="URL_TOO_LONG", details={"limit_bytes": _LONGEST_URL})
    headers = scope["headers"]
    if len(headers) > _MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > _LARGEST_HEADERS:
        message = f"there are more than {_MOST_HEADERS} headers, or they have more than {_LARGEST_HEADERS} bytes"
        details = {"most": _MOST_HEADERS, "limit_bytes": _LARGEST_HEADERS}
        return Refused(message, code="HEADERS_TOO_LARGE", details=details)
    return None
