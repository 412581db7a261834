"""The dispatch of store changes to controllers, and the queue of their reconciliations. There is no polling.

A store hook dispatches each change to the handlers of its resource; a handler enqueues work (`queue.add(reconcile,
key)`), and equal pending work runs once. Reconcile functions are level-triggered: they read the current state and move
it one step towards the desired state, so that a lost change, a restart or a repeated call does no harm.

Handlers run inside a write and only enqueue. The clock runs the reconcile functions one by one, in slices between
which HTTP requests are answered.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import structlog

from services.simulator.clock import Clock, Timer
from shared.kube.objects import Obj, ObjectKey

Reconcile: TypeAlias = Callable[[ObjectKey], None]
Handler: TypeAlias = Callable[[Obj | None, Obj | None], None]
AnyHandler: TypeAlias = Callable[[str, Obj | None, Obj | None], None]
Work: TypeAlias = tuple[Reconcile, ObjectKey]

EVENTS = "events"
FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 60.0

log = structlog.get_logger()


class WorkQueue:
    """Pending reconciliations in the order in which they were enqueued, each at most once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: set[Work] = set()
        self._later: dict[Work, Timer] = {}
        self._failures: dict[Work, int] = {}

    def add(self, reconcile: Reconcile, key: ObjectKey) -> None:
        """Reconcile soon; no effect if it is pending already."""
        work = (reconcile, key)
        if work not in self._waiting:
            self._waiting.add(work)
            self._clock.call_soon(partial(self._do, work))

    def add_after(self, delay_seconds: float, reconcile: Reconcile, key: ObjectKey) -> None:
        """Reconcile after a delay, on a tick of the clock; a later call for the same work replaces the delay."""
        work = (reconcile, key)
        if earlier := self._later.pop(work, None):
            earlier.cancel()
        self._later[work] = self._clock.call_on_tick(delay_seconds, partial(self._ripen, work))

    def add_within(self, delay_seconds: float, reconcile: Reconcile, key: ObjectKey) -> None:
        """Reconcile after a delay; an earlier delay stays. For work that summarizes many changes."""
        if (reconcile, key) not in self._later:
            self.add_after(delay_seconds, reconcile, key)

    def forget(self, reconcile: Reconcile, key: ObjectKey) -> None:
        """Cancel delayed work, because its object was deleted."""
        if timer := self._later.pop((reconcile, key), None):
            timer.cancel()

    def _ripen(self, work: Work) -> None:
        self._later.pop(work, None)
        self.add(*work)

    def _do(self, work: Work) -> None:
        self._waiting.discard(work)
        try:
            work[0](work[1])
        except Exception:
            # A fault in the handling of one object must not stop the cluster.
            self._retry(work)
        else:
            if self._failures:
                self._failures.pop(work, None)

    def _retry(self, work: Work) -> None:
        failures = self._failures.get(work, 0)
        self._failures[work] = failures + 1
        delay = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(failures, 10))
        log.exception("Reconcile failed, retrying", action="reconcile", key=work[1], retry_seconds=delay)
        self.add_after(delay, *work)


class ChangeDispatcher:
    """Dispatches changes to the handlers that watch them; `dispatch` is the store hook."""

    def __init__(self) -> None:
        self._indexes: list[AnyHandler] = []
        self._handlers: dict[str, list[Handler]] = {}

    def watch(self, resource: str, handler: Handler) -> None:
        """Call `handler(old, new)` after each change of the resource; None is an absent object."""
        self._handlers.setdefault(resource, []).append(handler)

    def watch_objects(self, handler: AnyHandler) -> None:
        """Call `handler(resource, old, new)` before all other handlers, for every resource but events.

        Events are the most frequent objects, and no controller needs them: they neither own nor depend on others.
        """
        self._indexes.append(handler)

    def dispatch(self, resource: str, old: Obj | None, new: Obj | None) -> None:
        """Call the handlers of a change. Never raises, because the change was made already."""
        if resource != EVENTS:
            for observe in self._indexes:
                try:
                    observe(resource, old, new)
                except Exception:
                    log.exception("Indexing a change failed", action="dispatch", resource=resource)
        for handler in self._handlers.get(resource, ()):
            try:
                handler(old, new)
            except Exception:
                log.exception("Handling a change failed", action="dispatch", resource=resource)
