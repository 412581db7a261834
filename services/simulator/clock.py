"""The simulator's clock: a heap of scheduled calls, driven by real time or stepped by a test.

Two modes with one behaviour:

- **real time**: `Clock()`; `run()` makes each call when it is due. `speed` shortens delays and leaves the calendar
  unchanged: at speed 10 an image is pulled in a tenth of the time, and `now()` is still today's date, because clients
  compute ages against their own clock and print `<invalid>` for an object from the future. Delays and ages count real
  elapsed time, even if the machine's clock is set (`wall_time`).
- **stepped**: `Clock(start=...)`; only `step()` advances it, and the order of calls is deterministic.

Calls that are ready (`call_soon`) run before time advances, in the order of their registration. `run()` works in
slices of a few milliseconds, so that HTTP requests are answered in between.
"""

import asyncio
import contextlib
import heapq
import math
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from services.simulator.wall_time import WallTime

# Long enough that a slice's own cost is negligible, short enough that requests aren't delayed noticeably.
SLICE_SECONDS = 0.008

# Pods that become ready within one tick cause one reconciliation of their ReplicaSet instead of one each.
TICK_SECONDS = 0.1


class Timer:
    """A scheduled call that can be cancelled."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[], None]) -> None:
        self._function: Callable[[], None] | None = function

    def cancel(self) -> None:
        """Don't make the call; no effect after it was made."""
        self._function = None

    def fire(self) -> None:
        """Make the call, unless it was made or cancelled."""
        function, self._function = self._function, None
        if function is not None:
            function()


class Clock:
    """Simulated UTC time and scheduled calls. For the event loop's thread only."""

    def __init__(self, start: datetime | None = None, speed: float = 1.0, wall: WallTime | None = None) -> None:
        """Follow the real time of `wall` if `start` is None, otherwise stay at `start` until stepped.

        Delays are divided by `speed`.
        """
        if speed <= 0:
            raise ValueError("the clock's speed must be above 0")
        self._start = start
        self._speed = speed
        self._passed = 0.0
        self._wall = wall or WallTime()
        self._stepped_to = start or self._wall.now()
        self._origin = time.monotonic()
        self._sequence = 0
        self._soon: deque[Callable[[], None]] = deque()
        self._heap: list[tuple[float, int, Timer]] = []
        self._wake: asyncio.Event | None = None

    def now(self) -> datetime:
        """The simulated time, in UTC."""
        return self._wall.now() if self._start is None else self._stepped_to

    def steady(self) -> datetime:
        """Like `now`, but unaffected when the machine's clock is set; compare it only with itself."""
        return self._wall.steady() if self._start is None else self._stepped_to

    def since(self, moment: datetime) -> float:
        """Simulated seconds since the timestamp `moment`: elapsed seconds times the speed, as for delays."""
        passed = self._wall.since(moment) if self._start is None else (self._stepped_to - moment).total_seconds()
        return passed * self._speed

    def call_soon(self, function: Callable[[], None]) -> None:
        """Make the call before time advances, after the calls that were registered earlier."""
        self._soon.append(function)
        self._notify()

    def call_later(self, delay_seconds: float, function: Callable[[], None]) -> Timer:
        """Make the call after a delay in simulated seconds (in real time: divided by the speed)."""
        return self._push(self._time() + max(0.0, delay_seconds) / self._speed, function)

    def call_on_tick(self, delay_seconds: float, function: Callable[[], None]) -> Timer:
        """Like `call_later`, but rounded up to the next tick, so that calls due at about the same time run together."""
        tick = TICK_SECONDS / self._speed
        due = self._time() + max(0.0, delay_seconds) / self._speed
        return self._push(math.ceil(due / tick) * tick, function)

    def call_at(self, when: datetime, function: Callable[[], None]) -> Timer:
        """Make the call at the time `when`, or as soon as possible if it has passed."""
        return self._push(self._time() + max(0.0, (when - self.now()).total_seconds()), function)

    def step(self, seconds: float = 0.0) -> None:
        """Advance a stepped clock and make every call that becomes due, each at its own time."""
        if self._start is None:
            raise RuntimeError("a clock that follows real time can't be stepped")
        target = self._passed + seconds
        self._run_soon(None)
        while self._heap and self._heap[0][0] <= target:
            self._move_to(self._heap[0][0])
            self._fire_due()
            self._run_soon(None)
        self._move_to(target)

    def _move_to(self, passed: float) -> None:
        self._passed = max(self._passed, passed)
        if self._start is not None:
            # Stored, because it is read far more often than it changes.
            self._stepped_to = self._start + timedelta(seconds=self._passed)

    async def run(self) -> None:
        """Make scheduled calls in real time until cancelled."""
        if self._start is not None:
            raise RuntimeError("a stepped clock is moved by step()")
        wake = self._wake = asyncio.Event()
        while True:
            wake.clear()
            if self._run_slice():
                await asyncio.sleep(0)
            else:
                await self._rest(wake)

    async def _rest(self, wake: asyncio.Event) -> None:
        """Wait until a call is due or a new one is registered."""
        delay = self._heap[0][0] - self._time() if self._heap else None
        # Not wait_for: Python 3.11's can swallow a cancellation that comes in the same turn as the wake-up.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if delay is None else max(0.0, delay)):
                await wake.wait()

    def _run_slice(self) -> bool:
        """Make due calls for one slice; True if more are due."""
        deadline = time.perf_counter() + SLICE_SECONDS
        while True:
            if not self._run_soon(deadline):
                return True
            if not self._fire_due():
                return False

    def _run_soon(self, deadline: float | None) -> bool:
        """Make the ready calls; False if the deadline was reached first."""
        while self._soon:
            self._soon.popleft()()
            if deadline is not None and time.perf_counter() > deadline:
                return False
        return True

    def _fire_due(self) -> bool:
        """Fire all due timers before any of the calls that they make ready; False if none was due."""
        now = self._time()
        fired = False
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2].fire()
            fired = True
        return fired

    def _push(self, due: float, function: Callable[[], None]) -> Timer:
        timer = Timer(function)
        self._sequence += 1
        heapq.heappush(self._heap, (due, self._sequence, timer))
        self._notify()
        return timer

    def _time(self) -> float:
        return self._passed if self._start is not None else time.monotonic() - self._origin

    def _notify(self) -> None:
        if self._wake is not None:
            self._wake.set()
