"""JSON text into a value that the rest of the system can hold.

orjson bounds the depth at 1,024 and the time by the size, but what it accepts is more than what follows can take:
Python code that walks a value recursively ends at about 1,000 levels (decoding an object takes several frames for
each), and PostgreSQL's `jsonb` and text have no U+0000.
"""

from itertools import chain
from typing import Any, Final

import orjson

from shared.reading.problems import InvalidText

MAX_DEPTH: Final = 64
"""Levels of lists and objects. The deepest type of Kubernetes, a pod's affinity in a Deployment, has 15."""


def parse_json(text: bytes | str) -> Any:
    """The value of a JSON text. Raises InvalidText."""
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
        raise InvalidText(str(error)) from error
    escape = b"\\u0000" if isinstance(text, bytes) else "\\u0000"
    refuse_unusable(value, look_for_nul=escape in text)  # type: ignore[operator]
    return value


def refuse_unusable(value: Any, *, look_for_nul: bool = True) -> None:
    r"""Raise InvalidText for a value deeper than MAX_DEPTH, or with U+0000 in a key or a text.

    JSON can only write U+0000 as `\u0000`: where the text hasn't that, `look_for_nul` may be False, which is faster.
    """
    level = [value]
    for depth in range(MAX_DEPTH + 2):
        texts = [each for each in level if isinstance(each, str)] if look_for_nul else ()
        if any("\0" in each for each in texts):
            raise InvalidText("invalid character '\\x00' in string literal")
        containers = [each for each in level if isinstance(each, dict | list) and each]
        if not containers:
            return
        if depth == MAX_DEPTH:
            raise InvalidText(f"exceeded max depth: more than {MAX_DEPTH} levels")
        level = list(chain.from_iterable(_members(each, look_for_nul) for each in containers))


def _members(container: Any, with_keys: bool) -> Any:
    if isinstance(container, list):
        return container
    return chain(container, container.values()) if with_keys else container.values()
