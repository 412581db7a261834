"""How old a key may be, how many queries it costs, and when its use is written."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.gateway.keys.key_record import KeyRecord
from services.gateway.keys.key_text import KeyText, digest_of
from services.gateway.keys.record_cache import OLDEST, RecordCache
from shared.errors import DependencyUnavailable
from shared.identity.caller import Role
from shared.subjects import Mode
from tests.support.polling import eventually

KEY = KeyText(Mode.DEMO, "k1")
RECORD = KeyRecord("k1", digest_of("x"), Role.VIEWER, None, datetime.now(UTC) + timedelta(days=1))


class Rows:
    """The database of a test, which a test can make slow."""

    def __init__(self) -> None:
        self.record: KeyRecord | None = RECORD
        self.error: Exception | None = None
        self.reads = 0
        self.go = asyncio.Event()
        self.go.set()

    async def is_read(self) -> bool:
        return self.reads > 0

    async def read(self, key: KeyText) -> KeyRecord | None:
        self.reads += 1
        found = self.record
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return found


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_key_is_read_once_until_it_is_too_old() -> None:
    rows, clock = Rows(), Clock()
    cache = RecordCache(rows.read, clock=clock)
    assert [await cache.get(KEY) for _ in range(3)] == [RECORD] * 3
    assert rows.reads == 1
    rows.record = None
    clock.now += OLDEST
    assert await cache.get(KEY) is None
    assert rows.reads == 2


async def test_an_unknown_key_costs_one_query_as_well() -> None:
    rows = Rows()
    rows.record = None
    cache = RecordCache(rows.read, clock=Clock())
    assert [await cache.get(KEY) for _ in range(3)] == [None] * 3
    assert rows.reads == 1


async def test_many_at_once_wait_for_one_query() -> None:
    rows = Rows()
    rows.go.clear()
    cache = RecordCache(rows.read, clock=Clock())
    waiting = [asyncio.create_task(cache.get(KEY)) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    rows.go.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert found[1:] == [RECORD] * 19
    assert rows.reads == 1


async def test_a_revoked_key_is_forgotten_at_once_even_while_it_is_read() -> None:
    rows = Rows()
    rows.go.clear()
    cache = RecordCache(rows.read, clock=Clock())
    early = asyncio.create_task(cache.get(KEY))
    await eventually(rows.is_read)
    rows.record = None
    cache.forget(KEY)
    rows.go.set()
    await early
    assert await cache.get(KEY) is None


async def test_an_outage_is_not_kept_and_believes_nothing() -> None:
    rows, clock = Rows(), Clock()
    cache = RecordCache(rows.read, clock=clock)
    await cache.get(KEY)
    clock.now += OLDEST
    rows.error = DependencyUnavailable("PostgreSQL", "away")
    with pytest.raises(DependencyUnavailable):
        await cache.get(KEY)
    rows.error = None
    assert await cache.get(KEY) == RECORD


async def test_the_number_of_keys_that_are_kept_is_bounded() -> None:
    rows = Rows()
    cache = RecordCache(rows.read, clock=Clock(), most=10)
    for number in range(30):
        await cache.get(KeyText(Mode.DEMO, f"k{number}"))
    await cache.get(KeyText(Mode.DEMO, "k29"))
    assert rows.reads == 30
    await cache.get(KeyText(Mode.DEMO, "k0"))
    assert rows.reads == 31
