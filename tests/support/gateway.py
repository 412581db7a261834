"""A real gateway: uvicorn on a free port, real NATS and PostgreSQL, and the calculator and manifest workers."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect

from embedded.ports import free_ports
from embedded.postgres import PostgresServer
from services.calculator import app as calculator
from services.calculator.settings import CalculatorSettings
from services.gateway.__main__ import server_config
from services.gateway.app import create_app
from services.gateway.mode_context import ModeContexts
from services.gateway.settings import GatewaySettings
from services.gateway.websockets.feeds import Sockets
from services.manifest import app as manifest
from services.manifest.settings import ManifestSettings
from shared.bus import Worker
from shared.database import Database, Databases
from shared.events import Event
from shared.http.listening import HttpServer
from shared.roles import MONITOR
from shared.subjects import Mode
from tests.support.documented import check_documented
from tests.support.http_client import local_client
from tests.support.migrated_databases import migrated_database
from tests.support.polling import eventually
from tests.support.running_bus import running_bus
from tests.support.service_logins import logging_in

DEMO = {"X-Demo-Mode": "true"}
_NUMBERS = itertools.count(1)


class _Server(HttpServer):
    """Leaves the signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Gateway:
    """A running gateway, and how tests talk to it."""

    app: FastAPI
    settings: GatewaySettings
    http: httpx.AsyncClient

    @property
    def modes(self) -> ModeContexts:
        """What serves each mode, as in `create_app`."""
        modes: ModeContexts = self.app.state.modes
        return modes

    @property
    def sockets(self) -> Sockets:
        """The feeds of the demo mode."""
        sockets: Mapping[Mode, Sockets] = self.app.state.sockets
        return sockets[Mode.DEMO]

    @property
    def worker(self) -> Worker:
        """The gateway's process on the bus."""
        return self.modes[Mode.DEMO].worker

    @property
    def databases(self) -> Databases:
        """Both databases, with the gateway's rights."""
        databases: Databases = self.app.state.databases
        return databases

    @property
    def database(self) -> Database:
        """The demo database, with the gateway's rights."""
        return self.modes[Mode.DEMO].database

    @asynccontextmanager
    async def as_monitor(self, mode: Mode = Mode.DEMO) -> AsyncIterator[asyncpg.Connection]:
        """A session with a mode's database and the rights of the monitor, to write what it would."""
        url = self.settings.demo_database_url if mode is Mode.DEMO else self.settings.database_url
        connection = await asyncpg.connect(logging_in(url, MONITOR))
        try:
            yield connection
        finally:
            await connection.close()

    async def create(self, mode: Mode = Mode.DEMO, **changes: Any) -> dict[str, Any]:
        """Create a tenant; the answer to its creation."""
        answer = await self.http.post("/tenants/", json=tenant(**changes), headers=mode_header(mode))
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def get(self, path: str, mode: Mode = Mode.DEMO) -> dict[str, Any]:
        answer = await self.http.get(path, headers=mode_header(mode))
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def eventually(self, path: str, mode: Mode = Mode.DEMO, **wanted: Any) -> dict[str, Any]:
        """The answer of `path` as soon as it has the wanted fields."""
        body: dict[str, Any] = {}

        async def has_them() -> bool:
            nonlocal body
            body = await self.get(path, mode)
            return all(body[name] == value for name, value in wanted.items())

        try:
            await eventually(has_them)
        except TimeoutError:
            raise AssertionError(f"{path} never had {wanted}; last: {body}") from None
        return body

    async def reset_settings(self, *modes: Mode, **headers: str) -> None:
        """Set the settings of the modes (all by default) to their defaults, for the tests that share this gateway."""
        for mode in modes or Mode:
            body = {"kubernetes": None, "monitoring": None}
            answer = await self.http.put("/settings", json=body, headers={**mode_header(mode), **headers})
            assert answer.status_code == 200, answer.text

    async def publish(self, event: Event, mode: Mode = Mode.DEMO, event_id: str | None = None) -> None:
        """Publish what a worker would."""
        event_id = event_id or f"test-{next(_NUMBERS)}-{id(event)}"
        await self.worker.publisher.publish(event, mode=mode, event_id=event_id, correlation_id="req-test")

    @asynccontextmanager
    async def socket(self, path: str) -> AsyncIterator["Socket"]:
        url = f"ws://127.0.0.1:{self.settings.port}{path}"
        async with connect(url, proxy=None, compression=None, max_queue=None) as connection:
            yield Socket(connection)


@dataclass
class Socket:
    connection: ClientConnection

    async def next(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(await asyncio.wait_for(self.connection.recv(), 60))
        return body

    async def until(self, **wanted: Any) -> list[dict[str, Any]]:
        """All messages up to the one that has the wanted fields."""
        messages: list[dict[str, Any]] = []
        while True:
            messages.append(await self.next())
            if all(messages[-1].get(name) == value for name, value in wanted.items()):
                return messages

    async def send(self, message: Any) -> None:
        await self.connection.send(message if isinstance(message, str) else json.dumps(message))


def mode_header(mode: Mode) -> dict[str, str]:
    return DEMO if mode is Mode.DEMO else {}


def tenant(**changes: Any) -> dict[str, Any]:
    """The body of a creation, with an id of its own."""
    body = {
        "tenant_id": f"tenant-{next(_NUMBERS)}",
        "name": "내 AI 서비스",
        "service_requirements": {"callbot": 10, "chatbot": 20},
        "sla_target": {"availability": "99.9%", "response_time": "200ms"},
    }
    return {name: value for name, value in (body | changes).items() if value is not ...}


def error_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error of an answer, after a look at its shape."""
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"code", "message", "details", "timestamp", "request_id"}
    assert error["code"] == code
    assert error["request_id"] == answer.headers["x-request-id"]
    assert error["timestamp"].endswith("Z")
    return error


async def make_databases(server: PostgresServer, name: str) -> dict[str, Any]:
    """Two databases with tables, as settings with their owner's login."""
    return {
        "database_url": await migrated_database(server, f"{name}_production"),
        "demo_database_url": await migrated_database(server, f"{name}_demo"),
    }


@asynccontextmanager
async def running_gateway(**changes: Any) -> AsyncIterator[Gateway]:
    """A gateway on a free port, as soon as it listens. It and its client wait long, as tests share the machine."""
    [port] = free_ports(1)
    patience = {"rpc_timeout": 30, "call_wait": 30, "database_connect_timeout": 30, "database_command_timeout": 60}
    defaults = {"port": port, "stop_timeout": 1, "outbox_poll": 0.5, **patience}
    settings = GatewaySettings(**{**defaults, **changes})
    app = create_app(settings)
    server = _Server(server_config(app, settings))
    serving = asyncio.create_task(server.serve())
    base = f"http://127.0.0.1:{port}/api/v1"
    async with local_client(base_url=base, timeout=60, event_hooks={"response": [check_documented]}) as http:
        await eventually(lambda: _is(server.started))
        try:
            yield Gateway(app, settings, http)
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def running_workers(nats_url: str) -> AsyncIterator[list[Worker]]:
    """The two that answer questions."""
    workers = [
        calculator.build(CalculatorSettings(nats_url=nats_url)),
        manifest.build(ManifestSettings(nats_url=nats_url)),
    ]
    for worker in workers:
        await worker.start()
    try:
        yield workers
    finally:
        for worker in workers:
            await worker.stop()


async def wait_until_ready(gateway: Gateway) -> None:
    async def is_ready() -> bool:
        return (await gateway.http.get(f"http://127.0.0.1:{gateway.settings.port}/ready")).status_code == 200

    await eventually(is_ready)


async def _is(value: bool) -> bool:
    return value


@asynccontextmanager
async def gateway_with_workers(nats_url: str, postgres: PostgresServer) -> AsyncIterator[Gateway]:
    """A gateway that is ready, on databases of its own, with the workers that answer its requests."""
    urls = await make_databases(postgres, f"gateway_{uuid4().hex}")
    async with running_workers(nats_url), running_gateway(nats_url=nats_url, **urls) as running:
        await wait_until_ready(running)
        yield running


@asynccontextmanager
async def gateway_apart(postgres: PostgresServer, directory: Path) -> AsyncIterator[Gateway]:
    """The same with a bus of its own: no other gateway takes its events, and no worker of other tests acts on it."""
    async with running_bus(directory) as nats_url, gateway_with_workers(nats_url, postgres) as running:
        yield running
