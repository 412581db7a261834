"""How many WebSockets one caller and one address may have open, without a server."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from services.gateway.http import request_context
from services.gateway.http.middleware import RequestScope
from services.gateway.limits.socket_limit import SocketLimit
from shared.identity.caller import LOCAL, Caller, CallerKind, Role
from tests.support.asgi import call

ANN, BEN = (Caller(name, CallerKind.PERSON, Role.VIEWER) for name in ("ann", "ben"))
FAR = "192.0.2.1"


class Sockets:
    """A gateway's sockets, which stay open until they are released."""

    def __init__(self, *, per_caller: int = 100, per_address: int = 100) -> None:
        self.refused = Counter[str]()
        self.opened = 0
        self._caller = LOCAL
        self._limit = SocketLimit(self._serve, per_caller, per_address, self._count)

    def _count(self, reason: str) -> None:
        self.refused[reason] += 1

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        self.opened += 1
        if scope["type"] == "websocket":
            await scope["released"].wait()
            await send({"type": "websocket.close", "code": 1000})

    async def code(self, caller: Caller, address: str = FAR, released: asyncio.Event | None = None) -> int:
        """Of the socket's end."""

        async def as_caller(scope: Any, receive: Any, send: Any) -> None:
            request_context.current().caller = caller
            await self._limit(scope, receive, send)

        ends = released or asyncio.Event()
        if released is None:
            ends.set()
        client = (address, 1)
        connect = {"type": "websocket.connect"}
        sent = await call(RequestScope(as_caller), connect, type="websocket", client=client, released=ends)
        return int(sent[-1]["code"])

    @asynccontextmanager
    async def open(self, *callers: Caller, address: str = FAR) -> AsyncIterator[None]:
        """A socket of each of these callers."""
        released, before = asyncio.Event(), self.opened
        tasks = [asyncio.create_task(self.code(each, address, released)) for each in callers]
        while self.opened < before + len(callers):  # noqa: ASYNC110 - each turn starts what is ready
            await asyncio.sleep(0)
        yield
        released.set()
        assert await asyncio.gather(*tasks) == [1000] * len(callers)


async def test_a_caller_has_its_sockets_and_others_have_theirs() -> None:
    sockets = Sockets(per_caller=2)
    async with sockets.open(ANN, ANN):
        assert await sockets.code(ANN) == 1013
        assert await sockets.code(ANN, address="192.0.2.9") == 1013
        assert await sockets.code(BEN) == 1000
        assert await sockets.code(Caller("ann", CallerKind.KEY, Role.VIEWER)) == 1000
    assert await sockets.code(ANN) == 1000
    assert sockets.refused == {"sockets": 2}


async def test_an_address_has_its_sockets_of_all_its_callers() -> None:
    sockets = Sockets(per_address=2)
    async with sockets.open(ANN, BEN):
        assert await sockets.code(LOCAL) == 1013
        assert await sockets.code(BEN, address="192.0.2.2") == 1000
    async with sockets.open(ANN, BEN, address="2001:db8::1"):
        assert await sockets.code(BEN, address="2001:db8::2") == 1013
    assert await sockets.code(LOCAL) == 1000


async def test_this_machine_s_own_sockets_have_no_bound_of_their_address() -> None:
    sockets = Sockets(per_caller=1, per_address=1)
    async with sockets.open(LOCAL, LOCAL, LOCAL, address="127.0.0.1"):
        assert await sockets.code(LOCAL, address="::1") == 1000


async def test_requests_are_not_counted() -> None:
    sockets = Sockets(per_caller=1)
    async with sockets.open(ANN):
        await call(RequestScope(sockets._limit), client=(FAR, 1))
    assert sockets.opened == 2
