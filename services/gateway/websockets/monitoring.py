"""`/ws/monitoring/{tenant_id}`: samples as they arrive; a subscription is optional.

A message has the latest value of each metric within the last minute, under `metrics` and, for the documented older
client, also at the top level. `subscribe` chooses metrics and an interval in milliseconds: samples in between are held
back, and the next message has the latest values. `unsubscribe` removes the named metrics, or all.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row
from starlette.websockets import WebSocket

from services.gateway.mode_settings.repository import latest_version, settings_of
from services.gateway.monitoring import repository as store
from services.gateway.monitoring.series import series_name
from services.gateway.tenants import repository as tenant_store
from services.gateway.websockets.connection import Send, invalid_message, serve
from services.gateway.websockets.shared_text import encode
from services.gateway.websockets.snapshots import SnapshotReader
from services.gateway.websockets.stream_feed import FeedMessage, FeedSubscription, StreamFeed
from shared.measuring import NAME_RULE, name_problem

Values = dict[str, float]
Sample = tuple[datetime, Values]
"""The time according to its sender, and its values."""
_FRESH = timedelta(minutes=1)
_LONGEST_INTERVAL = 3600.0
_MOST_NAMES = 100
_MOST_EXCLUDED = 1000
_JITTER = 0.9
"""The share of the interval after which a message may be sent: samples of 5 s are never exactly 5 s apart."""


class MonitoringFeedState:
    """The values of a tenant that a socket sends, and when. `clock` is that of the event loop, in seconds."""

    def __init__(self, tenant_id: str, clock: Callable[[], float], interval: float = 0.0) -> None:
        """`interval` is in seconds, until the client chooses another one."""
        self._tenant_id = tenant_id
        self._clock = clock
        self._values: dict[str, tuple[float, datetime]] = {}
        self._changed: set[str] = set()
        self._included: set[str] | None = None
        self._excluded: set[str] = set()
        self._interval = interval
        self._due = 0.0
        self._seq = 0
        self._timestamp: datetime | None = None
        self._correlation_id = ""

    def begin(self, stored: Iterable[Row[Any]], seq: int) -> None:
        """Add stored values (name, value, timestamp). `seq` is the position of the stream."""
        for row in stored:
            self._add({row.name: row.value}, row.timestamp)
            self._timestamp = max(self._timestamp or row.timestamp, row.timestamp)
        self._seq = seq

    def add(self, message: FeedMessage[Sample]) -> None:
        """Add a sample. Its age is counted from its arrival, because its own time is set by its sender."""
        self._timestamp, values = message.content
        self._seq = message.seq
        self._correlation_id = message.correlation_id
        self._add(values, message.time)

    def receive(self, message: Any) -> dict[str, Any] | None:
        """Handle `{"action": "subscribe", "metrics": [...], "interval": 5000}`; returns an answer only for an error."""
        if not isinstance(message, dict) or message.get("action") not in ("subscribe", "unsubscribe"):
            return invalid_message(
                'send {"action": "subscribe", "metrics": ["cpu"], "interval": 5000} or "unsubscribe"'
            )
        metrics = message.get("metrics")
        if metrics is not None and not (isinstance(metrics, list) and all(isinstance(each, str) for each in metrics)):
            return invalid_message('metrics must be a list of names, as in ["cpu", "memory"]')
        names = None if metrics is None else {series_name(each) for each in metrics}
        if names is not None and (len(names) > _MOST_NAMES or any(name_problem(name) for name in names)):
            return invalid_message(f"metrics: at most {_MOST_NAMES} names; {NAME_RULE}")
        if message["action"] == "unsubscribe":
            return self._unsubscribe(names)
        return self._subscribe(names, message.get("interval"))

    def wait(self) -> float | None:
        """Seconds until held-back values may be sent; None without any."""
        return max(0.0, self._due - self._clock()) if self._has_changes() else None

    def message(self, kind: str = "sample") -> dict[str, Any] | None:
        """The message to send now, or None."""
        now = self._clock()
        if not self._has_changes() or now < self._due:
            return None
        metrics = {name: value for name, (value, _) in sorted(self._values.items()) if self._includes(name)}
        self._changed.clear()
        self._due = now + self._interval * _JITTER
        return {
            **metrics,
            "type": kind,
            "timestamp": self._timestamp,
            "tenant_id": self._tenant_id,
            "metrics": metrics,
            "seq": self._seq,
            "correlation_id": self._correlation_id,
        }

    def _add(self, values: Values, arrived: datetime) -> None:
        self._values |= {name: (value, arrived) for name, value in values.items()}
        # Remove expired values: new names may arrive for as long as the socket is open.
        newest = max((arrived for _, arrived in self._values.values()), default=arrived)
        self._values = {name: kept for name, kept in self._values.items() if newest - kept[1] <= _FRESH}
        self._changed = (self._changed | values.keys()) & self._values.keys()

    def _subscribe(self, names: set[str] | None, interval: Any) -> dict[str, Any] | None:
        if interval is not None:
            is_number = isinstance(interval, int | float) and not isinstance(interval, bool)
            if not is_number or not 0 < interval / 1000 <= _LONGEST_INTERVAL:
                return invalid_message("interval must be a number of milliseconds, above 0 and at most an hour")
            self._interval = interval / 1000
        self._included, self._excluded = names, set()
        self._due = min(self._due, self._clock() + self._interval)
        return None

    def _unsubscribe(self, names: set[str] | None) -> dict[str, Any] | None:
        if names is None:
            self._included, self._excluded = set(), set()
        elif self._included is not None:
            self._included -= names
        elif len(self._excluded | names) > _MOST_EXCLUDED:
            return invalid_message(
                f"at most {_MOST_EXCLUDED} metrics can be unsubscribed; subscribe to the wanted ones instead"
            )
        else:
            self._excluded |= names
        return None

    def _includes(self, name: str) -> bool:
        return name not in self._excluded and (self._included is None or name in self._included)

    def _has_changes(self) -> bool:
        return any(self._includes(name) for name in self._changed)


async def watch_monitoring(
    websocket: WebSocket, tenant_id: str, since: int | None, snapshots: SnapshotReader, feed: StreamFeed[Sample]
) -> bool:
    """Serve an accepted socket until it ends; False if there is no such tenant.

    Raises DependencyUnavailable if PostgreSQL is away when it opens.
    """
    with feed.subscribe(tenant_id) as subscription:
        async with snapshots.begin() as connection:
            row = await tenant_store.find_tenant(connection, tenant_id)
            stored = await store.latest(connection, row.id) if row is not None else ()
            interval = settings_of(await latest_version(connection)).monitoring.data_collection_interval
        if row is None:
            return False
        # Samples of a deleted tenant with the same id belong to another owner.
        subscription.forget_before(row.created_at)
        state = MonitoringFeedState(tenant_id, asyncio.get_running_loop().time, float(interval or 0))
        state.begin(stored, feed.last_seq if since is None else since)

        async def send_all(send: Send) -> None:
            await send_samples(send, state, subscription, since)

        def receive(message: Any) -> dict[str, Any] | None:
            answer = state.receive(message)
            # Values that were excluded before may be due now.
            subscription.poke()
            return answer

        await serve(websocket, send_all, receive)
    return True


async def send_samples(
    send: Send, state: MonitoringFeedState, subscription: FeedSubscription[Sample], since: int | None
) -> None:
    """Send the samples after `since`, or the present values if there are any; then live samples without end."""
    for recent in subscription.recent:
        state.add(recent)
        if since is not None and recent.seq > since and (message := state.message()) is not None:
            await send(subscription.text(message))
    if (message := state.message("snapshot")) is not None:
        await send(subscription.text(message))
    while True:
        try:
            async with asyncio.timeout(state.wait()):
                missed, live = await subscription.get()
        except TimeoutError:
            pass
        else:
            if missed:
                await send(encode({"type": "missed", "count": missed}))
            if live is not None:
                state.add(live)
        if (message := state.message()) is not None:
            await send(subscription.text(message))
