"""The clock, stepped and real."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.simulator.clock import Clock

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_what_is_due_is_called_in_order_at_its_own_moment() -> None:
    clock, calls = Clock(START), []
    for delay in (3.0, 1.0, 2.0):
        clock.call_later(delay, lambda: calls.append((clock.now() - START).total_seconds()))
    clock.step(2.5)
    assert calls == [1.0, 2.0]
    assert clock.now() == START + timedelta(seconds=2.5)


def test_what_is_ready_at_once_comes_before_what_is_due_later_and_keeps_its_order() -> None:
    clock, calls = Clock(START), []
    clock.call_later(1, lambda: calls.append("later"))

    def first() -> None:
        calls.append("first")
        clock.call_soon(lambda: calls.append("third"))

    clock.call_soon(first)
    clock.call_soon(lambda: calls.append("second"))
    clock.step(1)
    assert calls == ["first", "second", "third", "later"]


def test_a_cancelled_timer_is_not_called() -> None:
    clock, calls = Clock(START), []
    clock.call_later(1, lambda: calls.append(1)).cancel()
    clock.step(2)
    assert calls == []


def test_ticks_bring_what_is_due_at_about_the_same_time_together() -> None:
    clock, calls = Clock(START), []
    for delay in (0.91, 0.93, 0.97):
        clock.call_on_tick(delay, lambda: calls.append(clock.now()))
    clock.step(2)
    assert len(set(calls)) == 1


def test_a_call_may_ask_for_another_one_within_the_same_step() -> None:
    clock, calls = Clock(START), []

    def another() -> None:
        clock.call_later(1, lambda: calls.append(clock.now()))

    clock.call_later(1, another)
    clock.step(5)
    assert calls == [START + timedelta(seconds=2)]


def test_a_date_can_be_waited_for() -> None:
    clock, calls = Clock(START), []
    clock.call_at(START + timedelta(minutes=1), lambda: calls.append(clock.now()))
    clock.step(59)
    assert calls == []
    clock.step(1)
    assert calls == [START + timedelta(minutes=1)]


def test_a_clock_must_move_forward() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Clock(speed=0)
    with pytest.raises(RuntimeError, match="can't be stepped"):
        Clock().step(1)


async def test_real_time_calls_what_is_due_and_lets_others_run() -> None:
    clock, done = Clock(speed=50), asyncio.Event()
    driver = asyncio.create_task(clock.run())
    clock.call_later(1.0, done.set)
    await asyncio.wait_for(done.wait(), 60)
    again = asyncio.Event()
    clock.call_soon(again.set)
    await asyncio.wait_for(again.wait(), 60)
    driver.cancel()


async def test_much_work_is_cut_into_slices() -> None:
    clock, others = Clock(), 0
    remaining = 200_000

    def work() -> None:
        nonlocal remaining
        remaining -= 1
        if remaining:
            clock.call_soon(work)

    clock.call_soon(work)
    driver = asyncio.create_task(clock.run())
    while remaining:
        await asyncio.sleep(0)
        others += 1
    driver.cancel()
    assert others > 3


def test_speed_shortens_delays_and_leaves_the_calendar_alone() -> None:
    clock = Clock(speed=1000)
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 5
    assert clock.since(clock.now() - timedelta(seconds=1)) >= 1000
