"""Events (core/v1) as Kubernetes' components record them: repetitions are counted, bursts limited, old ones deleted.

A namespace keeps its newest 500 events for one hour, which is etcd's default; without a bound one crash loop would
fill the store. As in Kubernetes, events are written shortly after what they report, and one component can record 25
events about one object and then one every five minutes, so that a ReplicaSet with a thousand pods doesn't displace
all other events.
"""

from collections import OrderedDict, deque
from datetime import timedelta
from typing import NamedTuple

from services.simulator.clock import Clock, Timer
from services.simulator.storage.store import Store
from shared.kube import texts
from shared.kube.objects import Obj, is_terminating
from shared.kube.texts import format_time

EVENTS_PER_NAMESPACE = 500
RETENTION = timedelta(hours=1)
CLUSTER_EVENTS_NAMESPACE = "default"
# Kubernetes' limits for the events of one component about one object.
BURST, REFILL_SECONDS = 25, 300.0
# Events are written in groups, so that of a burst only those that would be kept are written.
FLUSH_SECONDS = 0.5
WRITES_AT_ONCE = 25
# How often expired events are deleted.
_EXPIRY_SECONDS = 60.0


class _Series(NamedTuple):
    """The fields in which two events agree when the second only increments the count of the first."""

    uid: str
    component: str
    type: str
    reason: str
    message: str
    field_path: str


class _Note(NamedTuple):
    """An event that is not written yet: its object, its content, the reporting node and the time."""

    about: Obj
    series: _Series
    host: str
    when: str


class EventRecorder:
    """Writes events. `observe` handles changes of events, also of those that clients wrote."""

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
        """Record an event about an object; `kind` is Normal or Warning, `host` the reporting node."""
        uid = about["metadata"]["uid"]
        if not self._allows(component, uid):
            return
        namespace = about["metadata"].get("namespace") or CLUSTER_EVENTS_NAMESPACE
        series = _Series(uid, component, kind, reason, message, field_path)
        notes = self._notes.setdefault(namespace, deque(maxlen=EVENTS_PER_NAMESPACE))
        notes.append(_Note(about, series, host, format_time(self._clock.now())))
        if self._flush_timer is None:
            self._flush_timer = self._clock.call_on_tick(FLUSH_SECONDS, self._flush)

    def observe(self, old: Obj | None, new: Obj | None) -> None:
        """Update the index of events, whichever client wrote them."""
        if new is not None:
            book = self._books.setdefault(new["metadata"]["namespace"], OrderedDict())
            series = _series(new)
            book[series] = new["metadata"]["name"]
            book.move_to_end(series)
            if self._expiry_timer is None:
                # An event that was loaded after a restart may expire soon.
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
        """Use a token of the component for this object; False if none is left."""
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
        """Write a few events at a time, so that a burst doesn't delay requests."""
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
        oldest_kept = format_time(self._clock.now() - RETENTION)
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
