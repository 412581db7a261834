"""Growing pauses between attempts: short at first, so that a hiccup costs little; bounded, so that recovery is soon."""

import asyncio


def delay(failures: int, *, first: float, longest: float, factor: float = 2.0) -> float:
    """The pause in seconds after `failures` failures in a row: `first` after one, `factor` times as long after each."""
    steps = max(failures - 1, 0)
    try:
        return min(first * factor**steps, longest)
    except OverflowError:
        return longest


class Backoff:
    """Counts the failures in a row of one kind of work."""

    def __init__(self, first: float, longest: float, factor: float = 2.0) -> None:
        """`first` and `longest` are seconds."""
        self._first = first
        self._longest = longest
        self._factor = factor
        self._failures = 0

    def reset(self) -> None:
        """An attempt succeeded: the next pause is the first again."""
        self._failures = 0

    def next(self) -> float:
        """Count a failure; the pause after it in seconds."""
        self._failures += 1
        return delay(self._failures, first=self._first, longest=self._longest, factor=self._factor)

    async def sleep(self) -> None:
        """Count a failure and sleep for the pause after it."""
        await asyncio.sleep(self.next())
