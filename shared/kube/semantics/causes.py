"""Findings as the API server words them: a field's path, a reason, and `Kind of fault: value: what is wrong`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

Map = Mapping[str, Any]
"""A part of a decoded object."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of a Status' `details.causes`; `message` is the text after `field: `."""

    field: str
    reason: str
    message: str


class CauseCollector:
    """Collects causes in the order in which they are found. Paths are as in `spec.containers[0].image`."""

    def __init__(self) -> None:
        self.causes: list[Cause] = []

    def invalid(self, path: str, value: Any, detail: str) -> None:
        """A value that can't be."""
        self._add(path, "FieldValueInvalid", f"Invalid value: {_shown(value)}: {detail}")

    def required(self, path: str, detail: str = "") -> None:
        """A value that is missing."""
        self._add(path, "FieldValueRequired", f"Required value: {detail}" if detail else "Required value")

    def duplicate(self, path: str, value: Any) -> None:
        """A value that was there before."""
        self._add(path, "FieldValueDuplicate", f"Duplicate value: {_shown(value)}")

    def unsupported(self, path: str, value: Any, supported: Iterable[str]) -> None:
        """A value that is none of a list."""
        listed = ", ".join(f'"{one}"' for one in sorted(supported))
        self._add(path, "FieldValueNotSupported", f"Unsupported value: {_shown(value)}: supported values: {listed}")

    def forbidden(self, path: str, detail: str) -> None:
        """A value that may not be there."""
        self._add(path, "FieldValueForbidden", f"Forbidden: {detail}")

    def not_found(self, path: str, value: Any) -> None:
        """A value that refers to something that isn't there."""
        self._add(path, "FieldValueNotFound", f"Not found: {_shown(value)}")

    def too_long(self, path: str, limit: int) -> None:
        """More bytes than there may be."""
        self._add(path, "FieldValueTooLong", f"Too long: may not be more than {limit} bytes")

    def at_least(self, path: str, value: Any, least: int) -> None:
        """Finds fault with a number below `least`; absent is fine."""
        if value is not None and value < least:
            self.invalid(path, value, f"must be greater than or equal to {least}")

    def one_of(self, path: str, value: Any, supported: Iterable[str]) -> None:
        """Finds fault with a value that is none of `supported`; absent is fine."""
        supported = tuple(supported)
        if value is not None and value not in supported:
            self.unsupported(path, value, supported)

    def _add(self, path: str, reason: str, message: str) -> None:
        self.causes.append(Cause(path, reason, message))


def _shown(value: Any) -> str:
    """A value as field errors print it: as JSON, which for text is what Go's %q writes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
