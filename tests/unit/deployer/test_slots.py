"""Who is worked at: in order, and none that only waits keeps others from their turn."""

import asyncio

import pytest

from services.deployer.reconcile.slots import SLOT_SECONDS, ReconcileSlots, SlotExpired


async def test_one_that_waits_makes_way_once_its_turn_has_lasted_and_others_wait() -> None:
    now = 0.0
    turns = ReconcileSlots(1, lambda: now)
    order = []

    async def other() -> None:
        async with turns.take():
            order.append("other")

    async with turns.take() as check_slot:
        check_slot()  # the waiting begins
        now += SLOT_SECONDS
        check_slot()  # no one waits
        waiting = asyncio.create_task(other())
        await asyncio.sleep(0)
        with pytest.raises(SlotExpired):
            check_slot()
        order.append("first")
    await waiting
    assert order == ["first", "other"]


async def test_a_turn_is_not_cut_short() -> None:
    turns = ReconcileSlots(1, lambda: 0.0)
    async with turns.take() as check_slot:
        waiting = asyncio.create_task(turns.take().__aenter__())
        await asyncio.sleep(0)
        check_slot()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        check_slot()


async def test_the_work_before_the_waiting_takes_nothing_of_its_time() -> None:
    now = 0.0
    turns = ReconcileSlots(1, lambda: now)
    async with turns.take() as check_slot:
        waiting = asyncio.create_task(turns.take().__aenter__())
        await asyncio.sleep(0)
        now += 10 * SLOT_SECONDS
        check_slot()
        now += SLOT_SECONDS
        with pytest.raises(SlotExpired):
            check_slot()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_one_that_gives_up_waiting_takes_no_turn() -> None:
    turns = ReconcileSlots(1)
    async with turns.take():
        waiting = asyncio.create_task(turns.take().__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(60), turns.take():
        pass
