"""The text of `/metrics`, which is kept for a while after it was made.

It grows with the tenants: that of a thousand takes half a second of CPU time, and everyone may ask for it, without a
limit. So it is kept nine times as long as its making took, and a flood of scrapes takes a tenth of a core.
"""

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest

_KEPT: Final = 9


class Exposition:
    """All metrics of a registry."""

    def __init__(
        self,
        registry: CollectorRegistry,
        now: Callable[[], float] = time.monotonic,
        worked: Callable[[], float] = time.thread_time,
    ) -> None:
        """`worked` is the CPU time of this thread: a busy machine makes no text old. Both are in seconds."""
        self._registry = registry
        self._now = now
        self._worked = worked
        self._text = b""
        self._until = float("-inf")

    def text(self) -> bytes:
        """The text, of a few milliseconds ago with few tenants, of some seconds ago with a thousand."""
        if self._now() >= self._until:
            began = self._worked()
            self._text = generate_latest(self._registry)
            self._until = self._now() + _KEPT * (self._worked() - began)
        return self._text
