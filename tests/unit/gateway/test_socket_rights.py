"""The credential of a socket, and what ends one that is open."""

import asyncio
from typing import Any

import pytest

from services.gateway.access.socket_credentials import (
    SUBPROTOCOL,
    TICKET,
    Subprotocol,
    any_socket_credential,
    socket_credential,
)
from services.gateway.http import request_context
from services.gateway.http.request_context import RequestContext
from services.gateway.websockets import rights
from services.gateway.websockets.rights import RightsEnded, with_rights
from shared.errors import DependencyUnavailable, Refused
from shared.identity.caller import Caller, CallerKind, Role
from tests.support.asgi import call
from tests.support.polling import eventually

CALLER = Caller("alice", CallerKind.PERSON, Role.VIEWER, frozenset({"a"}))


def scope(*subprotocols: str, query: bytes = b"") -> dict[str, Any]:
    return {"type": "websocket", "subprotocols": list(subprotocols), "query_string": query, "headers": []}


def test_a_token_is_a_subprotocol_and_a_ticket_is_in_the_url() -> None:
    assert socket_credential(scope(SUBPROTOCOL, "bearer.a.b.c")) == "a.b.c"
    assert socket_credential(scope(query=b"demo=true&ticket=ecpt_x")) == TICKET + "ecpt_x"
    assert socket_credential(scope(SUBPROTOCOL)) is None


@pytest.mark.parametrize(
    "given", [scope("bearer.a", "bearer.b"), scope("bearer.a", query=b"ticket=b"), scope(query=b"ticket=a&ticket=b")]
)
def test_more_than_one_credential_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        socket_credential(given)
    assert refused.value.code == "UNAUTHORIZED"
    assert any_socket_credential(given).removeprefix(TICKET) == "a"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [((SUBPROTOCOL, "bearer.secret"), SUBPROTOCOL), (("bearer.secret",), None), ((), None), (("other",), None)],
)
async def test_the_answer_never_names_the_token(offered: tuple[str, ...], chosen: str | None) -> None:
    async def accepting(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    [accepted] = await call(Subprotocol(accepting), **scope(*offered))
    assert accepted.get("subprotocol") == chosen


class Rights:
    """What a test lets the caller have."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.visible = True
        self.checks = 0

    async def recheck(self) -> Caller:
        self.checks += 1
        if self.error is not None:
            raise self.error
        return CALLER

    async def was_checked(self, times: int) -> bool:
        return self.checks >= times

    async def is_visible(self) -> bool:
        return self.visible


async def served(has: Rights, watch: Any) -> bool:
    with request_context.requesting(RequestContext("req-1", recheck=has.recheck)):
        return await with_rights(watch, has.is_visible, every=0.001)


async def endless(ended: asyncio.Event) -> bool:
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()
    return True


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"error": Refused("revoked", code="UNAUTHORIZED")}, 4401),
        ({"visible": False}, 4403),
    ],
)
async def test_a_socket_ends_with_its_rights_and_serves_nothing_more(change: dict[str, Any], code: int) -> None:
    has, ended = Rights(), asyncio.Event()
    task = asyncio.create_task(served(has, endless(ended)))
    await eventually(lambda: has.was_checked(2))
    assert not task.done()
    for name, value in change.items():
        setattr(has, name, value)
    with pytest.raises(RightsEnded) as raised:
        await task
    assert raised.value.code == code
    assert ended.is_set()


async def test_an_outage_ends_a_socket_only_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    has, ended = Rights(), asyncio.Event()
    has.error = DependencyUnavailable("PostgreSQL", "away")
    task = asyncio.create_task(served(has, endless(ended)))
    await eventually(lambda: has.was_checked(5))
    assert not task.done()
    monkeypatch.setattr(rights, "_LONGEST_DOUBT", 0.0)
    with pytest.raises(RightsEnded) as raised:
        await task
    assert raised.value.code == 1013


async def test_a_socket_that_ends_by_itself_gives_its_result() -> None:
    async def short() -> bool:
        return False

    assert await served(Rights(), short()) is False


async def test_an_error_of_a_socket_is_raised() -> None:
    async def broken() -> bool:
        raise DependencyUnavailable("PostgreSQL", "away")

    with pytest.raises(DependencyUnavailable):
        await served(Rights(), broken())
