"""A receiver of webhooks: a real HTTP server on loopback that keeps what it got, and fails as a test wants."""

import base64
import hashlib
import hmac
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import orjson
from aiohttp import web


class Received(NamedTuple):
    """A call."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def data(self) -> Any:
        return orjson.loads(self.body)["data"]

    def is_signed_with(self, secret: str) -> bool:
        """Verified as a receiver would, by the specification and without our code."""
        content = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        key = base64.b64decode(secret.split("_", 1)[1])
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return f"v1,{expected}" in self.headers["webhook-signature"].split(" ")


class WebhookReceiver:
    """What was received, and how to answer."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.timed: list[tuple[float, Received]] = []
        """With the moment of the receipt, by `time.perf_counter`."""
        self.status = 200
        self.headers: dict[str, str] = {}
        self.answer = b"ok"
        self.url = ""

    @property
    def alerts(self) -> list[str]:
        """The ids of the alerts that were received, repeated deliveries left out."""
        calls = {each.id: each for each in self.received}
        return [alert["alert_id"] for call in calls.values() for alert in call.data["alerts"]]

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Received(request.path, headers, await request.read())
        if self.status < 300:
            self.timed.append((time.perf_counter(), call))
            self.received.append(call)
        return web.Response(status=self.status, headers=self.headers, body=self.answer)


@asynccontextmanager
async def webhook_receiver(tls: ssl.SSLContext | None = None) -> AsyncIterator[WebhookReceiver]:
    """A receiver on a free port of 127.0.0.1."""
    receiver = WebhookReceiver()
    application = web.Application(client_max_size=2**24)
    application.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    receiver.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()
