"""Request/reply with every kind of NATS account: each subject of the contract, in both modes, asked for and answered.

The cells come from `shared.subjects.Rpc` and `shared.access.ACCESS`, so a new request is tested without a further line.
A request has no tenant of its own to check: only services may send one, after the gateway has checked its caller.
Systems have roles for the events that they publish; NATS refuses their requests whatever the role is.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import nats
import nats.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from embedded.accounts import add_system, authorization, passwords, systems
from embedded.nats import NatsServer
from shared.access import ACCESS, inbox
from shared.identity.caller import Role
from shared.subjects import Mode, Rpc

SYSTEMS = tuple(f"system-{role.value.replace('_', '-')}" for role in Role)
"""A named system for each role that `ecp bus add --role` can give."""
ACCOUNTS = (*ACCESS, *SYSTEMS)
SUBJECTS = {mode.subject(rpc): rpc for mode in Mode for rpc in Rpc}


def asks(account: str) -> set[str]:
    """The requests that an account may send."""
    return {subject for subject, rpc in SUBJECTS.items() if account in ACCESS and rpc in ACCESS[account].requests}


def answers(account: str) -> set[str]:
    """The requests that it may receive and answer."""
    return {subject for subject, rpc in SUBJECTS.items() if account in ACCESS and rpc in ACCESS[account].answers}


@dataclass
class Bus:
    """NATS with our accounts, a client of each, and what the server has refused of it."""

    address: str
    clients: dict[str, Client] = field(default_factory=dict)
    refused: dict[str, asyncio.Queue[str]] = field(default_factory=dict)

    async def connect(self, account: str, password: str) -> None:
        refused = self.refused[account] = asyncio.Queue()

        async def note(error: Exception) -> None:
            refused.put_nowait(str(error))

        url = self.address.replace("nats://", f"nats://{account}:{password}@")
        self.clients[account] = await nats.connect(
            url, inbox_prefix=inbox(account), allow_reconnect=False, error_cb=note
        )

    async def refusal(self, account: str) -> str:
        """The next one, in the server's words."""
        async with asyncio.timeout(20):
            return (await self.refused[account].get()).lower()


@pytest.fixture(scope="module")
async def bus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bus]:
    directory = tmp_path_factory.mktemp("requests")
    file = directory / "passwords.json"
    for name in SYSTEMS:
        add_system(file, name)
    secrets = passwords(file)
    server = NatsServer(directory, authorization=authorization(secrets))
    await server.start()
    bus = Bus(server.url)
    try:
        for account, password in ({name: secrets[name] for name in ACCESS} | systems(secrets)).items():
            await bus.connect(account, password)
        await _answer_all(bus)
        yield bus
    finally:
        for client in bus.clients.values():
            await client.close()
        await server.stop()


async def _answer_all(bus: Bus) -> None:
    """Each account that may answer a request does so, with its name."""
    for account in ACCOUNTS:

        async def answer(message: Msg, name: str = account) -> None:
            await message.respond(name.encode())

        for subject in sorted(answers(account)):
            await bus.clients[account].subscribe(subject, queue=account, cb=answer)


def test_the_cells_are_those_of_the_contract() -> None:
    for subject, rpc in SUBJECTS.items():
        assert [name for name in ACCOUNTS if subject in answers(name)], f"{rpc} has no service that answers it"
        assert [name for name in ACCOUNTS if subject in asks(name)], f"{rpc} has no service that asks for it"
    assert not any(asks(name) or answers(name) for name in ACCOUNTS if name not in _services())


def _services() -> set[str]:
    return {name for name, access in ACCESS.items() if access.requests or access.answers}


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_who_may_ask(bus: Bus, account: str) -> None:
    client = bus.clients[account]
    for subject, rpc in SUBJECTS.items():
        if subject in asks(account):
            answered = await client.request(subject, b"{}", timeout=20)
            assert rpc in ACCESS[answered.data.decode()].answers, subject
        else:
            await client.publish(subject, b"{}", reply=f"{inbox(account)}.reply")
            refusal = await bus.refusal(account)
            assert "permissions violation for publish" in refusal and subject in refusal, subject
    assert bus.refused[account].empty()


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_who_may_receive_and_answer(bus: Bus, account: str) -> None:
    client = bus.clients[account]
    for subject in [*sorted(SUBJECTS.keys() - answers(account)), "rpc.>", "demo.rpc.>", ">"]:
        await client.subscribe(subject)
        refusal = await bus.refusal(account)
        assert "permissions violation for subscription" in refusal and subject in refusal, subject
    assert bus.refused[account].empty()


@pytest.mark.parametrize("account", ACCESS)
async def test_the_replies_to_others_can_not_be_received(bus: Bus, account: str) -> None:
    for other in ACCESS:
        if other != account:
            await bus.clients[account].subscribe(f"{inbox(other)}.>")
            assert "permissions violation for subscription" in await bus.refusal(account), other


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_system_may_have_any_inbox_because_it_is_alone_in_its_account(bus: Bus, system: str) -> None:
    received: list[Msg] = []

    async def receive(message: Msg) -> None:
        received.append(message)

    listener = bus.clients[system]
    await listener.subscribe("_INBOX.>", cb=receive)
    await listener.flush(timeout=20)
    await listener.flush(timeout=20)  # the first one is sent before what was pending
    for subject in sorted(asks("gateway")):
        await bus.clients["gateway"].request(subject, b"{}", timeout=20)
    await listener.flush(timeout=20)
    assert received == []


@pytest.mark.parametrize("login", ["", "gateway:wrong@", "stranger:x@"], ids=["none", "wrong password", "unknown user"])
async def test_without_a_login_nothing_can_be_asked(bus: Bus, login: str) -> None:
    async def ignore(error: Exception) -> None:
        """The caller gets it, too."""

    client = Client()
    try:
        with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
            url = bus.address.replace("nats://", f"nats://{login}")
            await client.connect(url, allow_reconnect=False, error_cb=ignore)
    finally:
        await client.close()
