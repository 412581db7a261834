"""Bounds the calls of the API that are in work, so that overload doesn't reach PostgreSQL and NATS as a queue.

Reads and writes of each mode have slots of their own: writes that wait for a worker that is away don't keep reads out,
and one mode's load isn't the other's. The numbers are fixed and follow the connections to the database, of which more
calls than a few per connection only wait. An adaptive limit would have to tell the slowness of a large report from that
of overload; a fixed one needs no such guess, and its bound holds from the first moment.

It comes last: a call takes its slot with its body complete and its caller known, so that slow clients hold none. It
leaves the slot when its answer begins, so that a client that reads slowly holds none, either.
"""

from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.http import request_context
from services.gateway.http.responses import error_response
from services.gateway.limits.call_slots import CallSlots
from shared.errors import Overloaded
from shared.subjects import Mode

READS, WRITES = "reads", "writes"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
Slots = Mapping[tuple[Mode, str], CallSlots]


def build_slots(at_once: int, most_waiting: int, seconds: float) -> Slots:
    """The slots of each mode, for calls that read and for calls that write."""
    return {
        (mode, kind): CallSlots(f"{kind} in {mode} mode", at_once=at_once, most_waiting=most_waiting, seconds=seconds)
        for mode in Mode
        for kind in (READS, WRITES)
    }


class Admission:
    """Serves a call of the API when there is a slot for it, and answers 503 (OVERLOADED) when there is none."""

    def __init__(self, app: ASGIApp, slots: Slots, count_refusal: Callable[[str], None]) -> None:
        """`count_refusal` gets the reason of each refusal."""
        self._app = app
        self._slots = slots
        self._count_refusal = count_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        slots = self._slots[request_context.current().mode, READS if scope["method"] in _READING else WRITES]
        try:
            await slots.enter()
        except Overloaded as busy:
            self._count_refusal("overloaded")
            await error_response(busy)(scope, receive, send)
            return
        await self._serve(slots, scope, receive, send)

    async def _serve(self, slots: CallSlots, scope: Scope, receive: Receive, send: Send) -> None:
        has_slot = True

        def leave() -> None:
            nonlocal has_slot
            if has_slot:
                has_slot = False
                slots.leave()

        async def leaving(message: Message) -> None:
            if message["type"] == "http.response.start":
                leave()
            await send(message)

        try:
            await self._app(scope, receive, leaving)
        finally:
            leave()
