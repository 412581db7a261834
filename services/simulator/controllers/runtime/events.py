"""Events (core/v1) as Kubernetes' components record them: repeated ones counted, floods held back, old ones dropped.

A namespace keeps its newest 500 for one hour. Both bounds matter here: one crash loop would otherwise fill the store,
and etcd's default retention is that hour. As in Kubernetes events are written a moment after what they tell of, and
one component may write about one object 25 times and then once in five minutes, so a ReplicaSet with a thousand
pods does not drown everything else.
"""

from collections import OrderedDict, deque
from datetime import timedelta
from typing import NamedTuple

from services.simulator.clock import Clock, Timer
from services.simulator.objects import timestamp
from services.simulator.storage.store import Store
from shared.kube import texts
from shared.kube.objects import Obj, is_terminating

EVENTS_PER_NAMESPACE = 500
RETENTION = timedelta(hours=1)
CLUSTER_EVENTS_NAMESPACE = "default"
# Kubernetes' limits on what one component writes about one object.
BURST, REFILL_SECONDS = 25, 300.0
# In one go, so that of a flood only what would be kept is written at all.
FLUSH_SECONDS = 0.5
WRITES_AT_ONCE = 25
# Looking for expired events once a minute is as good as doing it for each.
_EXPIRY_SECONDS = 60.0


class _Series(NamedTuple):
    """What two events share when the second only raises the first one's count."""

    uid: str
    component: str
    type: str
    reason: str
    message: str
    field_path: str


class _Note(NamedTuple):
    """An event that is to be written: about which object, what, from which node, when."""

    about: Obj
    series: _Series
    host: str
    when: str


class EventRecorder:
    """Writes events; `observe` is a store hook that also indexes events written by others."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._books: dict[str, OrderedDict[_Series, str]] = {}
        self._notes: dict[str, deque[_Note]] = {}
        self._backlog: deque[tuple[str, _Note]] = deque()
        self._allowances: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._last_stamp = 0
        self._flush_timer: Timer | None = None
        self._expiry_timer: Timer | None = None

    def record(
        self,
        about: Obj,
        reason: str,
        message: str,
        *,
        component: str,
        kind: str = "Normal",
        host: str = "",
        field_path: str = "",
    ) -> None:
        """Records an event about an object; `kind` is Normal or Warning, `host` the node that reports it."""
        uid = about["metadata"]["uid"]
        if not self._allows(component, uid):
            return
        namespace = about["metadata"].get("namespace") or CLUSTER_EVENTS_NAMESPACE
        series = _Series(uid, component, kind, reason, message, field_path)
        notes = self._notes.setdefault(namespace, deque(maxlen=EVENTS_PER_NAMESPACE))
        notes.append(_Note(about, series, host, timestamp(self._clock.now())))
        if self._flush_timer is None:
            self._flush_timer = self._clock.call_on_tick(FLUSH_SECONDS, self._flush)

    def observe(self, old: Obj | None, new: Obj | None) -> None:
        """Index events from any writer."""
        if new is not None:
            book = self._books.setdefault(new["metadata"]["namespace"], OrderedDict())
            series = _series(new)
            book[series] = new["metadata"]["name"]
            book.move_to_end(series)
            if self._expiry_timer is None:
                # One that was loaded after a restart may have little of its hour left.
                age = self._clock.since(texts.parse_time(_last_seen(new)))
                left = max(_EXPIRY_SECONDS, RETENTION.total_seconds() - age)
                self._expiry_timer = self._clock.call_later(left, self._expire)
        elif old is not None:
            namespace, series = old["metadata"]["namespace"], _series(old)
            book = self._books.get(namespace, OrderedDict())
            if book.get(series) == old["metadata"]["name"]:
                del book[series]
                if not book:
                    del self._books[namespace]

    def _allows(self, component: str, uid: str) -> bool:
        """Takes one of the tokens that the component has for this object; False when there is none."""
        now = self._clock.steady().timestamp()
        tokens, since = self._allowances.pop((component, uid), (float(BURST), now))
        tokens = min(float(BURST), tokens + (now - since) / REFILL_SECONDS)
        allowed = tokens >= 1
        self._allowances[component, uid] = (tokens - 1 if allowed else tokens, now)
        if len(self._allowances) > 10 * EVENTS_PER_NAMESPACE:
            self._allowances.popitem(last=False)
        return allowed

    def _flush(self) -> None:
        self._flush_timer = None
        pending, self._notes = self._notes, {}
        if not self._backlog:
            self._clock.call_soon(self._write_some)
        for namespace, notes in pending.items():
            self._backlog.extend((namespace, note) for note in notes)

    def _write_some(self) -> None:
        """A few at a time, so that requests aren't delayed by a flood of events."""
        for _ in range(min(WRITES_AT_ONCE, len(self._backlog))):
            namespace, note = self._backlog.popleft()
            home = self._store.get("namespaces", "", namespace)
            if home is not None and not is_terminating(home):
                self._write(namespace, note)
                self._trim(namespace)
        if self._backlog:
            self._clock.call_soon(self._write_some)

    def _write(self, namespace: str, note: _Note) -> None:
        book = self._books.get(namespace)
        name = book.get(note.series) if book else None
        known = self._store.get("events", namespace, name) if name else None
        if known is None:
            self._store.create("events", _event(note, f"{note.about['metadata']['name']}.{self._stamp():x}", namespace))
        else:
            count = (known.get("count") or 1) + 1
            self._store.replace("events", {**known, "count": count, "lastTimestamp": note.when})

    def _trim(self, namespace: str) -> None:
        book = self._books.get(namespace, OrderedDict())
        while len(book) > EVENTS_PER_NAMESPACE:
            self._store.delete("events", namespace, next(iter(book.values())))

    def _expire(self) -> None:
        oldest_kept = timestamp(self._clock.now() - RETENTION)
        for namespace, book in list(self._books.items()):
            for name in list(book.values()):
                event = self._store.get("events", namespace, name)
                if event is not None and _last_seen(event) > oldest_kept:
                    break
                self._store.delete("events", namespace, name)
        self._expiry_timer = self._clock.call_later(_EXPIRY_SECONDS, self._expire) if self._books else None

    def _stamp(self) -> int:
        self._last_stamp = max(self._last_stamp + 1, int(self._clock.now().timestamp() * 1_000_000_000))
        return self._last_stamp


def _event(note: _Note, name: str, namespace: str) -> Obj:
    series = note.series
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": _involved(note.about, series.field_path),
        "reason": series.reason,
        "message": series.message,
        "source": {"component": series.component} | ({"host": note.host} if note.host else {}),
        "firstTimestamp": note.when,
        "lastTimestamp": note.when,
        "count": 1,
        "type": series.type,
        "eventTime": None,
        "reportingComponent": series.component,
        "reportingInstance": note.host,
    }


def _involved(about: Obj, field_path: str) -> Obj:
    metadata = about["metadata"]
    reference = {
        "kind": about["kind"],
        "namespace": metadata.get("namespace"),
        "name": metadata["name"],
        "uid": metadata["uid"],
        "apiVersion": about["apiVersion"],
        "resourceVersion": metadata["resourceVersion"],
        "fieldPath": field_path,
    }
    return {name: value for name, value in reference.items() if value}


def _series(event: Obj) -> _Series:
    involved = event.get("involvedObject") or {}
    return _Series(
        involved.get("uid", ""),
        (event.get("source") or {}).get("component", ""),
        event.get("type", ""),
        event.get("reason", ""),
        event.get("message", ""),
        involved.get("fieldPath", ""),
    )


def _last_seen(event: Obj) -> str:
    return event.get("lastTimestamp") or event["metadata"].get("creationTimestamp") or ""
