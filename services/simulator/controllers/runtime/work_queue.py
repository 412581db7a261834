"""From a change in the store to the work it causes: nothing here polls.

A store hook hands each change to the handlers that watch its resource; a handler names work (`queue.add(reconcile,
key)`), and equal work that waits is done once. Reconcile functions are level-triggered: they read what is there and
bring it one step closer to what should be, so losing an event, a restart or a repeated call is harmless.

Handlers run inside a write and only enqueue; reconcile functions run one by one from the clock, which is where the
slices that keep HTTP responsive are cut.
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
    """Work keys, coalesced, in the order in which they were first asked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: set[Work] = set()
        self._later: dict[Work, Timer] = {}
        self._failures: dict[Work, int] = {}

    def add(self, reconcile: Reconcile, key: ObjectKey) -> None:
        """Does it soon; a second request before that is the same one."""
        work = (reconcile, key)
        if work not in self._waiting:
            self._waiting.add(work)
            self._clock.call_soon(partial(self._do, work))

    def add_after(self, delay_seconds: float, reconcile: Reconcile, key: ObjectKey) -> None:
        """Does it after a delay, on a tick of the clock; a later call for the same work replaces the delay."""
        work = (reconcile, key)
        if earlier := self._later.pop(work, None):
            earlier.cancel()
        self._later[work] = self._clock.call_on_tick(delay_seconds, partial(self._ripen, work))

    def add_within(self, delay_seconds: float, reconcile: Reconcile, key: ObjectKey) -> None:
        """Does it after a delay unless that is planned already: for summaries of many changes."""
        if (reconcile, key) not in self._later:
            self.add_after(delay_seconds, reconcile, key)

    def forget(self, reconcile: Reconcile, key: ObjectKey) -> None:
        """Takes back delayed work for something that is gone."""
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
            # One object that a controller can't digest must not stop the cluster for all others.
            self._retry(work)
        else:
            if self._failures:
                self._failures.pop(work, None)

    def _retry(self, work: Work) -> None:
        failures = self._failures.get(work, 0)
        self._failures[work] = failures + 1
        delay = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(failures, 10))
        log.exception("a controller failed and will try again", action="reconcile", key=work[1], retry_seconds=delay)
        self.add_after(delay, *work)


class ChangeDispatcher:
    """Who watches what; `dispatch` is the store hook."""

    def __init__(self) -> None:
        self._indexes: list[AnyHandler] = []
        self._handlers: dict[str, list[Handler]] = {}

    def watch(self, resource: str, handler: Handler) -> None:
        """Calls `handler(old, new)` after each change of the resource; None stands for absent."""
        self._handlers.setdefault(resource, []).append(handler)

    def watch_objects(self, handler: AnyHandler) -> None:
        """Calls `handler(resource, old, new)` before all others, for every resource but events.

        Events outnumber everything else and no controller needs them: they own nothing and nothing depends on them.
        """
        self._indexes.append(handler)

    def dispatch(self, resource: str, old: Obj | None, new: Obj | None) -> None:
        """Notify the controllers. Never raises: the change is made, and their faults aren't the caller's."""
        if resource != EVENTS:
            for observe in self._indexes:
                try:
                    observe(resource, old, new)
                except Exception:
                    log.exception("a change could not be indexed", action="dispatch", resource=resource)
        for handler in self._handlers.get(resource, ()):
            try:
                handler(old, new)
            except Exception:
                log.exception("a change could not be handled", action="dispatch", resource=resource)
