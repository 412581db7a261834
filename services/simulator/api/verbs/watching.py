"""Watch: the changes of one resource since a version, as a stream of JSON lines.

With a selector, an object that starts to match is ADDED, and one that no longer matches is DELETED. Bookmarks are sent
to clients that allow them, so that after a reconnect they can continue from a recent version. If the log no longer has
the requested version, the watch ends with an ERROR event whose object is the 410 Status, and the client lists again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Final

import orjson

from services.simulator.api import errors
from services.simulator.api.representations import tables
from services.simulator.api.representations.tables import partial_metadata
from services.simulator.api.routing.calls import Call
from services.simulator.api.routing.responses import Accepted
from services.simulator.api.verbs.reads import include_object, parse_version, selection
from services.simulator.storage.watch_log import StoredObject, VersionExpired, WatchEvent, WatchLog
from shared.kube.objects import Obj

_BOOKMARK_SECONDS: Final = 30.0
_SHORTEST_DEFAULT_SECONDS: Final = 1800.0
_INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"
_SLICE: Final = 256


class WatchStream:
    """One client's watch of one resource. Raises ApiError 400 for parameters that can't be parsed."""

    def __init__(self, call: Call, accepted: Accepted) -> None:
        self._call = call
        self._accepted = accepted
        self._log: WatchLog = call.cluster.store.log(call.resource.key)
        self._chosen = selection(call)
        self._namespace = call.target.namespace
        self._bookmarks = call.request.flag("allowWatchBookmarks")
        self._version = parse_version(call)
        self._seconds = call.request.number("timeoutSeconds") or _default_seconds()
        """A timeout of zero means the default, and a negative one has expired, as in a real API server."""
        self._sent_columns = False
        self._plain = accepted.shape == "object"

    async def events(self) -> AsyncIterator[bytes]:
        """The stream until its timeout. Doesn't raise: an expired version is an event."""
        try:
            if self._wants_state():
                cursor = self._log.cursor_at_end()
                pieces = self._state()
                for start in range(0, len(pieces), _SLICE):
                    yield b"".join(pieces[start : start + _SLICE])
                    await asyncio.sleep(0)  # let other requests run
            else:
                cursor = self._log.cursor_after(self._version)
            async for piece in self._changes(cursor):
                yield piece
        except VersionExpired as error:
            yield _line("ERROR", orjson.dumps(errors.expired(str(error)).status))

    def _wants_state(self) -> bool:
        """Whether the watch starts with the current objects: by parameter, or if no version is given."""
        query = self._call.request.query
        return self._call.request.flag("sendInitialEvents") if "sendInitialEvents" in query else self._version == 0

    def _state(self) -> list[bytes]:
        records = self._call.cluster.store.records(self._call.resource.key, self._namespace or None)
        pieces = [
            self._encoded("ADDED", record) for record in records if self._chosen is None or self._chosen(record.obj)
        ]
        if self._call.request.flag("sendInitialEvents") and self._bookmarks:
            pieces.append(self._bookmark(initial_end=True))
        return pieces

    async def _changes(self, cursor: int) -> AsyncIterator[bytes]:
        """Changes from the cursor on, as the log reports them, with bookmarks when there are none."""
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        end = loop.time() + self._seconds
        next_bookmark = loop.time() + _BOOKMARK_SECONDS
        self._log.wakers.add(woken.set)
        try:
            while (now := loop.time()) < end:
                woken.clear()
                changes, cursor = self._log.read(cursor, _SLICE)
                pieces = [piece for change in changes if (piece := self._seen(change))]
                if pieces:
                    yield b"".join(pieces)
                if changes:
                    continue
                if self._bookmarks and now >= next_bookmark:
                    yield self._bookmark()
                    next_bookmark = now + _BOOKMARK_SECONDS
                await _wait(woken, min(end, next_bookmark if self._bookmarks else end) - now)
            if self._bookmarks:
                yield self._bookmark()
        finally:
            self._log.wakers.discard(woken.set)

    def _seen(self, change: WatchEvent) -> bytes | None:
        """The event for this client of a change; None if its selector doesn't match."""
        obj = change.record.obj
        if self._namespace and obj["metadata"].get("namespace") != self._namespace:
            return None
        if self._chosen is None:
            return self._encoded(change.type, change.record)
        matched = change.old is not None and self._chosen(change.old)
        matches = change.type != "DELETED" and self._chosen(obj)
        if matched and matches:
            return self._encoded("MODIFIED", change.record)
        if matches:
            return self._encoded("ADDED", change.record)
        return self._encoded("DELETED", change.record) if matched else None

    def _encoded(self, event: str, record: StoredObject) -> bytes:
        if self._plain:
            return _line(event, record.encoded)
        if self._accepted.shape == "metadata":
            return _line(event, orjson.dumps(partial_metadata(record.obj)))
        return _line(event, orjson.dumps(self._table(record.obj)))

    def _table(self, obj: Obj) -> Obj:
        """A Table of one row; only the first event of a watch includes the columns."""
        call = self._call
        row = tables.table_row(call.resource, obj, call.cluster.now(), include_object(call))
        head = tables.table_head(call.resource, columns=not self._sent_columns)
        self._sent_columns = True
        return {**head, "metadata": {"resourceVersion": obj["metadata"]["resourceVersion"]}, "rows": [row]}

    def _bookmark(self, *, initial_end: bool = False) -> bytes:
        resource, version = self._call.resource, str(self._call.cluster.store.version)
        metadata: Obj = {"resourceVersion": version, "creationTimestamp": None}
        if initial_end:
            metadata["annotations"] = {_INITIAL_EVENTS_END: "true"}
        body: Obj = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        if self._accepted.shape == "table":
            body = {
                **tables.table_head(resource, columns=False),
                "metadata": {"resourceVersion": version},
                "rows": [{"cells": [], "object": body}],
            }
        return _line("BOOKMARK", orjson.dumps(body))


def _line(event: str, encoded: bytes) -> bytes:
    return b'{"type":"' + event.encode() + b'","object":' + encoded + b"}\n"


def _default_seconds() -> float:
    # Random as in a real API server, so that many watches don't end at the same time.
    return _SHORTEST_DEFAULT_SECONDS * (1 + random.random())  # noqa: S311


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), max(0.0, seconds))
