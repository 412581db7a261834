"""How processes run: tasks that end, periodic work, back-off."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest
from starlette.applications import Starlette

from embedded.ports import free_ports
from shared.errors import TemporaryError
from shared.http.connections import ConnectionLimits
from shared.process.backoff import Backoff, delay
from shared.process.periodic import repeat
from shared.process.serving import serve, server_config
from shared.process.tasks import cancel_until_ended, run_both


async def test_a_task_that_swallows_one_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.process.tasks._CANCEL_AGAIN", 0.05)
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed += 1

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await cancel_until_ended([task])
    assert task.cancelled()
    assert swallowed == 1


async def test_a_task_that_failed_before_its_cancellation_raises_nothing() -> None:
    async def fails() -> None:
        raise ValueError

    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await cancel_until_ended([task])
    assert task.done()


async def test_both_run_to_their_ends_even_if_the_first_fails() -> None:
    ended: list[str] = []

    async def fails() -> None:
        raise ValueError("first")

    async def succeeds() -> None:
        await asyncio.sleep(0)
        ended.append("second")

    with pytest.raises(ValueError, match="first"):
        await run_both(fails(), succeeds())
    assert ended == ["second"]


async def test_periodic_work_skips_a_round_that_fails_for_now() -> None:
    rounds = 0

    async def work() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise TemporaryError("the database is away")
        if rounds == 3:
            raise ValueError("a fault of ours")

    with pytest.raises(ValueError, match="fault of ours"):
        await repeat("clean-up", work, every=0.0)
    assert rounds == 3


def test_a_pause_doubles_up_to_the_longest_and_starts_again_after_a_success() -> None:
    backoff = Backoff(0.5, 3.0)
    assert [backoff.next() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    backoff.reset()
    assert backoff.next() == 0.5


def test_a_pause_is_bounded_however_many_failures_there_were() -> None:
    assert delay(1_000_000, first=5.0, longest=600.0) == 600.0
    assert delay(0, first=5.0, longest=600.0) == 5.0


async def test_a_process_exits_with_1_when_its_work_ends_and_with_0_after_a_signal() -> None:
    app, ended = Starlette(), asyncio.Event()

    async def works_until_cancelled() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fails() -> None:
        raise ValueError

    [port] = free_ports(1)
    config = server_config(app, host="127.0.0.1", port=port, limits=ConnectionLimits(), drain_seconds=1)
    async with asyncio.timeout(60):
        assert await serve(config, works_until_cancelled) == 0
        assert ended.is_set()
        assert await serve(config, fails) == 1


_STARTED = """
import runpy, sys
from shared.process import serving

def run_process(service, log_level, main):
    import gc
    before = gc.isenabled()
    async def look():
        print("collects:", before, gc.isenabled())
        return 0
    start(service, log_level, look)

start, serving.run_process = serving.run_process, run_process
sys.argv[0] = "-m"  # as in `python -m services.simulator`
runpy.run_module("services.simulator", run_name="__main__", alter_sys=False)
"""


@pytest.mark.slow
def test_a_service_collects_no_garbage_while_it_starts_and_does_when_it_runs() -> None:
    done = subprocess.run([sys.executable, "-c", _STARTED], capture_output=True, text=True, check=True, timeout=60)

    assert "collects: False True" in done.stdout
