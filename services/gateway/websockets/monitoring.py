"""`/ws/monitoring/{tenant_id}`: samples as they come, without having to subscribe.

A message shows each metric's latest value of the last minute, under `metrics` and, for the guides' older client, also
at the top. `subscribe` chooses metrics and an interval in milliseconds: what comes in between is held back, and the
next message has the latest of it. `unsubscribe` ends the metrics that it names, or all.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row
from starlette.websockets import WebSocket

from services.gateway.monitoring import repository as store
from services.gateway.monitoring.series import series_name
from services.gateway.tenants import repository as tenant_store
from services.gateway.websockets.connection import NOT_FOUND, Send, close, complaint, converse
from services.gateway.websockets.snapshots import Snapshots
from services.gateway.websockets.stream_feed import Feed, Message, Subscription
from shared.measuring import NAME_RULE, name_problem

Values = dict[str, float]
Sample = tuple[datetime, Values]
"""The time that its sender gave it, and its values."""
_FRESH = timedelta(minutes=1)
_LONGEST_INTERVAL = 3600.0
_MOST_NAMES = 100
_MOST_UNWANTED = 1000
_JITTER = 0.9
"""Part of the interval after which a message may come: samples of 5 s are never 5.000 s apart."""


class MonitoringView:
    """What a socket shows of a tenant, and when. `clock` is the event loop's, in seconds."""

    def __init__(self, tenant_id: str, clock: Callable[[], float]) -> None:
        self._tenant_id = tenant_id
        self._clock = clock
        self._values: dict[str, tuple[float, datetime]] = {}
        self._news: set[str] = set()
        self._wanted: set[str] | None = None
        self._unwanted: set[str] = set()
        self._interval = 0.0
        self._due = 0.0
        self._seq = 0
        self._timestamp: datetime | None = None
        self._correlation_id = ""

    def begin(self, stored: Iterable[Row[Any]], seq: int) -> None:
        """Note stored values (name, value, timestamp); `seq` is where the stream was."""
        for row in stored:
            self._note({row.name: row.value}, row.timestamp)
            self._timestamp = max(self._timestamp or row.timestamp, row.timestamp)
        self._seq = seq

    def take(self, message: Message[Sample]) -> None:
        """Note a sample. Its age counts from its arrival, since its own time is whatever its sender says."""
        self._timestamp, values = message.content
        self._seq = message.seq
        self._correlation_id = message.correlation_id
        self._note(values, message.time)

    def hear(self, said: Any) -> dict[str, Any] | None:
        """`{"action": "subscribe", "metrics": [...], "interval": 5000}`; the answer is None unless it can't be done."""
        if not isinstance(said, dict) or said.get("action") not in ("subscribe", "unsubscribe"):
            return complaint('say {"action": "subscribe", "metrics": ["cpu"], "interval": 5000} or "unsubscribe"')
        metrics = said.get("metrics")
        if metrics is not None and not (isinstance(metrics, list) and all(isinstance(each, str) for each in metrics)):
            return complaint('metrics must be a list of names, as in ["cpu", "memory"]')
        names = None if metrics is None else {series_name(each) for each in metrics}
        if names is not None and (len(names) > _MOST_NAMES or any(name_problem(name) for name in names)):
            return complaint(f"metrics: at most {_MOST_NAMES} names; {NAME_RULE}")
        if said["action"] == "unsubscribe":
            return self._unsubscribe(names)
        return self._subscribe(names, said.get("interval"))

    def wait(self) -> float | None:
        """Seconds until what is held back may be said; None if nothing is."""
        return max(0.0, self._due - self._clock()) if self._is_news() else None

    def message(self, kind: str = "sample") -> dict[str, Any] | None:
        """What is to be said now, if anything is."""
        now = self._clock()
        if not self._is_news() or now < self._due:
            return None
        metrics = {name: value for name, (value, _) in sorted(self._values.items()) if self._wants(name)}
        self._news.clear()
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

    def _note(self, values: Values, arrived: datetime) -> None:
        self._values |= {name: (value, arrived) for name, value in values.items()}
        # What is too old to be shown goes: other names may come for as long as the socket is open.
        newest = max((arrived for _, arrived in self._values.values()), default=arrived)
        self._values = {name: kept for name, kept in self._values.items() if newest - kept[1] <= _FRESH}
        self._news = (self._news | values.keys()) & self._values.keys()

    def _subscribe(self, names: set[str] | None, interval: Any) -> dict[str, Any] | None:
        if interval is not None:
            is_number = isinstance(interval, int | float) and not isinstance(interval, bool)
            if not is_number or not 0 < interval / 1000 <= _LONGEST_INTERVAL:
                return complaint("interval must be a number of milliseconds, above 0 and at most an hour")
            self._interval = interval / 1000
        self._wanted, self._unwanted = names, set()
        self._due = min(self._due, self._clock() + self._interval)
        return None

    def _unsubscribe(self, names: set[str] | None) -> dict[str, Any] | None:
        if names is None:
            self._wanted, self._unwanted = set(), set()
        elif self._wanted is not None:
            self._wanted -= names
        elif len(self._unwanted | names) > _MOST_UNWANTED:
            return complaint(f"at most {_MOST_UNWANTED} metrics can be unwanted; subscribe to those that are wanted")
        else:
            self._unwanted |= names
        return None

    def _wants(self, name: str) -> bool:
        return name not in self._unwanted and (self._wanted is None or name in self._wanted)

    def _is_news(self) -> bool:
        return any(self._wants(name) for name in self._news)


async def watch_monitoring(
    websocket: WebSocket, tenant_id: str, since: int | None, database: Snapshots, feed: Feed[Sample]
) -> None:
    """Serve an accepted socket. Raises DependencyUnavailable if PostgreSQL is away at the beginning."""
    with feed.subscribe(tenant_id) as subscription:
        async with database.begin() as connection:
            row = await tenant_store.find_tenant(connection, tenant_id)
            stored = await store.latest(connection, row.id) if row is not None else ()
        if row is None:
            await close(websocket, NOT_FOUND, f"there is no tenant {tenant_id!r} in this mode")
            return
        view = MonitoringView(tenant_id, asyncio.get_running_loop().time)
        view.begin(stored, feed.last_seq if since is None else since)

        async def talk(send: Send) -> None:
            await tell(send, view, subscription, since)

        def hear(said: Any) -> dict[str, Any] | None:
            answer = view.hear(said)
            # What was not wanted before may be due now.
            subscription.poke()
            return answer

        await converse(websocket, talk, hear)


async def tell(send: Send, view: MonitoringView, subscription: Subscription[Sample], since: int | None) -> None:
    """The samples missed after `since`, or the present values if there are any; then what comes, without an end."""
    for recent in subscription.recent:
        view.take(recent)
        if since is not None and recent.seq > since and (message := view.message()) is not None:
            await send(message)
    if (message := view.message("snapshot")) is not None:
        await send(message)
    while True:
        try:
            async with asyncio.timeout(view.wait()):
                missed, live = await subscription.get()
        except TimeoutError:
            pass
        else:
            if missed:
                await send({"type": "missed", "count": missed})
            if live is not None:
                view.take(live)
        if (message := view.message()) is not None:
            await send(message)
