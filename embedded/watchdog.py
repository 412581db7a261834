"""What hangs: programs that run and don't answer, which supervisord can't see. Killed, they are started again."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

from embedded.supervision import ProcessState
from shared.entrypoint import EVERY_SECONDS, FAILING_SECONDS, GRACE_SECONDS, FailingTime

PROBE_SECONDS = 5.0

Check = Callable[[], Awaitable[bool]]


class Watchdog:
    """Asks each program whether it lives, and names those that have failed for `failing` seconds in a row.

    A program has `grace` seconds from its start to its first answer. Gaps between two rounds, as when the machine was
    suspended, don't count.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        *,
        failing: float = FAILING_SECONDS,
        grace: float = GRACE_SECONDS,
        every: float = EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.every = every
        self.failing = failing
        self._checks = checks
        self._grace = grace
        self._clock = clock
        self._times: dict[tuple[str, int], FailingTime] = {}

    async def hanging(self, states: Iterable[ProcessState]) -> list[ProcessState]:
        """One round: the programs of `states` that hang."""
        running = [state for state in states if state.pid and state.name in self._checks]
        answers = await asyncio.gather(*(self._answers(state) for state in running))
        known, self._times = self._times, {}
        found = []
        for state, answered in zip(running, answers, strict=True):
            key = (state.name, state.pid)
            self._times[key] = known.get(key) or self.failing_time()
            if self._times[key].note(answered, self._clock()):
                found.append(state)
        return found

    def failing_time(self) -> FailingTime:
        """For a program that this doesn't ask itself."""
        return FailingTime(self.failing, self._grace, 2 * self.every + PROBE_SECONDS)

    async def _answers(self, state: ProcessState) -> bool:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                return await self._checks[state.name]()
        except TimeoutError:
            return False
