"""Trails for tests: lines as an export has them, and a database whose rows a superuser damages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from embedded.postgres import PostgresServer
from services.gateway.audit.recording import record
from services.gateway.http.request_context import RequestContext, requesting
from shared.audit.chain import GENESIS, ChainCheck, Head, Verdict, digest_of
from shared.audit.lines import EVENT_FIELDS, Line
from shared.database import Database, DatabaseSettings
from shared.database.audit_trail import export, seal
from shared.identity.caller import Caller, CallerKind, Role
from shared.roles import GATEWAY
from shared.subjects import Mode
from tests.support.migrated_databases import migrated_database
from tests.support.service_logins import logging_in

TESTER = Caller("tester", CallerKind.PERSON, Role.OPERATOR, None, "tester@example.com")


def event(number: int, **changes: Any) -> Line:
    """A row without its seal."""
    fields = dict.fromkeys(EVENT_FIELDS) | {
        "id": number * 3,
        "recorded_at": f"2031-01-01T00:00:{number % 60:02}.000000Z",
        "recorded_by": "ecp_gateway",
        "operation": "createTenant",
        "outcome": "done",
        "tenant_id": f"tenant-{number}",
        "subject": "tester",
        "kind": "person",
        "request_id": f"req-{number}",
        "repeats": 1,
        "after": {"name": "이름", "revision": number},
    }
    return {"type": "event", "position": number, "digest": None, **fields, **changes}


def sealed(events: list[Line]) -> list[Line]:
    """The lines of a trail with these rows: its head, then each row with its seal."""
    previous, lines = GENESIS, []
    for each in events:
        previous = digest_of(previous, each["position"], each)
        lines.append({**each, "digest": previous.hex()})
    return [trail(Head(len(lines), previous.hex())), *lines]


def trail(head: Head, anchor: int = 0, lost: tuple[int, ...] = ()) -> Line:
    return {
        "type": "trail",
        "head": head._asdict(),
        "anchor": anchor,
        "owner": "owner",
        "lost": list(lost),
        "filtered": False,
    }


def checked(lines: list[Line], *expected: Head) -> Verdict:
    check = ChainCheck(lines[0], expected)
    for line in lines[1:]:
        check.add(line)
    return check.finish()


async def verdict_of(database: Database, *expected: Head) -> Verdict:
    return checked([line async for line in export(database, "production")], *expected)


async def record_some(connection: AsyncConnection, *numbers: int) -> None:
    """Rows of a person's requests."""
    for number in numbers:
        request = RequestContext(f"req-{number}", caller=TESTER, address="192.0.2.7", user_agent="test")
        with requesting(request):
            await record(
                connection,
                "changeTenant",
                tenant_id=f"tenant-{number}",
                before={"name": "before", "same": 1},
                after={"name": "이름", "same": 1},
            )


async def filled(database: Database, count: int) -> None:
    """A trail of `count` sealed rows, each of a transaction of its own."""
    for number in range(1, count + 1):
        async with database.begin() as connection:
            await record_some(connection, number)
    async with database.begin() as connection:
        assert await seal(connection, 1000) == count


async def damage(superuser: asyncpg.Connection, *statements: str) -> None:
    for statement in statements:
        await superuser.execute(statement)


@dataclass
class Trail:
    """A migrated database: as the gateway has it, as its owner, and as a superuser."""

    url: str
    gateway: Database
    owner: Database
    superuser: asyncpg.Connection

    async def first_problem(self, *statements: str) -> str:
        """What a check finds first after the statements of a superuser."""
        await damage(self.superuser, *statements)
        verdict = await verdict_of(self.gateway)
        assert not verdict.is_intact, statements
        return verdict.problems[0].text


def database_of(url: str) -> Database:
    return Database(Mode.PRODUCTION, DatabaseSettings(database_url=url, database_pool_size=5), "test")


@asynccontextmanager
async def new_trail(postgres: PostgresServer) -> AsyncIterator[Trail]:
    """A trail without rows."""
    name = f"audit_{uuid4().hex}"
    url = await migrated_database(postgres, name)
    gateway, owner = database_of(logging_in(url, GATEWAY)), database_of(url)
    superuser = await asyncpg.connect(postgres.url(name))
    try:
        yield Trail(url, gateway, owner, superuser)
    finally:
        await superuser.close()
        await gateway.dispose()
        await owner.dispose()


async def seal_all(trail: Trail) -> int:
    """Seal what waits; how many rows that was."""
    async with trail.gateway.begin() as connection:
        return await seal(connection, 1000)
