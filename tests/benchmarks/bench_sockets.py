"""CPU time of a message to a WebSocket: the steps of one deployment to many sockets, without NATS and PostgreSQL.

    make bench ARGS=sockets

The gateway's server and its outermost middlewares serve; the clients are one other process, which only reads. Compared
with writing the same frames to the same sockets.
"""

import asyncio
import base64
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar, cast

import orjson
import uvicorn
from rich.table import Table
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.frames import Frame, Opcode

from embedded.ports import free_ports
from services.gateway.__main__ import server_config
from services.gateway.deployments.projection import Update
from services.gateway.http.middleware import RequestScope, UnexpectedErrors
from services.gateway.settings import GatewaySettings
from services.gateway.websockets.connection import Send, serve, writer
from services.gateway.websockets.deployment import DeploymentFeedState, receive, send_messages
from services.gateway.websockets.stream_feed import FeedMessage, StreamFeed
from shared.events import Phase, ResourceState
from shared.subjects import Mode, Stream
from tests.support.bench_report import show


class Cost(NamedTuple):
    """CPU microseconds for a message to a socket: in our process, and in the kernel, which writes to the socket."""

    user: float
    system: float


DEPLOYMENT, SOCKETS, MESSAGES, RESOURCES = "dep-bench", 200, 100, 20
R = TypeVar("R")
START = datetime(2026, 1, 5, 1, tzinfo=UTC)


def row() -> Any:
    """The deployment's row as it is when the sockets open."""
    return SimpleNamespace(
        deployment_id=DEPLOYMENT,
        tenant_name="bench",
        last_seq=1,
        last_time=START,
        updated_at=START,
        status="deploying",
        phase=Phase.VALIDATING,
        progress=6,
        message="rendered 20 objects",
        error_code=None,
        resources=[],
    )


def step(seq: int) -> FeedMessage[Update]:
    """A step with the state of every object."""
    resources = tuple(
        ResourceState(type="Deployment", name=f"service-{n}", status="Progressing", replicas=f"{seq % 4}/3")
        for n in range(RESOURCES)
    )
    progress = 10 + seq * 80 // MESSAGES
    update = Update(DEPLOYMENT, "deploying", f"step {seq}", Phase.SCALING_SERVICES, progress, resources)
    return FeedMessage(seq, DEPLOYMENT, START + timedelta(seconds=seq), "req-bench", update)


def new_feed() -> StreamFeed[Update]:
    """A feed that this program fills itself."""
    return StreamFeed(
        Mode.DEMO,
        Stream.ECP,
        lambda event: (),
        subjects=[],
        behind=None,
        keep=1000,
        queue=1000,
        on_missed=lambda: sys.exit("a socket missed a message"),
    )


def application(feed: StreamFeed[Update]) -> Starlette:
    """The application with one route, whose sockets read `feed`."""

    async def watch(websocket: WebSocket) -> None:
        await websocket.accept()
        with feed.subscribe(DEPLOYMENT) as subscription:

            async def send_all(send: Send) -> None:
                await send_messages(send, row(), (), subscription, None, write=writer(websocket))

            await serve(websocket, send_all, receive)

    return Starlette(
        routes=[WebSocketRoute("/ws", watch)], middleware=[Middleware(RequestScope), Middleware(UnexpectedErrors)]
    )


async def measure(write: Callable[[int], None], received: asyncio.StreamReader, first: int) -> Cost:
    """What MESSAGES messages cost, that `write` sends to every socket; their numbers begin with `first`."""
    began = os.times()
    for seq in range(first, first + MESSAGES):
        write(seq)
        await received.readline()  # every socket has it
    spent = os.times()
    return Cost(*((spent[at] - began[at]) / MESSAGES / SOCKETS * 1e6 for at in range(2)))


async def run() -> tuple[Cost, Cost]:
    """Serve, connect the clients of another process, and measure the gateway, and frames that are only written."""
    feed, port = new_feed(), free_ports(1)[0]
    server = uvicorn.Server(server_config(application(feed), GatewaySettings(port=port)))
    serving = asyncio.create_task(server.serve())
    transports = cast(Any, server.server_state.connections)

    async def both(received: asyncio.StreamReader) -> tuple[Cost, Cost]:
        gateway = await measure(lambda seq: feed._fan_out(step(seq)), received, 2)
        frames = {seq: frame(seq) for seq in range(2 + MESSAGES, 2 + 2 * MESSAGES)}

        def write(seq: int) -> None:
            for each in transports:
                each.transport.write(frames[seq])

        return gateway, await measure(write, received, 2 + MESSAGES)

    try:
        return await _with_clients(port, both)
    finally:
        server.should_exit = True
        await serving


def frame(seq: int) -> bytes:
    """A message as a frame."""
    state = DeploymentFeedState(DEPLOYMENT, "bench")
    state.update(step(seq))
    text = orjson.dumps(state.message(), option=orjson.OPT_UTC_Z)
    return Frame(Opcode.TEXT, text).serialize(mask=False)


async def _with_clients(port: int, measured: Callable[[asyncio.StreamReader], Awaitable[R]]) -> R:
    clients = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "clients", str(port), stdout=asyncio.subprocess.PIPE
    )
    assert clients.stdout is not None
    try:
        await clients.stdout.readline()  # all are open
        return await measured(clients.stdout)
    finally:
        clients.kill()
        await clients.wait()


async def read_all(port: int) -> None:
    """The clients: print a line when all are open, and one for each message that all of them have."""
    readers = []
    while len(readers) < SOCKETS:
        try:
            readers.append(await _open(port))
        except ConnectionRefusedError:
            await asyncio.sleep(0.1)
    for number in range(2 * MESSAGES + 1):
        for reader in readers:
            message = await _read(reader)
            if number and message["seq"] != number + 1:
                sys.exit(f"message {number + 1} expected, {message['seq']} received")
        sys.stdout.write("\n")
        sys.stdout.flush()


async def _open(port: int) -> asyncio.StreamReader:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}")
    writer.write("\r\n".join(("GET /ws HTTP/1.1", *lines, "Sec-WebSocket-Version: 13", "", "")).encode())
    await reader.readuntil(b"\r\n\r\n")
    _OPEN.append(writer)
    return reader


_OPEN: list[asyncio.StreamWriter] = []
"""Keeps the connections open: a writer without a reference closes its own."""


async def _read(reader: asyncio.StreamReader) -> dict[str, Any]:
    head = await reader.readexactly(2)
    length = head[1]
    if length >= 126:
        length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8))
    found: dict[str, Any] = orjson.loads(await reader.readexactly(length))
    return found


def main() -> None:
    """Print the table."""
    if sys.argv[1:2] == ["clients"]:
        asyncio.run(read_all(int(sys.argv[2])))
        return
    table = Table("", "in our process", "in the kernel", title=f"CPU of a message to one of {SOCKETS} sockets")
    for name, cost in zip(("the gateway", "writing the same frames"), asyncio.run(run()), strict=True):
        table.add_row(name, f"{cost.user:.0f} µs", f"{cost.system:.0f} µs")
    show(table)


if __name__ == "__main__":
    main()
