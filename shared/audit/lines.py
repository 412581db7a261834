"""The lines of an exported trail: what the trail is, then one line for each seal or row, in the order of the seals.

    {"type": "trail", "mode": "production", "head": {...}, "anchor": 0, ...}
    {"type": "event", "position": 1, "digest": "9f...", "id": 1, "operation": "createTenant", ...}
    {"type": "missing", "position": 2, "digest": "0b...", "id": 2}      a seal whose row is gone
    {"type": "event", "position": null, "digest": null, "queued": true, "id": 3, ...}    not sealed yet
    {"type": "end"}      of an export by REST: without it, the export was cut off

`before` and `after` are objects as they were recorded. A text of them that isn't in the form that we write stays a
string, so that the bytes which were sealed are never lost.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

Line = dict[str, Any]
END: Line = {"type": "end"}
EVENT_FIELDS = (
    "id",
    "recorded_at",
    "recorded_by",
    "operation",
    "outcome",
    "code",
    "tenant_id",
    "deployment_id",
    "object_id",
    "subject",
    "kind",
    "role",
    "email",
    "address",
    "user_agent",
    "request_id",
    "repeats",
    "first_at",
    "before",
    "after",
)
"""The columns of a row in the order in which a seal covers them."""
_CHANGES = frozenset({"before", "after"})
_DEEPEST = 32


def event_line(row: Mapping[str, Any], position: int | None, digest: bytes | None) -> Line:
    """The line of a row that exists."""
    seal = {"type": "event", "position": position, "digest": digest.hex() if digest else None}
    return seal | {name: _shown(name, row[name]) for name in EVENT_FIELDS}


def missing_line(position: int, digest: bytes, event_id: int) -> Line:
    """The line of a seal whose row is gone."""
    return {"type": "missing", "position": position, "digest": digest.hex(), "id": event_id}


def text_of(changes: Any) -> str | None:
    """`before` or `after` of a line as the text that was recorded."""
    return changes if changes is None or isinstance(changes, str) else orjson.dumps(changes).decode()


def changes_of(text: str | None) -> Any:
    """The recorded text as an object; as it is if another text of the object would be sealed differently.

    Also as it is if it is nested deeper than anything that we record: writers of JSON refuse such an object.
    """
    if text is None:
        return None
    try:
        read = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if not isinstance(read, dict) or _is_deeper(read, _DEEPEST):
        return text
    return read if orjson.dumps(read).decode() == text else text


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether objects and lists are nested more than `levels` deep."""
    if not isinstance(value, dict | list):
        return False
    within: Iterable[Any] = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(each, levels - 1) for each in within)


def time_text(time: datetime) -> str:
    """A time as a line and a seal have it: UTC, with microseconds."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def _shown(name: str, value: Any) -> Any:
    if name in _CHANGES:
        return changes_of(value)
    return time_text(value) if isinstance(value, datetime) else value
