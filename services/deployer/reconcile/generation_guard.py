"""Stops work on a generation as soon as this process learns of a higher one, or that this one was cancelled."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Superseded(Exception):
    """A higher generation has arrived. The work on that one reports `deploy.superseded`."""


class Cancelled(Exception):
    """A user cancelled the generation: it ends where it is."""


class GenerationGuard:
    """The highest generation of a tenant that this process knows of, and the highest one that was cancelled."""

    def __init__(self) -> None:
        self.generation = 0
        self._cancelled = 0
        self._wakers: list[Callable[[], None]] = []

    def observe(self, generation: int, *, cancelled: bool = False) -> None:
        """Note that `generation` exists, or is cancelled, and wake the work that waits if that is news."""
        is_news = generation > self.generation or (cancelled and generation > self._cancelled)
        self.generation = max(self.generation, generation)
        if cancelled:
            self._cancelled = max(self._cancelled, generation)
        if is_news:
            for wake in self._wakers:
                wake()

    def check(self, generation: int) -> None:
        """Raise Superseded if there is a higher generation, Cancelled if this one was cancelled."""
        if self.generation > generation:
            raise Superseded
        if self._cancelled == generation:
            raise Cancelled

    async def pause(self, seconds: float) -> None:
        """Wait between two attempts, and no longer than until there is news."""
        news = asyncio.Event()
        with self.waking(news.set), suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await news.wait()

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake` when there is news of a higher or a cancelled generation."""
        self._wakers.append(wake)
        try:
            yield
        finally:
            self._wakers.remove(wake)
