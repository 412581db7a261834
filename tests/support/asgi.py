"""Calls ASGI applications without a server."""

from typing import Any


async def call(app: Any, *messages: dict[str, Any], **scope: Any) -> list[dict[str, Any]]:
    """What an ASGI application sends."""
    incoming = list(messages) or [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return incoming.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    base = {"type": "http", "method": "POST", "path": "/api/v1/x", "headers": [], "query_string": b""}
    await app({**base, **scope}, receive, send)
    return sent


async def echo(scope: Any, receive: Any, send: Any) -> None:
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
