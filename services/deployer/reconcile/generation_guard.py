"""Stops work on a generation as soon as this process learns of a higher one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Superseded(Exception):
    """A higher generation has arrived. The work on that one reports `deploy.superseded`."""


class GenerationGuard:
    """The highest generation of a tenant that this process knows of."""

    def __init__(self) -> None:
        self.generation = 0
        self._wakers: list[Callable[[], None]] = []

    def observe(self, generation: int) -> None:
        """Note that `generation` exists, and wake the work that waits if it is higher than those before."""
        if generation > self.generation:
            self.generation = generation
            for wake in self._wakers:
                wake()

    def check(self, generation: int) -> None:
        """Raise Superseded if there is a higher generation."""
        if self.generation > generation:
            raise Superseded

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake` when a higher generation arrives."""
        self._wakers.append(wake)
        try:
            yield
        finally:
            self._wakers.remove(wake)
