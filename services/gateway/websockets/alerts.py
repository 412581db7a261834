"""`/ws/alerts/{tenant_id}`: the alerts that fire, then each one that begins or ends.

A message is an alert in the documented fields. Its `type` is the kind of trouble, as documented, so what the message is
stands in `kind`: `snapshot` (it fires when the socket opens), `ready` (the snapshot is complete, with the ids of all
that fire), `raised`, `changed` (its marks, such as a silence), `resolved`. With `?since=<seq>` the missed messages come
before the snapshot. `missed` tells that some can't be replayed; a snapshot follows, which is complete.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from starlette.websockets import WebSocket

from services.gateway.active_alerts import repository
from services.gateway.active_alerts.queries import shown
from services.gateway.active_alerts.schemas import ActiveAlert
from services.gateway.http.language import Translator, translator
from services.gateway.tenants.repository import find_tenant
from services.gateway.websockets.connection import Send, invalid_message, serve
from services.gateway.websockets.shared_text import Message, encode
from services.gateway.websockets.snapshots import SnapshotReader
from services.gateway.websockets.stream_feed import FeedMessage, FeedSubscription, StreamFeed
from shared.events import AlertEvent, AlertRaised

_CLOCKS = timedelta(minutes=1)
"""The clocks of NATS and PostgreSQL may differ by this much."""
_FROM_EVENTS = ("alert_id", "tenant_id", "severity", "type", "metric", "current_value", "threshold", "name")
_MARKS = ("condition", "labels", "runbook", "incident_id", "muted_by", "inhibited_by")


class Snapshot(NamedTuple):
    """The alerts of a tenant that fire at one moment."""

    alerts: list[ActiveAlert]
    time: datetime
    """By the clock of PostgreSQL."""


class AlertFeedState:
    """Which alerts a socket has shown as firing, with their fields."""

    def __init__(self, tenant_id: str, texts: Translator) -> None:
        self._tenant_id = tenant_id
        self._texts = texts
        self._firing: dict[str, dict[str, Any]] = {}
        self._known_until: datetime | None = None

    def load(self, snapshot: Snapshot, seq: int) -> Iterable[Message]:
        """The messages of a snapshot."""
        fields = [_fields_of_row(each) for each in snapshot.alerts]
        self._firing = {each["alert_id"]: each for each in fields}
        self._known_until = snapshot.time - _CLOCKS
        for each in fields:
            yield {"kind": "snapshot", "state": "firing", **each, "seq": seq}
        yield {
            "kind": "ready",
            "tenant_id": self._tenant_id,
            "active": len(fields),
            "alert_ids": list(self._firing),
            "seq": seq,
        }

    def replayed(self, message: FeedMessage[AlertEvent]) -> Message:
        """The message of a missed event. What fires now is told by the snapshot that follows."""
        kind = "raised" if isinstance(message.content, AlertRaised) else "resolved"
        return self._message(kind, message)

    def apply(self, message: FeedMessage[AlertEvent]) -> Message | None:
        """The message of a live event; None for one that the snapshot contains."""
        if self._known_until is not None and message.time < self._known_until:
            return None
        event, shown_before = message.content, self._firing.get(message.content.alert_id)
        if not isinstance(event, AlertRaised):
            if shown_before is None:
                return None
            del self._firing[event.alert_id]
            return self._message("resolved", message)
        fields = self._fields(event)
        self._firing[event.alert_id] = fields
        if shown_before is None:
            return self._message("raised", message)
        if all(shown_before[name] == fields[name] for name in (*_MARKS, "severity")):
            return None
        return self._message("changed", message)

    def _message(self, kind: str, message: FeedMessage[AlertEvent]) -> Message:
        state = "resolved" if kind == "resolved" else "firing"
        fields = self._fields(message.content)
        return {"kind": kind, "state": state, **fields, "seq": message.seq, "correlation_id": message.correlation_id}

    def _fields(self, event: AlertEvent) -> dict[str, Any]:
        parts = [event.message_id] if event.message_id is not None else []
        return {
            **{name: getattr(event, name) for name in (*_FROM_EVENTS, *_MARKS)},
            "message": self._texts.text(event.message, *parts),
            "timestamp": event.time,
        }


async def watch_alerts(
    websocket: WebSocket, tenant_id: str, since: int | None, snapshots: SnapshotReader, feed: StreamFeed[AlertEvent]
) -> bool:
    """Serve an accepted socket until it ends; False if there is no such tenant.

    Raises DependencyUnavailable if PostgreSQL is away when it opens, or when messages were missed.
    """
    with feed.subscribe(tenant_id) as subscription:
        position, texts = feed.last_seq, translator()
        async with snapshots.begin() as connection:
            row = await find_tenant(connection, tenant_id)
        if row is None:
            return False
        row_id = row.id
        # Alerts of a deleted tenant with the same id belong to another owner.
        subscription.forget_before(row.created_at)
        is_complete = since is None or since >= feed.remembered_from - 1

        async def read() -> Snapshot:
            async with snapshots.begin() as connection:
                time = await repository.now(connection)
                return Snapshot(shown(await repository.active_of(connection, row_id), texts), time)

        first = await read()

        async def send_all(send: Send) -> None:
            view = AlertFeedState(tenant_id, texts)
            await _begin(send, view, subscription, since, is_complete=is_complete)
            await _send_each(send, subscription, view.load(first, max(position, since or 0)))
            for recent in subscription.recent:
                if recent.seq > max(position, since or 0):
                    await _send_live(send, subscription, view, recent)
            await _follow(send, view, subscription, feed, read)

        await serve(websocket, send_all, receive)
    return True


async def _begin(
    send: Send,
    view: AlertFeedState,
    subscription: FeedSubscription[AlertEvent],
    since: int | None,
    *,
    is_complete: bool,
) -> None:
    """Send the messages after `since`."""
    if not is_complete:
        await send(encode({"kind": "missed", "count": None}))
    if since is not None:
        missed = [view.replayed(each) for each in subscription.recent if each.seq > since]
        await _send_each(send, subscription, missed)


async def _follow(
    send: Send,
    view: AlertFeedState,
    subscription: FeedSubscription[AlertEvent],
    feed: StreamFeed[AlertEvent],
    read: Any,
) -> None:
    """Send live messages without end; after dropped ones, a snapshot."""
    while True:
        missed, live = await subscription.get()
        if missed:
            await send(encode({"kind": "missed", "count": missed}))
            seq = feed.last_seq
            await _send_each(send, subscription, view.load(await read(), seq))
        if live is not None:
            await _send_live(send, subscription, view, live)


async def _send_live(
    send: Send, subscription: FeedSubscription[AlertEvent], view: AlertFeedState, message: FeedMessage[AlertEvent]
) -> None:
    shown_now = view.apply(message)
    if shown_now is not None:
        await send(subscription.text(shown_now))


async def _send_each(send: Send, subscription: FeedSubscription[AlertEvent], messages: Iterable[Message]) -> None:
    for each in messages:
        await send(subscription.text(each))


def receive(message: Any) -> dict[str, Any] | None:
    """This socket accepts no messages."""
    return invalid_message("this socket only sends; reconnect with ?since=<seq> to get the messages after that one")


def _fields_of_row(alert: ActiveAlert) -> dict[str, Any]:
    return alert.model_dump(include={*_FROM_EVENTS, *_MARKS, "message", "timestamp"})
