"""An in-memory cluster, key-value bucket and publisher. tests/contract runs one suite on each and on the real thing.

Each calls `step` before and after all that it does, so that a test can let the process die, or a server fail, anywhere.
"""

import asyncio
import copy
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import nats.js.errors
import orjson
from nats.js.kv import KeyValue

from services.deployer.cluster.api import (
    ClusterRefused,
    FieldConflict,
    KindUnknown,
    Listing,
    NamespaceTerminating,
    ObjectChange,
    WatchExpired,
    ref_of,
)
from services.deployer.state.records import ObjectRef
from shared.events import Event
from shared.kube.kinds import Kind, kind_of
from shared.kube.labels import FIELD_MANAGER
from shared.kube.objects import Obj

Step = Callable[[str], None]
T = TypeVar("T")
HEALTHY: Obj = {
    "observedGeneration": 1,
    "replicas": 2,
    "updatedReplicas": 2,
    "readyReplicas": 2,
    "availableReplicas": 2,
    "conditions": [
        {"type": "Available", "status": "True"},
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
    ],
}


def nothing(_: str) -> None:
    """A step at which nothing happens."""


class FakeCluster:
    """Applies, lists and watches. Deployments are healthy at once, unless `status` is changed."""

    def __init__(self, name: str = "fake", step: Step = nothing) -> None:
        self.name = name
        self.step = step
        self.unknown: set[str] = set()
        self.status: Obj = HEALTHY
        self.finalizing = False
        """Whether a deleted namespace stays, terminating."""
        self.forbidden: set[tuple[str, str]] = set()
        """Verbs and kinds that are not allowed."""
        self._objects: dict[tuple[str, str, str], Obj] = {}
        self._owners: dict[tuple[str, str, str], dict[str, str]] = defaultdict(dict)
        self._patches: dict[tuple[str, str, str], Obj] = {}
        """What was patched and not applied since: applying leaves it as it is."""
        self._log: dict[str, list[tuple[int, ObjectChange]]] = defaultdict(list)
        self._version = itertools.count(1)
        self._now = 0
        self._oldest = 0
        self._changed = asyncio.Event()

    async def apply(self, obj: Obj, *, force: bool) -> Obj:
        with self._stepping(f"apply {obj['kind']}"):
            return self.apply_as(FIELD_MANAGER, obj, force=force)

    async def patch(self, ref: ObjectRef, body: Obj) -> None:
        with self._stepping(f"patch {ref.kind}"):
            key = (ref.kind, ref.namespace, ref.name)
            if (live := self._objects.get(key)) is not None:
                self._owners[key] |= {field: FIELD_MANAGER for field, _ in _leaves(body)}
                self._patches[key] = _patched(self._patches.get(key, {}), body)
                self._put(_patched(live, body))

    async def read(self, ref: ObjectRef) -> Obj | None:
        with self._stepping(f"read {ref.kind}"):
            return _received(self._objects.get((ref.kind, ref.namespace, ref.name)))

    async def remove(self, ref: ObjectRef, *, uid: str, grace_seconds: int | None = None) -> None:
        with self._stepping(f"remove {ref.kind}"):
            live = self._objects.get((ref.kind, ref.namespace, ref.name))
            if live is None or live["metadata"]["uid"] != uid:
                return
            if ref.kind == "Namespace" and self.finalizing:
                self._put({**live, "metadata": {**live["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}})
                return
            self.finish_removal(ref)

    async def contents(self, namespace: str) -> list[Obj]:
        with self._stepping("contents"):
            return [_received(obj) for (_, found, _), obj in self._objects.items() if found == namespace]

    async def preview(self, obj: Obj) -> Obj:
        """What an apply with force would store."""
        with self._stepping(f"preview {obj['kind']}"):
            key = (obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
            return _received(_patched(self._merged(self._objects.get(key), obj, FIELD_MANAGER), {}))

    async def list(self, kind: Kind, namespace: str, label: str = "") -> Listing:
        """Without a selector: no test of the fake needs `label`."""
        with self._stepping(f"list {kind.kind}"):
            self._check_kind(kind)
            found = [o for (k, ns, _), o in self._objects.items() if k == kind.kind and namespace in ("", ns)]
            return Listing(_received(found), str(self._now))

    async def allows(self, verb: str, kind: Kind, namespace: str) -> bool:
        """No step: to die while asking changes nothing, and each step is tried by tests of all of them."""
        self._check_kind(kind)
        return (verb, kind.kind) not in self.forbidden

    async def watch(
        self, kind: Kind, namespace: str, resource_version: str, label: str = ""
    ) -> AsyncIterator[ObjectChange]:
        with self._stepping(f"watch {kind.kind}"):
            self._check_kind(kind)
            position = int(resource_version)
            if position < self._oldest:
                raise WatchExpired("too old resource version")
        while True:
            for version, change in list(self._log[kind.kind]):
                if version > position and namespace in ("", change.obj["metadata"].get("namespace", "")):
                    position = version
                    yield copy.deepcopy(change)
            self._changed.clear()
            await self._changed.wait()

    def apply_as(self, manager: str, obj: Obj, *, force: bool = True) -> Obj:
        """What another manager does, too."""
        self._check_kind(kind_of(obj))
        key = (obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        self._check_namespace(key[1])
        fields = dict(_leaves(obj))
        live = self._objects.get(key)
        theirs = {f: o for f, o in self._owners[key].items() if o != manager and f in fields}
        conflicts = {f: o for f, o in theirs.items() if live is not None and dict(_leaves(live)).get(f) != fields[f]}
        if conflicts and not force:
            raise FieldConflict(ref_of(obj), tuple((owner, field) for field, owner in conflicts.items()))
        self._owners[key] |= dict.fromkeys(fields, manager)
        self._patches[key] = _less(self._patches.get(key, {}), obj)
        merged = self._merged(live, obj, manager)
        for entry in merged["metadata"]["managedFields"]:
            if entry["manager"] != manager:
                entry["fieldsV1"] = _without_fields(entry["fieldsV1"], conflicts)
        return self._put(_patched(merged, self._patches[key]))

    def finish_removal(self, ref: ObjectRef) -> None:
        """Remove an object, and with a namespace all that is in it."""
        for key, live in list(self._objects.items()):
            if key == (ref.kind, ref.namespace, ref.name) or (ref.kind == "Namespace" and key[1] == ref.name):
                del self._objects[key]
                self._owners.pop(key, None)
                self._patches.pop(key, None)
                self._note("DELETED", live)

    def set_status(self, kind: str, namespace: str, name: str, status: Obj) -> None:
        self._put({**self._objects[(kind, namespace, name)], "status": status})

    def put(self, obj: Obj) -> Obj:
        """Make an object as a controller would."""
        return self._put(obj)

    def forget_history(self) -> None:
        """Let watches that begin before now expire."""
        self._oldest = self._now + 1
        self._now = next(self._version)

    @property
    def names(self) -> set[tuple[str, str]]:
        return {(kind, name) for kind, _, name in self._objects}

    def _merged(self, live: Obj | None, obj: Obj, manager: str) -> Obj:
        fields = {"manager": manager, "operation": "Apply", "fieldsV1": _fields(obj)}
        if live is None:
            metadata = {
                **obj["metadata"],
                "uid": f"uid-{next(self._version)}",
                "generation": 1,
                "managedFields": [fields],
            }
            status = {"status": self.status} if obj["kind"] == "Deployment" else {}
            return {**obj, "metadata": metadata, **status}
        managed = [each for each in live["metadata"].get("managedFields", ()) if each["manager"] != manager]
        metadata = {**live["metadata"], **obj["metadata"], "managedFields": [*managed, fields]}
        return {**live, **obj, "metadata": metadata}

    def _put(self, obj: Obj) -> Obj:
        key = (obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        kind: Any = "MODIFIED" if key in self._objects else "ADDED"
        self._objects[key] = obj
        self._note(kind, obj)
        return _received(obj)

    def _note(self, kind: Any, obj: Obj) -> None:
        self._now = next(self._version)
        self._log[obj["kind"]].append((self._now, ObjectChange(kind, obj)))
        self._changed.set()

    def _check_kind(self, kind: Kind) -> None:
        if kind.kind in self.unknown:
            raise KindUnknown(f"cluster {self.name} has no kind {kind.kind} in {kind.api_version}")

    def _check_namespace(self, name: str) -> None:
        if not name:
            return
        namespace = self._objects.get(("Namespace", "", name))
        if namespace is None:
            raise ClusterRefused(f'namespaces "{name}" not found')
        if namespace["metadata"].get("deletionTimestamp"):
            raise NamespaceTerminating(f"namespace {name} is being terminated")

    @contextmanager
    def _stepping(self, what: str) -> Iterator[None]:
        self.step(f"before {what}")
        yield
        self.step(f"after {what}")


class FakeKeyValue:
    """A key-value bucket."""

    def __init__(self, step: Step = nothing) -> None:
        self._step = step
        self._entries: dict[str, KeyValue.Entry] = {}
        self._revision = 0

    async def get(self, key: str) -> KeyValue.Entry:
        if key not in self._entries:
            raise nats.js.errors.KeyNotFoundError
        return self._entries[key]

    async def create(self, key: str, value: bytes) -> int:
        return await self.update(key, value, last=0)

    async def update(self, key: str, value: bytes, last: int | None) -> int:
        self._step(f"before write {key}")
        self._check(key, last)
        self._revision += 1
        self._entries[key] = KeyValue.Entry("fake", key, value, self._revision, None, None, None)
        self._step(f"after write {key}")
        return self._revision

    def touch(self, key: str) -> None:
        """Give a key another revision, as another writer does."""
        self._revision += 1
        self._entries[key] = replace(self._entries[key], revision=self._revision)

    async def delete(self, key: str, last: int) -> bool:
        self._check(key, last)
        del self._entries[key]
        return True

    def _check(self, key: str, last: int | None) -> None:
        current = self._entries.get(key)
        if last != (current.revision if current else 0):
            raise nats.js.errors.KeyWrongLastSequenceError


class FakePublisher:
    """Drops a repeated id, as JetStream does, and insists that it is the same event."""

    def __init__(self, step: Step = nothing) -> None:
        self._step = step
        self.events: dict[str, Event] = {}

    async def publish(self, event: Event, *, event_id: str, correlation_id: str, **_: Any) -> None:
        self._step(f"before publish {event.subject}")
        assert self.events.get(event_id, event) == event
        self.events[event_id] = event
        self._step(f"after publish {event.subject}")

    def events_of(self, deployment_id: str) -> list[Event]:
        return [
            event
            for event in self.events.values()
            if deployment_id in (getattr(event, "deployment_id", None), getattr(event, "deletion_id", None))
        ]


def _patched(obj: Any, body: Any) -> Any:
    """RFC 7396."""
    if not isinstance(body, dict):
        return body
    known = obj if isinstance(obj, dict) else {}
    merged = known | {name: _patched(known.get(name), value) for name, value in body.items()}
    return {name: value for name, value in merged.items() if value is not None}


def _less(patch: Obj, obj: Obj) -> Obj:
    """`patch` without the fields that `obj` has."""
    left = {
        name: _less(value, obj.get(name, {})) if isinstance(value, dict) else value
        for name, value in patch.items()
        if isinstance(value, dict) or name not in obj
    }
    return {name: value for name, value in left.items() if value != {}}


def _received(answer: T) -> T:
    """What a client has of an answer: a copy by JSON, a tenth of the time of `deepcopy`."""
    copied: T = orjson.loads(orjson.dumps(answer))
    return copied


def _without_fields(fields: Obj, paths: Iterable[str]) -> Obj:
    """FieldsV1 without the fields that another manager took."""
    left = copy.deepcopy(fields)
    for path in paths:
        *parents, last = [f"f:{name}" for name in path.split(".")[1:]]
        node = left
        for parent in parents:
            node = node.get(parent, {})
        node.pop(last, None)
    return left


def _fields(obj: Obj) -> Obj:
    """FieldsV1 of what was applied."""
    return {f"f:{name}": _fields(value) if isinstance(value, dict) else {} for name, value in obj.items()}


def _leaves(obj: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(obj, dict):
        for name, value in obj.items():
            if (path, name) not in (("", "status"), ("", "apiVersion"), ("", "kind"), (".metadata", "name")):
                yield from _leaves(value, f"{path}.{name}")
    else:
        yield path, obj
