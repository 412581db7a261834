"""What many sockets of one topic send: computed and encoded once, and not once for each socket."""

from collections.abc import Callable
from typing import Any, TypeVar

import orjson

Message = dict[str, Any]
S = TypeVar("S")


def encode(message: Message) -> str:
    """The JSON text of a message."""
    return orjson.dumps(message, option=orjson.OPT_UTC_Z).decode()


class SharedText:
    """The last text of a topic.

    Sockets differ: one is behind, another chose some of the metrics. Therefore a text is found by its whole message,
    and a socket that sends another one encodes its own.
    """

    def __init__(self) -> None:
        self._message: Message | None = None
        self._text = ""
        self._cause: object = None
        self._changes: dict[int, tuple[Any, Any, Message | None]] = {}
        """What the last cause made of each state, by the identity of that state, which is kept for it."""

    def of(self, message: Message) -> str:
        """The JSON text of `message`, which must not change afterwards."""
        if message is not self._message and message != self._message:
            self._message, self._text = message, encode(message)
        return self._text

    def change(self, cause: object, state: S, apply: Callable[[S], tuple[S, Message | None]]) -> tuple[S, str | None]:
        """What `cause` makes of `state`, and the text to send, if any: computed for the first socket in that state.

        Sockets whose states become equal have one and the same from then on, which must not change.
        """
        if cause is not self._cause:
            self._cause, self._changes = cause, {}
        known = self._changes.get(id(state))
        if known is None:
            known = self._changes[id(state)] = self._computed(state, apply)
        return known[1], None if known[2] is None else self.of(known[2])

    def _computed(self, state: S, apply: Callable[[S], tuple[S, Message | None]]) -> tuple[S, S, Message | None]:
        after, message = apply(state)
        for _, other, others in self._changes.values():
            if other == after and others == message:
                return state, other, others
        return state, after, message
