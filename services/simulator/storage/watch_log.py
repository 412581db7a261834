"""The latest changes of one resource, from which watches read.

The list is bounded in length and, by `forget_old`, in time. A watcher holds a cursor into it; if the cursor's changes
were dropped, reading raises `VersionExpired`, which the API answers with 410 Gone. The object before a change is kept
as well, because a selector can turn a modification into an addition or a deletion. A change is encoded to JSON at most
once for all watchers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import orjson

from shared.kube.objects import Obj

ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


class VersionExpired(Exception):
    """The requested version is older than the log. `floor` is the oldest version after which a watch can start."""

    def __init__(self, wanted: int, floor: int) -> None:
        super().__init__(f"too old resource version: {wanted} ({floor})")
        self.wanted, self.floor = wanted, floor


class StoredObject:
    """An object and its JSON, which is encoded when it is needed, and kept as long as it is."""

    __slots__ = ("_encoded", "_was_needed", "obj")

    def __init__(self, obj: Obj) -> None:
        self.obj = obj
        self._encoded: bytes | None = None
        self._was_needed = False

    @property
    def encoded(self) -> bytes:
        if self._encoded is None:
            self._encoded = orjson.dumps(self.obj)
        self._was_needed = True
        return self._encoded

    def forget_unneeded(self) -> None:
        """Drop the JSON if it wasn't needed since the last call: it takes as much memory as the object."""
        if not self._was_needed:
            self._encoded = None
        self._was_needed = False


class WatchEvent:
    """One committed change; `record` is the object after it (DELETED: the last state, with the deletion's version)."""

    __slots__ = ("old", "record", "type", "version")

    def __init__(self, version: int, change_type: ChangeType, old: Obj | None, record: StoredObject) -> None:
        self.version, self.type, self.old, self.record = version, change_type, old, record


class WatchLog:
    """Changes of one resource in the order of their versions. `wakers` are called after each append."""

    def __init__(self, floor: int, capacity: int = 8192) -> None:
        self._changes: list[WatchEvent] = []
        self._first = self._old = 0
        self._floor = floor
        self._capacity = capacity
        self.wakers: set[Callable[[], None]] = set()

    def append(self, change: WatchEvent) -> None:
        """Add the newest change and wake the watchers. Trims rarely, to keep the cost per change low."""
        self._changes.append(change)
        if len(self._changes) > 2 * self._capacity:
            self._cut(len(self._changes) - self._capacity)
        for wake in tuple(self.wakers):
            wake()

    def forget_old(self) -> None:
        """Drop the changes that were there at the last call: calls at intervals keep the changes of one interval."""
        self._cut(self._old - self._first)
        self._old = self.cursor_at_end()

    def cursor_after(self, version: int) -> int:
        """The cursor for reading every change newer than `version`. Raises VersionExpired."""
        if version < self._floor:
            raise VersionExpired(version, self._floor)
        position = len(self._changes)
        while position and self._changes[position - 1].version > version:
            position -= 1
        return self._first + position

    def cursor_at_end(self) -> int:
        """The cursor for reading future changes only."""
        return self._first + len(self._changes)

    def read(self, cursor: int, limit: int = 256) -> tuple[list[WatchEvent], int]:
        """At most `limit` changes from the cursor on, and the cursor after them. Raises VersionExpired."""
        if cursor < self._first:
            raise VersionExpired(0, self._floor)
        start = cursor - self._first
        changes = self._changes[start : start + limit]
        return changes, cursor + len(changes)

    def _cut(self, count: int) -> None:
        """Drop the first `count` changes; none for less than one."""
        if count > 0:
            self._floor = self._changes[count - 1].version
            self._first += count
            del self._changes[:count]
