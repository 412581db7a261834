"""`/ws/deployment/{id}`: the deployment's present state, then every step.

With `?since=<seq>` comes first what was missed after that message, in order, and then the present state: so whoever
remembers the last `seq` it has seen can break off at any point and misses nothing.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from starlette.websockets import WebSocket

from services.gateway.deployments import repository as store
from services.gateway.deployments.projection import Update, is_step_forward
from services.gateway.websockets.connection import NOT_FOUND, Send, close, complaint, converse
from services.gateway.websockets.snapshots import Snapshots
from services.gateway.websockets.stream_feed import Feed, Message, Subscription
from shared.errors import DependencyUnavailable

_LOOK_EVERY = 0.5
_REPLAYED = 1000
"""Messages that are replayed at most; a deployment has about a hundred."""


class DeploymentView:
    """What a socket knows of a deployment. Progress never falls, and no step is taken twice."""

    def __init__(self, deployment_id: str, tenant_id: str) -> None:
        self._shown: dict[str, Any] = {"deployment_id": deployment_id, "tenant_id": tenant_id}
        self._time: datetime | None = None
        self._state: dict[str, Any] = {"status": "pending", "progress": 0, "phase": "sizing", "seq": 0, "resources": []}

    @property
    def seq(self) -> int:
        """Of the last step taken."""
        return int(self._state["seq"])

    def load(self, row: Row[Any]) -> None:
        """Take the state that the row has."""
        self._take(
            row.last_seq,
            row,
            resources=row.resources,
            timestamp=row.updated_at,
            level="error" if row.error_code else "info",
            stored=row.last_time,
        )

    def replay(self, event: Row[Any]) -> None:
        """Take a step from the deployment's log."""
        self._take(
            event.seq, event, resources=event.resources, timestamp=event.time, level=event.level, stored=event.time
        )

    def update(self, message: Message[Update]) -> bool:
        """Take a step as it comes; False for one that was taken, or that changes nothing any more."""
        update = message.content
        if not self._is_later(message) or not is_step_forward(self._state["status"], update):
            return False
        resources = [each.model_dump(exclude_none=True) for each in update.resources]
        self._take(
            message.seq,
            update,
            resources=resources,
            timestamp=message.time,
            level=update.level,
            stored=message.time,
        )
        self._state["correlation_id"] = message.correlation_id
        return True

    def message(self, kind: str = "update") -> dict[str, Any]:
        """What the socket says now."""
        return {"type": kind, **self._shown, **self._state}

    def _is_later(self, message: Message[Update]) -> bool:
        """By number, or by time: a stream that lost its end gives old numbers to new messages."""
        return message.seq > self.seq or (self._time is not None and message.time > self._time)

    def _take(
        self, seq: int, step: Any, *, resources: Any, timestamp: Any, level: str, stored: datetime | None
    ) -> None:
        """`step` has status, phase, progress, message, error_code, and (as a row) a correlation id.

        `stored` is the stream's time.
        """
        is_later = self._time is None or stored is None or stored > self._time
        self._time = stored if is_later else self._time
        self._state |= {
            "seq": seq if is_later else max(self.seq, seq),
            "status": step.status,
            "phase": str(step.phase or self._state["phase"]),
            "progress": max(self._state["progress"], step.progress or 0),
            "message": step.message,
            "error_code": step.error_code,
            "resources": resources or self._state["resources"],
            "timestamp": timestamp,
            "level": level,
            "correlation_id": getattr(step, "correlation_id", None),
        }


async def watch_deployment(
    websocket: WebSocket, deployment_id: str, since: int | None, database: Snapshots, feed: Feed[Update]
) -> None:
    """Serve an accepted socket. Raises DependencyUnavailable if PostgreSQL is away at the beginning."""
    with feed.subscribe(deployment_id) as subscription:
        async with database.begin() as connection:
            projected = await store.last_projected(connection)
            row = await store.find_deployment(connection, deployment_id)
            events: Sequence[Row[Any]] = ()
            if row is not None and since is not None:
                events = await store.list_events(connection, deployment_id, since=since, limit=_REPLAYED)
        if row is None:
            await close(websocket, NOT_FOUND, f"there is no deployment {deployment_id!r} in this mode")
            return
        found = row

        async def talk(send: Send) -> None:
            present = found
            if projected < subscription.forgotten:
                # The rows are further behind than memory reaches: what happened in between shows in them only later.
                view = DeploymentView(deployment_id, found.tenant_name)
                view.load(found)
                await send(view.message("snapshot"))
                present = await _read_when_projected(database, deployment_id, subscription.forgotten) or found
            await tell(send, present, events, subscription, since)

        await converse(websocket, talk, hear)


async def _read_when_projected(database: Snapshots, deployment_id: str, seq: int) -> Row[Any] | None:
    """The row once the rows have come as far as message `seq`; None if it is gone by then."""
    while True:
        with suppress(DependencyUnavailable):
            async with database.begin() as connection:
                projected = await store.last_projected(connection)
                row = await store.find_deployment(connection, deployment_id)
            if row is None or projected >= seq:
                return row
        await asyncio.sleep(_LOOK_EVERY)


async def tell(
    send: Send, row: Row[Any], events: Sequence[Row[Any]], subscription: Subscription[Update], since: int | None
) -> None:
    """What was missed, the present state, and then what comes, without an end."""
    view = DeploymentView(row.deployment_id, row.tenant_name)
    for step in merged(events, subscription.recent, since, row.last_seq):
        if isinstance(step, Message):
            view.update(step)
        else:
            view.replay(step)
        await send(view.message())
    view.load(row)
    for recent in subscription.recent:
        # The rows may lag behind what the client has seen.
        if recent.seq <= (since or 0):
            view.update(recent)
    await send(view.message("snapshot"))
    for recent in subscription.recent:
        if view.update(recent):
            await send(view.message())
    while True:
        missed, live = await subscription.get()
        if missed:
            await send({"type": "missed", "count": missed, "deployment_id": row.deployment_id})
        if live is not None and view.update(live):
            await send(view.message())


def merged(
    events: Sequence[Row[Any]], recent: Sequence[Message[Update]], since: int | None, last_seq: int
) -> list[Row[Any] | Message[Update]]:
    """What came after `since` up to the row's `last_seq`, in order, from the log and from memory.

    Both, since several events are written side by side: the row may be at a later one than the log is complete to.
    """
    if since is None:
        return []
    found: dict[int, Row[Any] | Message[Update]] = {
        message.seq: message for message in recent if since < message.seq <= last_seq
    }
    found |= {event.seq: event for event in events if event.seq <= last_seq}
    return [found[seq] for seq in sorted(found)]


def hear(said: Any) -> dict[str, Any] | None:
    """Nothing can be asked of this socket."""
    return complaint("this socket only tells; reconnect with ?since=<seq> to hear again what came after a message")
