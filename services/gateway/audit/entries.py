"""The values of a row of the trail: who called, and which fields changed. Bounded, and without secrets. Pure.

Secrets are recognised by the name of their field, and in URLs by the password in them. Callers don't pass secrets
all the same: a name that nothing here knows can't be recognised.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import orjson

from services.gateway.http.request_context import RequestContext

MOST_BYTES = 4096
"""Of the fields before, and of those after a change; the table refuses twice as much."""
_LONGEST_TEXT = 300
_MOST_ITEMS = 50
_DEEPEST = 12
_MASK = "***"
_SECRET = re.compile(
    r"passw|passphrase|pwd|secret|token|credential|authorization|cookie|private|api_?key|access_?key|hash|dsn"
    r"|(^|[_-])pass([_-]|$)|[_-]key$",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(://[^/\s:@]{0,200}):[^/\s@]{1,500}@")
_LENGTHS = {
    "operation": 100,
    "code": 50,
    "tenant_id": 100,
    "deployment_id": 64,
    "object_id": 200,
    "subject": 255,
    "kind": 10,
    "role": 20,
    "email": 255,
    "address": 64,
    "user_agent": 200,
    "request_id": 200,
}
"""Characters of the columns."""

Fields = Mapping[str, Any]


class Outcome(StrEnum):
    """How a call ended."""

    DONE = "done"
    REQUESTED = "requested"
    """Asked of another service; how that ended is a row of its own, with the same request id."""
    REFUSED = "refused"
    """Nothing was changed; `code` has the reason."""
    FAILED = "failed"
    """By a fault of ours or of a dependency: whether something was changed, the rows before it show."""


def caller_values(request: RequestContext) -> dict[str, Any]:
    """Who sent a request, and from where."""
    caller = request.caller
    return {
        "subject": caller.subject,
        "kind": caller.kind.value,
        "role": caller.role.value if caller.role else None,
        "email": caller.email,
        "address": request.address or None,
        "user_agent": request.user_agent or None,
        "request_id": request.request_id,
    }


def storable(values: Fields) -> dict[str, Any]:
    """The values as the table takes them: texts cut to their columns, without what PostgreSQL has no text for."""
    return {name: _cut(each, _LENGTHS[name]) if name in _LENGTHS else each for name, each in values.items()}


def changed_fields(before: Fields | None, after: Fields | None) -> tuple[str | None, str | None]:
    """The fields that differ, before and after, as JSON of at most MOST_BYTES each.

    None stands for what didn't exist: of a creation all of `after` is shown, of a deletion all of `before`.
    """
    if before is not None and after is not None:
        before, after = _differing(before, after)
    return _text(before), _text(after)


def _differing(before: Fields, after: Fields) -> tuple[Fields, Fields]:
    earlier: dict[str, Any] = {}
    later: dict[str, Any] = {}
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            old, new = _differing(old, new)
        if old != new:
            earlier |= {name: old} if name in before else {}
            later |= {name: new} if name in after else {}
    return earlier, later


def _text(fields: Fields | None) -> str | None:
    if fields is None:
        return None
    text = _dumped(_shown(fields, _DEEPEST))
    if len(text) <= MOST_BYTES:
        return text.decode()
    names = [_cut(str(name), 60) for name in list(fields)[:_MOST_ITEMS]]
    return _dumped({"too_long": len(text), "fields": names}).decode()


def _dumped(value: Any) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)


def _shown(value: Any, deepest: int) -> Any:
    """`value` without secrets, and short."""
    if isinstance(value, str):
        return _cut(_IN_URL.sub(rf"\1:{_MASK}@", value), _LONGEST_TEXT)
    if isinstance(value, Mapping):
        if deepest == 0:
            return _cut(f"({len(value)} fields)", _LONGEST_TEXT)
        shown = {_cut(str(name), 100): _field(str(name), each, deepest - 1) for name, each in _first(value.items())}
        return shown | ({"...": len(value) - _MOST_ITEMS} if len(value) > _MOST_ITEMS else {})
    if isinstance(value, list | tuple | set | frozenset):
        left_out = [f"... {len(value) - _MOST_ITEMS} more"] if len(value) > _MOST_ITEMS else []
        return [*(_shown(each, deepest - 1) for each in _first(value)), *left_out] if deepest else f"({len(value)})"
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return _cut(str(value), _LONGEST_TEXT)
    return value


def _field(name: str, value: Any, deepest: int) -> Any:
    return _MASK if value is not None and _SECRET.search(name) else _shown(value, deepest)


def _first(items: Iterable[Any]) -> list[Any]:
    return [each for each, _ in zip(items, range(_MOST_ITEMS), strict=False)]


def _cut(value: Any, most: int) -> Any:
    """A text without NUL and surrogates, which PostgreSQL doesn't store, of at most `most` characters."""
    if not isinstance(value, str):
        return value
    text = value[: most + 1].encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
