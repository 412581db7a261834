"""From the API server's field paths (`spec.containers[0].image`, `limits[nvidia.com/gpu]`) to JSON pointers.

A path doesn't show where a key with dots ends, so it is resolved against the object's keys.
"""

import re
from typing import Any

from shared.reading.yaml_text import Pointer

_SEPARATOR = re.compile(r"[.\[]")
_MOST_DOTS = 64


def pointer_to(value: Any, path: str) -> Pointer:
    """The pointer of a field path, as far as it exists in the object; a missing last name is kept."""
    found: list[str | int] = []
    rest = path
    while rest:
        step = _step(value, rest)
        if step is None:
            name = rest.split(".")[0].split("[")[0]
            return (*found, name) if isinstance(value, dict) and name == rest else tuple(found)
        key, rest = step
        found.append(key)
        value = value[key]
    return tuple(found)


def written(pointer: Pointer) -> str:
    """A pointer by RFC 6901: `/metadata/labels/app~1name`; empty for the whole document."""
    return "".join(f"/{str(token).replace('~', '~0').replace('/', '~1')}" for token in pointer)


def _step(value: Any, rest: str) -> tuple[str | int, str] | None:
    """The next token that the value has, and the rest of the path."""
    if rest.startswith("["):
        inside, bracket, after = rest[1:].partition("]")
        key: str | int = int(inside) if isinstance(value, list) and inside.isdecimal() else inside
        present = key in value if isinstance(value, dict) else isinstance(key, int) and key < len(value)
        return (key, after.removeprefix(".")) if bracket and present else None
    if not isinstance(value, dict):
        return None
    ends = [match.start() for match, _ in zip(_SEPARATOR.finditer(rest), range(_MOST_DOTS), strict=False)]
    longest = next((rest[:end] for end in (len(rest), *reversed(ends)) if rest[:end] in value), None)
    return None if longest is None else (longest, rest[len(longest) :].removeprefix("."))
