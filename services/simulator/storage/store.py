"""The objects of one cluster, and the only place where they change.

The API and the controllers write with `create`, `replace` and `delete`. A write gets the next resourceVersion, is
given to the journal, is appended to the watch log and calls the hooks, in this order and without yielding to the
event loop, so that readers, watchers, controllers and database see the same history. A write that changes nothing
gets no version and triggers nothing.

Keys are kept sorted, so that lists have etcd's order and a page can start at any key.
"""

from __future__ import annotations

import bisect
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Protocol

from services.simulator.objects import with_metadata
from services.simulator.storage.watch_log import ChangeType, StoredObject, WatchEvent, WatchLog
from shared.kube.objects import Obj, ObjectKey, is_terminating, key_of
from shared.kube.texts import format_time

Hook = Callable[[str, Obj | None, Obj | None], None]

_DEFAULT_POD_GRACE_SECONDS = 30
_LONGEST_GRACE_SECONDS = 10 * 365 * 86_400
"""A client may request 2^63 seconds, which is beyond the range of `datetime`."""


class StoreError(Exception):
    """A write that the stored state doesn't allow; `current` is the conflicting object, if there is one."""

    def __init__(self, resource: str, name: str, current: Obj | None = None) -> None:
        super().__init__(f"{resource} {name!r}")
        self.resource, self.name, self.current = resource, name, current


class AlreadyExists(StoreError):
    """An object with this key exists."""


class NotFound(StoreError):
    """No object with this key exists."""


class Conflict(StoreError):
    """The object was changed since the writer read it."""


class ChangeRecorder(Protocol):
    """A journal as the store uses it: records a change without waiting."""

    def record(self, resource: str, key: ObjectKey, obj: Obj | None, version: int) -> None: ...


class _Table:
    """Objects of one resource by key, the sorted keys, and the latest changes."""

    __slots__ = ("keys", "log", "records")

    def __init__(self, floor: int) -> None:
        self.records: dict[ObjectKey, StoredObject] = {}
        self.keys: list[ObjectKey] = []
        self.log = WatchLog(floor)


class Store:
    """Objects of one cluster. `version` is the highest resourceVersion so far; it never decreases."""

    def __init__(self, now: Callable[[], datetime], journal: ChangeRecorder | None = None, version: int = 1) -> None:
        self.hooks: list[Hook] = []
        self.version = version
        self._now = now
        self._journal = journal
        self._floor = version
        self._tables: dict[str, _Table] = {}

    def load(self, objects: Iterable[tuple[str, Obj]], version: int) -> None:
        """Fill an empty store from the journal; new versions are above `version`. Calls no hooks."""
        self.version = self._floor = version
        for resource, obj in objects:
            self._table(resource).records[key_of(obj)] = StoredObject(obj)
        for table in self._tables.values():
            table.keys = sorted(table.records)
            table.log = WatchLog(version)

    def resources(self) -> Iterable[str]:
        """Names of the resources that hold objects."""
        return [name for name, table in self._tables.items() if table.records]

    def count(self, resource: str) -> int:
        """How many objects a resource has."""
        return len(self._table(resource).records)

    def get(self, resource: str, namespace: str, name: str) -> Obj | None:
        """The object, or None."""
        record = self._table(resource).records.get((namespace, name))
        return None if record is None else record.obj

    def list(self, resource: str, namespace: str | None = None) -> list[Obj]:
        """Objects sorted by namespace and name; those of every namespace if `namespace` is None."""
        return [record.obj for record in self.records(resource, namespace)]

    def records(self, resource: str, namespace: str | None = None) -> Iterator[StoredObject]:
        """Like `list`, with the encoded form of each object."""
        table = self._table(resource)
        if namespace is None:
            return iter([table.records[key] for key in table.keys])
        first = bisect.bisect_left(table.keys, (namespace, ""))
        last = bisect.bisect_left(table.keys, (namespace + "\0", ""))
        return iter([table.records[key] for key in table.keys[first:last]])

    def record(self, resource: str, namespace: str, name: str) -> StoredObject | None:
        """Like `get`, with the encoded form of the object."""
        return self._table(resource).records.get((namespace, name))

    def log(self, resource: str) -> WatchLog:
        """The latest changes of a resource."""
        return self._table(resource).log

    def forget_old_changes(self) -> None:
        """Drop the changes from before the last call, and the JSON of objects that wasn't needed since then.

        A watch from an earlier version has to list first.
        """
        for table in self._tables.values():
            table.log.forget_old()
            for record in table.records.values():
                record.forget_unneeded()

    def create(self, resource: str, obj: Obj, *, dry_run: bool = False) -> Obj:
        """Add an object; sets uid, creationTimestamp, resourceVersion and, if it has a spec, generation 1.

        A dry run returns the object that would be stored, without a resourceVersion. Raises AlreadyExists.
        """
        key = key_of(obj)
        current = self._table(resource).records.get(key)
        if current is not None:
            raise AlreadyExists(resource, key[1], current.obj)
        created = with_metadata(
            obj,
            uid=str(uuid.uuid4()),
            creationTimestamp=format_time(self._now()),
            generation=1 if "spec" in obj else None,
            resourceVersion=None if dry_run else self._next_version(),
        )
        if dry_run:
            return created
        return self._commit(resource, "ADDED", None, created)

    def replace(self, resource: str, obj: Obj, *, dry_run: bool = False) -> Obj:
        """Replace an object; the server-set metadata (uid, creationTimestamp, generation) stays.

        If `metadata.resourceVersion` is set, it must be the current one. If nothing differs, the current object is
        returned and nothing happens. `generation` increases only when the spec changes. A terminating object without
        finalizers is removed. A dry run only returns the new state. Raises NotFound, Conflict.
        """
        current = self._require(resource, key_of(obj))
        if (
            obj["metadata"].get("resourceVersion", current["metadata"]["resourceVersion"])
            != (current["metadata"]["resourceVersion"])
        ):
            raise Conflict(resource, current["metadata"]["name"], current)
        identity = {
            name: current["metadata"].get(name)
            for name in ("uid", "creationTimestamp", "generation", "resourceVersion")
        }
        updated = with_metadata(obj, **identity)
        if updated == current:
            return current
        if updated.get("spec") != current.get("spec") and "generation" in current["metadata"]:
            updated["metadata"]["generation"] += 1
        if dry_run:
            return updated
        if is_terminating(updated) and _may_go(updated):
            return self._remove(resource, updated)
        updated["metadata"]["resourceVersion"] = self._next_version()
        return self._commit(resource, "MODIFIED", current, updated)

    def delete(
        self,
        resource: str,
        namespace: str,
        name: str,
        *,
        grace_seconds: int | None = None,
        finalizer: str | None = None,
    ) -> Obj | None:
        """Remove an object, or mark it as terminating if it can't be removed yet.

        An object with finalizers (`finalizer` adds one in the same step), a namespace, and a bound pod with a grace
        period can't be removed yet. `grace_seconds` is for pods; None means the pod's own grace period. Returns the
        last or the terminating state; None if there was no such object.
        """
        record = self._table(resource).records.get((namespace, name))
        if record is None:
            return None
        current = record.obj
        grace = _pod_grace(current, grace_seconds) if resource == "pods" else 0
        marked = self._mark(current, grace, finalizer)
        if _may_go(marked):
            return self._remove(resource, current)
        if marked == current:
            return current
        marked["metadata"]["resourceVersion"] = self._next_version()
        return self._commit(resource, "MODIFIED", current, marked)

    def _mark(self, obj: Obj, grace: int, finalizer: str | None) -> Obj:
        """The object marked as terminating; a second deletion can only shorten the grace period."""
        metadata = obj["metadata"]
        finalizers = list(metadata.get("finalizers") or ())
        if finalizer and finalizer not in finalizers and not is_terminating(obj):
            finalizers.append(finalizer)
        deadline, remaining = metadata.get("deletionTimestamp"), metadata.get("deletionGracePeriodSeconds")
        if deadline is None or remaining is None or grace < remaining:
            deadline, remaining = format_time(self._now() + timedelta(seconds=grace)), grace
        marked = with_metadata(
            obj, deletionTimestamp=deadline, deletionGracePeriodSeconds=remaining, finalizers=finalizers or None
        )
        if (marked.get("spec") or {}).get("finalizers"):
            marked["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
        return marked

    def _remove(self, resource: str, last: Obj) -> Obj:
        current = self._require(resource, key_of(last))
        gone = with_metadata(last, resourceVersion=self._next_version())
        return self._commit(resource, "DELETED", current, gone)

    def _commit(self, resource: str, change_type: ChangeType, old: Obj | None, obj: Obj) -> Obj:
        table, key = self._table(resource), key_of(obj)
        record = StoredObject(obj)
        if change_type == "DELETED":
            del table.records[key]
            del table.keys[bisect.bisect_left(table.keys, key)]
        else:
            table.records[key] = record
        if change_type == "ADDED":
            bisect.insort(table.keys, key)
        new = None if change_type == "DELETED" else obj
        if self._journal is not None:
            self._journal.record(resource, key, new, self.version)
        table.log.append(WatchEvent(self.version, change_type, old, record))
        for hook in self.hooks:
            hook(resource, old, new)
        return obj

    def _require(self, resource: str, key: ObjectKey) -> Obj:
        record = self._table(resource).records.get(key)
        if record is None:
            raise NotFound(resource, key[1])
        return record.obj

    def _table(self, resource: str) -> _Table:
        table = self._tables.get(resource)
        if table is None:
            table = self._tables[resource] = _Table(self._floor)
        return table

    def _next_version(self) -> str:
        self.version += 1
        return str(self.version)


def _pod_grace(pod: Obj, asked: int | None) -> int:
    """The grace period in seconds: 0 if the pod never ran or has ended, as in a real API server."""
    if not (pod.get("spec") or {}).get("nodeName") or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    if asked is not None:
        # A negative grace period becomes the shortest one, as in a real API server.
        return min(max(asked, 1), _LONGEST_GRACE_SECONDS) if asked else 0
    grace: int = pod["spec"].get("terminationGracePeriodSeconds", _DEFAULT_POD_GRACE_SECONDS)
    return min(grace, _LONGEST_GRACE_SECONDS)


def _may_go(obj: Obj) -> bool:
    """Whether a terminating object can be removed: no finalizers and no grace period."""
    metadata = obj["metadata"]
    held = metadata.get("finalizers") or (obj.get("kind") == "Namespace" and (obj.get("spec") or {}).get("finalizers"))
    return not held and not metadata.get("deletionGracePeriodSeconds")
