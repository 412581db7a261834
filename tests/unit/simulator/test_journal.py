"""The journal against a fake database: grouping, retries, reserved versions and bounded waits.

`tests/integration/test_simulator_journal.py` runs it against PostgreSQL.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from services.simulator.storage.journal import Journal, JournalAway

ROW = ("configmaps", ("shop", "one"))


async def _at_once(statement: str) -> None:
    """A server that executes without waiting."""


class FakeConnection:
    """A connection that records its statements; `fails` makes the next ones raise."""

    def __init__(self, database: "FakeDatabase") -> None:
        self._database = database
        self._listener: Callable[[object], None] = lambda connection: None
        self.is_open = True

    async def execute(self, statement: str, *arguments: Any) -> None:
        if self._database.fails:
            self._database.failed.set()
            raise OSError("connection refused")
        await self._database.before(statement)
        self._database.statements.append((statement.split(maxsplit=1)[0], statement, arguments))

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        if "advisory" in statement:
            return not self._database.is_locked
        return self._database.marks.get(arguments[0])

    async def fetch(self, statement: str, *arguments: Any) -> list[dict[str, str]]:
        return [{"resource": "configmaps", "body": '{"metadata": {"name": "one"}}'}]

    def add_termination_listener(self, listener: Callable[[object], None]) -> None:
        self._listener = listener

    def lose(self) -> None:
        """End the connection as a server does that stops."""
        self._listener(self)

    def terminate(self) -> None:
        self.is_open = False

    async def close(self) -> None:
        self.is_open = False


class FakeDatabase:
    """Connections, and what they were asked to do."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, str, tuple[Any, ...]]] = []
        self.connections: list[FakeConnection] = []
        self.marks: dict[str, int] = {}
        self.connected, self.failed = asyncio.Event(), asyncio.Event()
        self.fails = False
        self.is_locked = False
        self.before = _at_once

    async def connect(self, url: str, *, timeout: float) -> Any:
        if self.fails:
            self.failed.set()
            raise OSError("connection refused")
        self.connections.append(FakeConnection(self))
        self.connected.set()
        return self.connections[-1]

    def changed(self, table_statement: str) -> list[tuple[Any, ...]]:
        """The arguments of all statements that begin so."""
        return [arguments for _, text, arguments in self.statements if text.strip().startswith(table_statement)]


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture
async def journal(database: FakeDatabase) -> AsyncIterator[Journal]:
    journal = Journal("postgresql://nowhere", connect=database.connect, reconnect_seconds=0.01)
    await journal.open()
    running = asyncio.create_task(journal.run())
    yield journal
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def objects_of(database: FakeDatabase) -> list[str]:
    return [name for arguments in database.changed("INSERT INTO objects") for name in arguments[3]]


async def test_changes_of_one_moment_are_written_in_one_transaction(database: FakeDatabase, journal: Journal) -> None:
    cluster = journal.for_cluster("default")
    for number, name in enumerate(("one", "two", "one"), start=1):
        cluster.record("configmaps", ("shop", name), {"metadata": {"name": name}, "number": number}, number)
    assert journal.backlog == 2
    await journal.committed(5)
    assert [kind for kind, _, _ in database.statements].count("BEGIN") == 1
    [written] = database.changed("INSERT INTO objects")
    assert (written[3], written[4]) == (["one", "two"], [3, 2])
    assert '"number":3' in written[5][0]
    assert journal.backlog == 0


async def test_a_large_group_on_a_slow_database_is_written_in_one_transaction_however_long_that_takes(
    database: FakeDatabase, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement takes 2 s and the group 24, by a clock that runs ahead: the test itself takes no time."""
    loop, ahead = asyncio.get_running_loop(), 0.0
    real = loop.time
    monkeypatch.setattr(loop, "time", lambda: real() + ahead)

    async def slowly(statement: str) -> None:
        nonlocal ahead
        ahead += 2.0
        for _ in range(3):
            await asyncio.sleep(0)  # what is due now happens first

    database.before = slowly
    cluster = journal.for_cluster("default")
    for number in range(5_000):
        cluster.record("configmaps", ("shop", f"{number}"), {"number": number}, number)
    await journal.committed(10_000)
    assert len(objects_of(database)) == 5_000
    assert [kind for kind, _, _ in database.statements].count("BEGIN") == 1
    assert len(database.connections) == 1


async def test_a_write_waits_for_its_own_object_and_not_for_what_others_change(
    database: FakeDatabase, journal: Journal
) -> None:
    mine, others = ("default", "configmaps", "shop", "one"), ("default", "pods", "shop", "other")
    journal.record(mine, {"number": 1}, 1)
    await journal.stored(mine, 60)
    database.fails = True
    journal.record(others, {"number": 2}, 2)
    await asyncio.wait_for(database.failed.wait(), 60)
    await journal.stored(mine, 0.05)
    with pytest.raises(JournalAway):
        await journal.stored(others, 0.05)
    journal.record(mine, {"number": 3}, 3)
    with pytest.raises(JournalAway):
        await journal.stored(mine, 0.05)


async def test_an_object_is_not_durable_while_its_transaction_runs(database: FakeDatabase, journal: Journal) -> None:
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def held(statement: str) -> None:
        begun.set()
        await goes_on.wait()

    database.before = held
    row = ("default", "configmaps", "shop", "one")
    journal.record(row, {"number": 1}, 1)
    await asyncio.wait_for(begun.wait(), 60)
    with pytest.raises(JournalAway):
        await journal.stored(row, 0.05)
    goes_on.set()
    await journal.stored(row, 60)


async def test_removed_objects_are_deleted(database: FakeDatabase, journal: Journal) -> None:
    journal.for_cluster("default").record(*ROW, None, 5)
    await journal.committed(5)
    assert database.changed("DELETE FROM objects") == [(["default"], ["configmaps"], ["shop"], ["one"])]
    assert objects_of(database) == []


async def test_a_failed_group_is_written_again_without_outdated_changes(
    database: FakeDatabase, journal: Journal
) -> None:
    cluster = journal.for_cluster("default")
    database.fails = True
    cluster.record(*ROW, {"number": 1}, 1)
    await asyncio.wait_for(database.failed.wait(), 60)
    cluster.record(*ROW, {"number": 2}, 2)
    database.fails = False
    await journal.committed(5)
    assert [arguments[5] for arguments in database.changed("INSERT INTO objects")] == [['{"number":2}']]
    assert not database.connections[0].is_open


async def test_a_write_waits_for_the_database_and_then_fails(database: FakeDatabase, journal: Journal) -> None:
    database.fails = True
    journal.for_cluster("default").record(*ROW, {"number": 1}, 1)
    with pytest.raises(JournalAway):
        await journal.committed(0.05)
    with pytest.raises(JournalAway):
        await journal.ready(0.05)
    database.fails = False
    await journal.ready(5)
    await journal.committed(5)
    assert journal.backlog == 0


async def test_a_lost_connection_is_noticed_before_the_next_write(database: FakeDatabase, journal: Journal) -> None:
    assert journal.is_available
    database.connections[-1].lose()
    assert not journal.is_available
    journal.for_cluster("default").record(*ROW, {"number": 1}, 1)
    await journal.committed(5)


async def test_versions_are_reserved_in_advance_and_continue_at_the_mark(
    database: FakeDatabase, journal: Journal
) -> None:
    database.marks["default"] = 42
    objects, version = await journal.load("default")
    assert (version, objects) == (42, [("configmaps", {"metadata": {"name": "one"}})])
    [(cluster, mark)] = database.changed("INSERT INTO high_water")
    assert (cluster, mark) == ("default", 42 + 10_000_000)
    cluster_journal = journal.for_cluster("default")
    cluster_journal.record(*ROW, {}, 43)
    await journal.committed(5)
    assert len(database.changed("INSERT INTO high_water")) == 1
    cluster_journal.record(*ROW, {}, 42 + 6_000_000)
    await journal.committed(5)
    assert database.changed("INSERT INTO high_water")[1] == ("default", 42 + 16_000_000)


async def test_a_new_cluster_starts_at_the_first_version(journal: Journal) -> None:
    assert (await journal.load("demo"))[1] == 1


async def test_opening_waits_for_the_database_and_for_another_simulator(database: FakeDatabase) -> None:
    journal = Journal("postgresql://nowhere", connect=database.connect, reconnect_seconds=0.01)
    database.is_locked = True
    opening = asyncio.create_task(journal.open())
    await asyncio.wait_for(database.connected.wait(), 60)
    assert not journal.is_available
    database.fails = True
    await asyncio.wait_for(database.failed.wait(), 60)
    database.fails = database.is_locked = False
    await asyncio.wait_for(opening, 60)
    assert journal.is_available


async def test_closing_writes_the_remaining_changes(database: FakeDatabase) -> None:
    journal = Journal("postgresql://nowhere", connect=database.connect, reconnect_seconds=0.01)
    await journal.open()
    journal.for_cluster("default").record(*ROW, {"number": 1}, 1)
    await journal.close()
    assert objects_of(database) == ["one"]
    assert not database.connections[0].is_open


async def test_closing_gives_up_after_a_timeout(database: FakeDatabase) -> None:
    journal = Journal("postgresql://nowhere", connect=database.connect, reconnect_seconds=0.01)
    await journal.open()
    database.fails = True
    journal.for_cluster("default").record(*ROW, {"number": 1}, 1)
    await journal.close(timeout=0.05)
    assert journal.backlog == 1
