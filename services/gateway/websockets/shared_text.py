"""The text of a message that many sockets of one topic send: encoded once, and not once for each socket."""

from typing import Any

import orjson

Message = dict[str, Any]


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

    def of(self, message: Message) -> str:
        """The JSON text of `message`, which must not change afterwards."""
        if message != self._message:
            self._message, self._text = message, encode(message)
        return self._text
