"""The newest generation of a tenant that this process has heard of; work at an older one stops at its next step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Superseded(Exception):
    """A newer generation has come. Whoever works at the newer one says so."""


class GenerationGuard:
    """Rises only. Those who wait are woken when it does."""

    def __init__(self) -> None:
        self.generation = 0
        self._wakers: list[Callable[[], None]] = []

    def see(self, generation: int) -> None:
        if generation > self.generation:
            self.generation = generation
            for wake in self._wakers:
                wake()

    def check(self, generation: int) -> None:
        """Raise Superseded unless `generation` is the newest."""
        if self.generation > generation:
            raise Superseded

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake` when a newer one comes."""
        self._wakers.append(wake)
        try:
            yield
        finally:
            self._wakers.remove(wake)
