"""The simulator's time: a heap of what is due, driven by real time or stepped by a test.

Two ways to move it, one behaviour:

- **real**: `Clock()`; `run()` calls what is due as the calendar reaches it. `speed` shortens delays and leaves the
  calendar alone: at speed 10 an image is pulled in a tenth of the time, and `now()` is still today's date, because a
  client computes ages against its own clock and prints `<invalid>` for an object from the future. Delays and the time
  since a timestamp are real time that has passed, whatever the machine's clock was set to (`wall_time`).
- **stepped**: `Clock(start=...)`; only `step()` moves it, and the same calls come in the same order each time.

What is ready at once (`call_soon`) runs before time moves on, in the order it was asked for. `run()` works in slices of
a few milliseconds, so that an HTTP request never waits for ten thousand pods.
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

# Long enough that the slice's own cost vanishes, short enough that a request isn't held up noticeably.
SLICE_SECONDS = 0.008

# Pods that become ready within one tick cause one pass over their ReplicaSet instead of one each.
TICK_SECONDS = 0.1


class Timer:
    """Something that will be called; `cancel()` takes it back."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[], None]) -> None:
        self._function: Callable[[], None] | None = function

    def cancel(self) -> None:
        """Harmless when it already ran."""
        self._function = None

    def fire(self) -> None:
        """Calls the function, once and unless it was taken back."""
        function, self._function = self._function, None
        if function is not None:
            function()


class Clock:
    """Simulated UTC and what is due in it. One thread only: that of the event loop."""

    def __init__(self, start: datetime | None = None, speed: float = 1.0, wall: WallTime | None = None) -> None:
        """`start` None follows `wall`, real time; otherwise it stands there until stepped. `speed` divides delays."""
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
        """The simulated moment, in UTC."""
        return self._wall.now() if self._start is None else self._stepped_to

    def steady(self) -> datetime:
        """The same without what the machine's clock was set by; to be compared with itself alone."""
        return self._wall.steady() if self._start is None else self._stepped_to

    def since(self, moment: datetime) -> float:
        """Seconds of simulation since the timestamp `moment`: as delays are counted, thus times the speed."""
        passed = self._wall.since(moment) if self._start is None else (self._stepped_to - moment).total_seconds()
        return passed * self._speed

    def call_soon(self, function: Callable[[], None]) -> None:
        """Calls it before time moves on, after what was asked for earlier."""
        self._soon.append(function)
        self._notify()

    def call_later(self, delay_seconds: float, function: Callable[[], None]) -> Timer:
        """Calls it after so many seconds of simulation (real seconds: divided by the speed)."""
        return self._push(self._time() + max(0.0, delay_seconds) / self._speed, function)

    def call_on_tick(self, delay_seconds: float, function: Callable[[], None]) -> Timer:
        """Like `call_later`, up to a tick later: what falls due at about the same time is done together."""
        tick = TICK_SECONDS / self._speed
        due = self._time() + max(0.0, delay_seconds) / self._speed
        return self._push(math.ceil(due / tick) * tick, function)

    def call_at(self, when: datetime, function: Callable[[], None]) -> Timer:
        """Calls it when the calendar says `when`, at once if that has passed."""
        return self._push(self._time() + max(0.0, (when - self.now()).total_seconds()), function)

    def step(self, seconds: float = 0.0) -> None:
        """Moves a stepped clock on, calling everything that comes due on the way, each at its own moment."""
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
            # Kept, because it is asked for far more often than it changes.
            self._stepped_to = self._start + timedelta(seconds=self._passed)

    async def run(self) -> None:
        """Drives a clock that follows real time; ends only when cancelled."""
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
        """Waits until something is due or is newly asked for."""
        delay = self._heap[0][0] - self._time() if self._heap else None
        # Not wait_for: Python 3.11's can swallow a cancellation that comes in the same turn as the wake-up.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if delay is None else max(0.0, delay)):
                await wake.wait()

    def _run_slice(self) -> bool:
        """Runs what is due for one slice; True when more is due."""
        deadline = time.perf_counter() + SLICE_SECONDS
        while True:
            if not self._run_soon(deadline):
                return True
            if not self._fire_due():
                return False

    def _run_soon(self, deadline: float | None) -> bool:
        """Runs what is ready; False when the deadline cut it short."""
        while self._soon:
            self._soon.popleft()()
            if deadline is not None and time.perf_counter() > deadline:
                return False
        return True

    def _fire_due(self) -> bool:
        """Fires all timers that are due now, before any of the work they make ready; False when there were none."""
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
