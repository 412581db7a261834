"""WebSockets with credentials: how a page sends them, and what ends an open socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from services.gateway.access.socket_credentials import SUBPROTOCOL
from shared.subjects import Mode
from tests.support.gateway import DEMO, Gateway, running_gateway, wait_until_ready

PAGE = "https://ours.example.com"


@pytest.fixture(scope="module")
async def watched(secured: Gateway) -> AsyncIterator[Gateway]:
    """A further copy, which looks at the rights of its sockets often."""
    same = secured.settings.model_dump(
        include={"nats_url", "database_url", "demo_database_url", "oidc_issuer", "oidc_client_id"}
    )
    async with running_gateway(**same, rate_limits="off", socket_recheck=0.2, cors_origins=(PAGE,)) as running:
        await wait_until_ready(running)
        yield running


@pytest.fixture(scope="module")
async def tenant_id(gateway: Gateway) -> str:
    name = f"watched-{uuid4().hex[:8]}"
    await gateway.create(Mode.DEMO, tenant_id=name, deploy=False)
    return name


async def make_key(gateway: Gateway, **changes: Any) -> dict[str, Any]:
    body = {"name": "page", "role": "viewer", "tenants": ["*"], **changes}
    answer = await gateway.http.post("/keys", json=body, headers=DEMO)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def make_ticket(gateway: Gateway, key: str) -> str:
    answer = await gateway.http.post("/ws-tickets", headers=bearer(key))
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    ticket: str = answer.json()["ticket"]
    return ticket


@asynccontextmanager
async def opened(
    gateway: Gateway, tenant_id: str, *subprotocols: str, query: str = "", **options: Any
) -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{gateway.settings.port}/ws/monitoring/{tenant_id}{query}"
    offered: Any = list(subprotocols) or None
    async with connect(url, proxy=None, subprotocols=offered, **options) as connection:
        yield connection


async def check_open(connection: ClientConnection) -> None:
    """The socket answers, so it was neither refused nor closed."""
    await connection.send('{"action": "nonsense"}')
    assert "error" in str(await asyncio.wait_for(connection.recv(), 30))


async def end_of(connection: ClientConnection) -> int:
    """The close code."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await asyncio.wait_for(connection.recv(), 60)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def test_a_token_is_sent_as_a_subprotocol_that_the_answer_does_not_repeat(
    gateway: Gateway, watched: Gateway, tenant_id: str
) -> None:
    key = (await make_key(gateway, tenants=[tenant_id]))["key"]
    async with opened(watched, tenant_id, SUBPROTOCOL, f"bearer.{key}") as connection:
        await check_open(connection)
        assert connection.subprotocol == SUBPROTOCOL
        assert connection.response is not None
        assert key not in str(connection.response.headers)


@pytest.mark.parametrize("subprotocols", [(), (SUBPROTOCOL,), (SUBPROTOCOL, "bearer.wrong")])
async def test_a_socket_without_a_valid_credential_is_closed_with_4401(
    watched: Gateway, tenant_id: str, subprotocols: tuple[str, ...]
) -> None:
    async with opened(watched, tenant_id, *subprotocols) as connection:
        assert await end_of(connection) == 4401


async def test_a_socket_of_a_tenant_that_the_caller_may_not_see_is_one_of_an_unknown_tenant(
    gateway: Gateway, watched: Gateway, tenant_id: str
) -> None:
    key = (await make_key(gateway, tenants=["another"]))["key"]
    async with opened(watched, tenant_id, f"bearer.{key}") as connection:
        assert await end_of(connection) == 4404


async def test_a_page_of_another_origin_is_refused_with_a_valid_credential_as_well(
    gateway: Gateway, watched: Gateway, tenant_id: str
) -> None:
    token = f"bearer.{(await make_key(gateway))['key']}"
    with pytest.raises(InvalidStatus) as refused:
        async with opened(watched, tenant_id, SUBPROTOCOL, token, origin="https://elsewhere.example.com"):
            pass
    assert refused.value.response.status_code == 403
    async with opened(watched, tenant_id, SUBPROTOCOL, token, origin=PAGE) as connection:
        await check_open(connection)


async def test_a_socket_is_closed_with_4401_when_its_key_is_revoked(
    gateway: Gateway, watched: Gateway, tenant_id: str
) -> None:
    administrator = (await make_key(gateway, role="admin", tenants=None))["key"]
    made = await make_key(gateway)
    ticket = await make_ticket(watched, made["key"])
    async with (
        opened(watched, tenant_id, f"bearer.{made['key']}") as by_key,
        opened(watched, tenant_id, query=f"?ticket={ticket}") as by_ticket,
        opened(watched, tenant_id, f"bearer.{administrator}") as other,
    ):
        for connection in (by_key, by_ticket, other):
            await check_open(connection)
        answer = await watched.http.delete(f"/keys/{made['id']}", headers=bearer(administrator))
        assert answer.status_code == 204, answer.text
        assert [await end_of(by_key), await end_of(by_ticket)] == [4401, 4401]
        await check_open(other)


async def test_a_socket_is_closed_with_4403_when_a_grant_is_taken_away(
    gateway: Gateway, watched: Gateway, tenant_id: str
) -> None:
    made = await make_key(gateway, tenants=["another"])
    path = f"/tenants/{tenant_id}/access/{made['id']}?kind=key"
    assert (await gateway.http.put(path, headers=DEMO)).is_success
    async with opened(watched, tenant_id, f"bearer.{made['key']}") as connection:
        await check_open(connection)
        assert (await gateway.http.delete(path, headers=DEMO)).is_success
        assert await end_of(connection) == 4403


async def test_after_a_rotation_the_sockets_of_the_replaced_secret_end_with_it(
    gateway: Gateway, watched: Gateway, tenant_id: str
) -> None:
    leaked = await make_key(gateway)
    path, unused = f"/keys/{leaked['id']}/rotate", await make_ticket(watched, leaked["key"])
    ticket = await make_ticket(watched, leaked["key"])
    async with (
        opened(watched, tenant_id, f"bearer.{leaked['key']}") as by_key,
        opened(watched, tenant_id, query=f"?ticket={ticket}") as by_ticket,
    ):
        for connection in (by_key, by_ticket):
            await check_open(connection)
        rotated = (await gateway.http.post(path, json={"overlap_minutes": 0}, headers=DEMO)).json()
        assert [await end_of(by_key), await end_of(by_ticket)] == [4401, 4401]
    async with opened(watched, tenant_id, query=f"?ticket={unused}") as late:
        assert await end_of(late) == 4401
    ticket = await make_ticket(watched, rotated["key"])
    async with opened(watched, tenant_id, query=f"?ticket={ticket}") as present:
        await check_open(present)


async def test_a_ticket_opens_one_socket_at_any_copy_of_the_gateway(
    gateway: Gateway, secured: Gateway, watched: Gateway, tenant_id: str
) -> None:
    key = (await make_key(gateway, tenants=[tenant_id]))["key"]
    ticket = await make_ticket(secured, key)
    async with opened(watched, tenant_id, query=f"?ticket={ticket}") as first:
        await check_open(first)
        for copy in (watched, secured):
            async with opened(copy, tenant_id, query=f"?ticket={ticket}") as second:
                assert await end_of(second) == 4401
        await check_open(first)


async def test_of_many_that_use_a_ticket_at_once_one_gets_the_socket(
    gateway: Gateway, secured: Gateway, watched: Gateway, tenant_id: str
) -> None:
    ticket = await make_ticket(secured, (await make_key(gateway))["key"])

    async def is_first(copy: Gateway) -> bool:
        async with opened(copy, tenant_id, query=f"?ticket={ticket}") as connection:
            try:
                await check_open(connection)
            except ConnectionClosed:
                return False
        return True

    found = await asyncio.gather(*(is_first(copy) for copy in (secured, watched) * 5))
    assert sum(found) == 1


async def test_a_ticket_is_worth_nothing_after_30_seconds_and_in_a_header_of_a_call(
    gateway: Gateway, watched: Gateway, tenant_id: str
) -> None:
    key = (await make_key(gateway))["key"]
    ticket = await make_ticket(watched, key)
    connection = await asyncpg.connect(gateway.settings.demo_database_url)
    await connection.execute("UPDATE socket_tickets SET expires_at = now() - interval '1 s'")
    await connection.close()
    async with opened(watched, tenant_id, query=f"?ticket={ticket}") as socket:
        assert await end_of(socket) == 4401
    ticket = await make_ticket(watched, key)
    assert (await watched.http.get("/tenants/", headers=bearer(ticket))).status_code == 401
    assert ticket not in str(await stored_tickets(gateway))


async def stored_tickets(gateway: Gateway) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(gateway.settings.demo_database_url)
    try:
        return [dict(row) for row in await connection.fetch("SELECT * FROM socket_tickets")]
    finally:
        await connection.close()


async def test_the_unused_tickets_of_a_caller_are_bounded(gateway: Gateway, watched: Gateway) -> None:
    key = (await make_key(gateway))["key"]
    answers = [await watched.http.post("/ws-tickets", headers=bearer(key)) for _ in range(101)]
    assert {each.status_code for each in answers[:100]} == {201}
    assert answers[100].status_code == 429
    assert answers[100].headers["retry-after"] == "30"
    assert answers[100].json()["error"]["code"] == "RATE_LIMITED"


async def test_with_authentication_off_a_page_may_ask_for_tickets_as_well(gateway: Gateway, tenant_id: str) -> None:
    answer = await gateway.http.post("/ws-tickets", headers=DEMO)
    assert answer.status_code == 201, answer.text
    async with opened(gateway, tenant_id, query=f"?demo=true&ticket={answer.json()['ticket']}") as connection:
        await check_open(connection)
