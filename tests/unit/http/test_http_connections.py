"""Bounds and deadlines of connections, with real ones: half requests, crowds, and no file descriptors."""

import asyncio
import contextlib
import json
import logging
import resource
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from embedded.ports import free_ports
from shared.http.addresses import LOOPBACK
from shared.http.connections import ConnectionLimits, bounded
from shared.http.crowd import Crowd
from shared.http.fixed_headers import ALWAYS
from shared.http.listening import HttpServer
from shared.http.websocket_connections import WRITE_EXTENSION, bounded_socket

pytestmark = pytest.mark.slow


HALF_HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
HALF_BODY = HALF_HEAD + b"Content-Length: 62\r\n\r\n{"
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = HEALTH.replace(
    b"\r\n\r\n",
    b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
)
SHORT = ConnectionLimits(head_seconds=0.2, body_seconds=0.2)


class App:
    """Answers a whole request; `/wait` only when it is released."""

    def __init__(self) -> None:
        self.executed: list[str] = []
        self.released = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.disconnect":
            return
        self.executed.append(scope["path"])
        if scope["path"] == "/wait":
            await self.released.wait()
        size = 32_000_000 if scope["path"] == "/large" else 2
        await PlainTextResponse("x" * size)(scope, receive, send)


class _Server(HttpServer):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: Any, limits: ConnectionLimits, sockets: int = 1) -> AsyncIterator[_Server]:
    [port] = free_ports(1)
    crowd = Crowd(app, lambda: sockets, lambda error: PlainTextResponse(error.code, 503, {"Connection": "close"}))
    config = uvicorn.Config(
        crowd,
        port=port,
        http=bounded(limits),
        ws=bounded_socket(limits),
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=limits.idle_seconds,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield server
    finally:
        server.should_exit = True
        await running


class Client:
    """A connection that sends what it is told, and no more."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def status(self) -> int:
        """Of the next answer; 0 if the connection ended without one."""
        async with asyncio.timeout(60):
            try:
                line = await self.reader.readline()
                while line and await self.reader.readline() not in (b"\r\n", b""):
                    pass
            except ConnectionError:
                return 0
        return int(line.split()[1]) if line else 0

    async def answer(self) -> int:
        """The status of the next answer, which is read whole."""
        status = await self.status()
        await self.reader.readexactly(2)
        return status

    async def has_ended(self) -> bool:
        async with asyncio.timeout(60):
            with contextlib.suppress(ConnectionError):
                await self.reader.read()
        return True


@asynccontextmanager
async def connected(port: int, *sent: bytes, address: str = "127.0.0.1") -> AsyncIterator[list[Client]]:
    """One connection for each of `sent`, from this address."""
    clients: list[Client] = []
    try:
        for data in sent:
            clients.append(Client(*await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))))
            await clients[-1].send(data)
        yield clients
    finally:
        for client in clients:
            client.writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await client.writer.wait_closed()


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not check():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("half", [HALF_HEAD, HALF_BODY, HALF_HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel"])
async def test_half_requests_end_with_a_time_out_and_are_not_executed(half: bytes) -> None:
    app = App()
    async with serving(app, SHORT) as server, connected(server.config.port, *[half] * 20) as clients:
        assert [await client.status() for client in clients] == [408] * 20
        await until(lambda: not server.server_state.connections)
    assert app.executed == []


async def test_a_head_that_comes_byte_by_byte_has_the_same_deadline() -> None:
    async with serving(App(), SHORT) as server, connected(server.config.port, HALF_HEAD) as [client]:
        answered = asyncio.create_task(client.status())
        while not answered.done():
            with contextlib.suppress(ConnectionError):
                await client.send(b"x")
            await asyncio.sleep(0.02)
        assert await answered in (408, 0)


async def test_a_connection_that_never_asks_for_anything_is_ended() -> None:
    async with serving(App(), SHORT) as server, connected(server.config.port, b"") as [client]:
        assert await client.has_ended()


async def test_between_two_requests_a_connection_is_kept_longer_than_a_head_may_take() -> None:
    async with serving(App(), SHORT) as server, connected(server.config.port, HEALTH, HALF_HEAD) as [client, half]:
        assert await client.answer() == 200
        # The other's deadline has begun later, and is over.
        assert await half.status() == 408
        await client.send(HEALTH)
        assert await client.answer() == 200
        await client.send(HALF_HEAD)
        assert await client.status() == 408


async def test_an_idle_connection_is_ended_after_its_time() -> None:
    async with (
        serving(App(), ConnectionLimits(idle_seconds=1)) as server,
        connected(server.config.port, HEALTH) as [client],
    ):
        assert await client.answer() == 200
        assert await client.has_ended()


async def test_an_answer_may_take_longer_than_the_request() -> None:
    app = App()
    waiting = HEALTH.replace(b"/health", b"/wait")
    async with serving(app, SHORT) as server, connected(server.config.port, waiting, HALF_HEAD) as [client, half]:
        assert await half.status() == 408
        app.released.set()
        assert await client.status() == 200


async def test_a_client_that_does_not_read_its_answer_is_left() -> None:
    large = HEALTH.replace(b"/health", b"/large")
    app = App()
    async with serving(app, ConnectionLimits(write_seconds=0.2)) as server, connected(server.config.port, large):
        await until(lambda: app.executed == ["/large"])
        await until(lambda: not server.server_state.connections)


async def test_the_oldest_idle_connection_makes_room_for_a_new_one() -> None:
    limits = ConnectionLimits(connections=4)
    async with serving(App(), limits) as server, connected(server.config.port, *[HALF_HEAD] * 40) as clients:
        async with connected(server.config.port, HEALTH) as [newest]:
            assert await newest.status() == 200
        assert await clients[0].has_ended()


async def refusing(scope: Any, receive: Any, send: Any) -> None:
    """Refuses sockets and POSTs before a body is read, as authentication does, and serves the rest."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4401})
    else:
        await PlainTextResponse("ok", 401 if scope["method"] == "POST" else 200)(scope, receive, send)


@pytest.mark.parametrize(
    ("opening", "status"),
    [(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", 401), (UPGRADE, 101)],
    ids=["body that never comes", "close that is never answered"],
)
async def test_clients_that_were_refused_and_stay_take_the_place_of_no_other(opening: bytes, status: int) -> None:
    get = HEALTH.replace(b"/health", b"/other")
    async with (
        serving(refusing, ConnectionLimits(connections=4), sockets=40) as server,
        connected(server.config.port, *[opening] * 4) as clients,
    ):
        assert [await client.status() for client in clients] == [status] * 4
        async with connected(server.config.port, get) as [other]:
            assert await other.status() == 200


async def test_where_all_are_at_work_more_are_told_to_come_again_and_health_answers() -> None:
    app = App()
    waiting, other = (HEALTH.replace(b"/health", path) for path in (b"/wait", b"/other"))
    async with serving(app, ConnectionLimits(connections=4)) as server:
        port = server.config.port
        async with connected(port, *[waiting] * 4) as clients:
            await until(lambda: len(app.executed) == 4)
            async with connected(port, other, HEALTH) as [more, health]:
                assert await more.status() == 503
                assert await health.status() == 200
            app.released.set()
            assert [await client.status() for client in clients] == [200] * 4
        async with connected(port, other) as [later]:
            assert await later.status() == 200
    assert app.executed.count("/other") == 1


ONE_ADDRESS = ConnectionLimits(connections=60, per_address=4, head_seconds=60.0)


async def test_one_address_can_not_hold_all_connections_and_its_health_checks_are_answered() -> None:
    app = App()
    waiting, other = (HEALTH.replace(b"/health", path) for path in (b"/wait", b"/other"))
    async with serving(app, ONE_ADDRESS) as server:
        port = server.config.port
        async with connected(port, *[waiting] * 4) as clients:
            await until(lambda: len(app.executed) == 4)
            async with connected(port, other, HEALTH) as [more, health]:
                assert [await more.status(), await health.status()] == [503, 200]
            async with connected(port, other, address="127.0.0.2") as [elsewhere]:
                assert await elsewhere.status() == 200
            app.released.set()
            assert [await client.status() for client in clients] == [200] * 4


async def test_open_sockets_count_as_connections_of_their_address() -> None:
    app = Telling(1)
    async with serving(app, ONE_ADDRESS, sockets=40) as server:
        port = server.config.port
        async with connected(port, *[UPGRADE] * 4) as clients:
            assert [await client.status() for client in clients] == [101] * 4
            get = HEALTH.replace(b"/health", b"/other")
            async with connected(port, get) as [more], connected(port, get, address="127.0.0.2") as [elsewhere]:
                assert [await more.status(), await elsewhere.status()] == [503, 200]


async def test_what_an_address_holds_idle_makes_room_for_its_next_connection_and_not_that_of_others() -> None:
    async with serving(App(), ONE_ADDRESS) as server:
        port = server.config.port
        async with (
            connected(port, HALF_HEAD, address="127.0.0.2") as [other],
            connected(port, *[HALF_HEAD] * 4) as clients,
            connected(port, HEALTH) as [newest],
        ):
            assert await newest.status() == 200
            assert await clients[0].has_ended()
            await other.send(b"Content-Length: 0\r\n\r\n")
            assert await other.status() == 200


async def test_a_shared_address_has_no_bound_of_its_own() -> None:
    app = App()
    limits = ConnectionLimits(connections=60, per_address=4, shared_addresses=LOOPBACK)
    waiting = HEALTH.replace(b"/health", b"/wait")
    async with serving(app, limits) as server, connected(server.config.port, *[waiting] * 12) as clients:
        await until(lambda: len(app.executed) == 12)
        app.released.set()
        assert [await client.status() for client in clients] == [200] * 12


async def test_past_the_reserve_a_connection_is_refused_at_once() -> None:
    app = App()
    waiting = HEALTH.replace(b"/health", b"/wait")
    crowd = HEALTH.replace(b"/health", b"/metrics")
    async with (
        serving(app, ConnectionLimits(connections=1)) as server,
        connected(server.config.port, waiting) as [first],
    ):
        await until(lambda: app.executed == ["/wait"])
        async with connected(server.config.port, *[crowd] * 30) as clients:
            statuses = [await client.status() for client in clients]
            assert set(statuses) <= {0, 200, 503}
            assert 200 in statuses
        app.released.set()
        assert await first.status() == 200


@pytest.mark.parametrize(("sent", "status"), [(b"nonsense\r\n\r\n", b"400"), (HALF_BODY, b"408")])
async def test_answers_of_the_server_itself_have_the_security_headers_and_no_body(sent: bytes, status: bytes) -> None:
    async with serving(App(), SHORT) as server, connected(server.config.port, sent) as [client]:
        async with asyncio.timeout(20):
            head, _, body = (await client.reader.read()).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert (lines[0].split()[1], body) == (status, b"")
    assert {f"{name}: {value}".encode() for name, value in ALWAYS} <= set(lines)


async def test_what_is_no_http_and_refused_sockets_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(App(), ConnectionLimits(), sockets=0) as server:
        async with connected(server.config.port, *[b"nonsense\r\n\r\n"] * 20) as clients:
            assert [await client.status() for client in clients] == [400] * 20
        async with connected(server.config.port, *[UPGRADE] * 20) as clients:
            assert [await client.status() for client in clients] == [503] * 20
        async with connected(server.config.port, *[UPGRADE.replace(b"websocket", b"h2c")] * 20) as clients:
            assert [await client.status() for client in clients] == [200] * 20
    serious = [each for each in caplog.records if each.name == "uvicorn.error" and each.levelno >= logging.WARNING]
    assert len(serious) <= 1


class Telling:
    """A socket that sends `size` bytes when it is released."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.released = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            await PlainTextResponse("ok")(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        await self.released.wait()
        await send({"type": "websocket.send", "bytes": b"x" * self.size})
        await asyncio.Event().wait()


async def test_an_open_socket_owes_no_head_and_no_body() -> None:
    app = Telling(3)
    async with serving(app, SHORT) as server, connected(server.config.port, UPGRADE) as [socket]:
        assert await socket.status() == 101
        async with connected(server.config.port, HALF_HEAD) as [half]:
            assert await half.status() == 408
        app.released.set()
        assert await socket.reader.readexactly(5) == b"\x82\x03xxx"


class Writing:
    """Sends to a socket in both ways, and notes what writing at once returned."""

    def __init__(self) -> None:
        self.written: list[bool] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        write = scope["extensions"][WRITE_EXTENSION]
        await receive()
        self.written.append(write("early"))
        await send({"type": "websocket.accept"})
        self.written.append(write("a"))
        await send({"type": "websocket.send", "text": "b"})
        self.written.append(write("c" * 200))
        await send({"type": "websocket.close"})
        self.written.append(write("late"))


async def test_a_text_is_written_at_once_between_the_handshake_and_the_end_and_in_order() -> None:
    app = Writing()
    async with serving(app, ConnectionLimits()) as server, connected(server.config.port, UPGRADE) as [socket]:
        assert await socket.status() == 101
        sent = b"\x81\x01a\x81\x01b\x81\x7e\x00\xc8" + b"c" * 200 + b"\x88\x02\x03\xe8"
        assert await socket.reader.readexactly(len(sent)) == sent
    assert app.written == [False, True, True, False]


async def test_a_socket_whose_client_does_not_read_is_left() -> None:
    app = Telling(32_000_000)
    app.released.set()
    async with (
        serving(app, ConnectionLimits(write_seconds=0.2)) as server,
        connected(server.config.port, UPGRADE) as [socket],
    ):
        assert await socket.status() == 101
        await until(lambda: not server.server_state.connections)


@pytest.mark.parametrize(
    "opening",
    [
        UPGRADE.replace(b"GET", b"POST").replace(b"Upgrade:", b"Content-Length: 2\r\nUpgrade:"),
        UPGRADE.replace(b"Upgrade:", b"X-Long: " + b"a" * 9000 + b"\r\nUpgrade:"),
        UPGRADE.replace(b"Upgrade:", b"X: a\r\n" * 200 + b"Upgrade:"),
    ],
)
async def test_a_handshake_that_can_not_be_read_is_refused_at_once(opening: bytes) -> None:
    async with serving(App(), ConnectionLimits()) as server, connected(server.config.port, opening) as [client]:
        assert await client.status() == 400
        assert await client.has_ended()
        await until(lambda: not server.server_state.connections)


def test_a_process_with_few_descriptors_serves_fewer_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        assert ConnectionLimits(connections=1000, kept_descriptors=100).most() == 512 - 100 - 16
        assert ConnectionLimits(connections=50).most() == 50
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_descriptors_health_answers_and_the_log_stays_short() -> None:
    """The worst case: nothing was kept, and connections take all that the process may open."""
    [port] = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.unit.http.few_descriptors", str(port), stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(60):
            assert json.loads(await process.stderr.readline())["event"] == "listening"
        async with connected(port, *[HALF_HEAD] * 150):
            for _ in range(5):
                assert await _eventually_healthy(port)
    finally:
        process.terminate()
        log = (await process.communicate())[1].decode()
    assert len(log.splitlines()) <= 5, log
    assert "Connections are refused" in log


async def _eventually_healthy(port: int) -> bool:
    async with asyncio.timeout(60):
        while True:
            async with connected(port, HEALTH) as [client]:
                if await client.status() == 200:
                    return True
            await asyncio.sleep(0.05)
