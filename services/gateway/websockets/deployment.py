"""`/ws/deployment/{id}`: the deployment's present state, then every step.

With `?since=<seq>` the missed messages after that one come first, in order, and then the present state: a client that
remembers the last `seq` it received can disconnect at any time without missing a message.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Row
from starlette.websockets import WebSocket

from services.gateway.deployments import repository as store
from services.gateway.deployments.projection import Update, is_step_forward
from services.gateway.websockets.connection import Send, Write, invalid_message, serve, writer
from services.gateway.websockets.shared_text import SharedText, encode
from services.gateway.websockets.snapshots import SnapshotReader
from services.gateway.websockets.stream_feed import FeedMessage, FeedSubscription, StreamFeed
from shared.errors import DependencyUnavailable

_READ_EVERY = 0.5
_REPLAYED = 1000
"""The most messages that are replayed; a deployment has about a hundred."""


class State(NamedTuple):
    """The state of a deployment that a socket has sent. It is never changed but replaced, so that sockets share it."""

    fields: dict[str, Any]
    time: datetime | None = None
    """When the stream stored the last applied step."""


_BEGIN = State({"status": "pending", "progress": 0, "phase": "sizing", "seq": 0, "resources": []})


class DeploymentFeedState:
    """What a socket has sent of a deployment. Progress never falls, and no step is applied twice."""

    def __init__(self, deployment_id: str, tenant_id: str) -> None:
        self._shown: dict[str, Any] = {"deployment_id": deployment_id, "tenant_id": tenant_id}
        self._state = _BEGIN

    @property
    def seq(self) -> int:
        """The sequence of the last applied step."""
        return int(self._state.fields["seq"])

    def load(self, row: Row[Any]) -> None:
        """Apply the state of the deployment's row."""
        self._state = _after(
            self._state,
            row.last_seq,
            row,
            resources=row.resources,
            timestamp=row.updated_at,
            level="error" if row.error_code else "info",
            stored=row.last_time,
        )

    def replay(self, event: Row[Any]) -> None:
        """Apply a line of the deployment's log."""
        self._state = _after(
            self._state,
            event.seq,
            event,
            resources=event.resources,
            timestamp=event.time,
            level=event.level,
            stored=event.time,
        )

    def update(self, message: FeedMessage[Update]) -> bool:
        """Apply a live step; False if it was applied before or may not change the status any more."""
        state = _with_step(self._state, message)
        if state is None:
            return False
        self._state = state
        return True

    def message(self, kind: str = "update") -> dict[str, Any]:
        """The message to send for the present state."""
        return self._message(self._state, kind)

    def send_at_once(self, step: FeedMessage[Update], shared: SharedText, write: Write) -> bool:
        """Apply a live step and write its message, if it has one; False if the socket isn't ready: nothing is changed.

        Both are computed once for all sockets that have sent the same before.
        """
        state, text = shared.change(step, self._state, partial(self._changed, step))
        if text is not None and not write(text):
            return False
        self._state = state
        return True

    def _changed(self, step: FeedMessage[Update], state: State) -> tuple[State, dict[str, Any] | None]:
        after = _with_step(state, step)
        return (state, None) if after is None else (after, self._message(after))

    def _message(self, state: State, kind: str = "update") -> dict[str, Any]:
        return {"type": kind, **self._shown, **state.fields}


def _with_step(state: State, message: FeedMessage[Update]) -> State | None:
    """The state after a live step; None if it was applied before or may not change the status any more."""
    update, fields = message.content, state.fields
    # By sequence or by time, because a stream that lost its end reuses sequences.
    is_later = message.seq > fields["seq"] or (state.time is not None and message.time > state.time)
    if not is_later or not is_step_forward(fields["status"], update):
        return None
    after = _after(
        state,
        message.seq,
        update,
        resources=update.written_resources,
        timestamp=message.time,
        level=update.level,
        stored=message.time,
    )
    after.fields["correlation_id"] = message.correlation_id
    return after


def _after(
    state: State, seq: int, step: Any, *, resources: Any, timestamp: Any, level: str, stored: datetime | None
) -> State:
    """The state after `step`, which has a status, phase, progress, message, error_code, and as a row a correlation id.

    `stored` is the time at which the stream stored it.
    """
    before, is_later = state.fields, state.time is None or stored is None or stored > state.time
    fields = {
        **before,
        "seq": seq if is_later else max(before["seq"], seq),
        "status": step.status,
        "phase": str(step.phase or before["phase"]),
        "progress": max(before["progress"], step.progress or 0),
        "message": step.message,
        "error_code": step.error_code,
        "resources": resources or before["resources"],
        "timestamp": timestamp,
        "level": level,
        "correlation_id": getattr(step, "correlation_id", None),
    }
    return State(fields, stored if is_later else state.time)


async def watch_deployment(
    websocket: WebSocket, deployment_id: str, since: int | None, snapshots: SnapshotReader, feed: StreamFeed[Update]
) -> bool:
    """Serve an accepted socket until it ends; False if there is no such deployment.

    Raises DependencyUnavailable if PostgreSQL is away when it opens.
    """
    with feed.subscribe(deployment_id) as subscription:
        async with snapshots.begin() as connection:
            projected = await store.last_projected(connection)
            row = await store.find_deployment(connection, deployment_id)
            events: Sequence[Row[Any]] = ()
            if row is not None and since is not None:
                events = await store.list_events(connection, deployment_id, since=since, limit=_REPLAYED)
        if row is None:
            return False
        found = row

        async def send_all(send: Send) -> None:
            present = found
            if projected < subscription.forgotten:
                # The feed no longer has some messages that aren't projected into rows yet: wait for the projection.
                view = DeploymentFeedState(deployment_id, found.tenant_name)
                view.load(found)
                await send(subscription.text(view.message("snapshot")))
                present = await _read_when_projected(snapshots, deployment_id, subscription.forgotten) or found
            await send_messages(send, present, events, subscription, since, write=writer(websocket))

        await serve(websocket, send_all, receive)
    return True


async def _read_when_projected(snapshots: SnapshotReader, deployment_id: str, seq: int) -> Row[Any] | None:
    """The row, when message `seq` is projected; None if the deployment doesn't exist any more."""
    while True:
        with suppress(DependencyUnavailable):
            async with snapshots.begin() as connection:
                projected = await store.last_projected(connection)
                row = await store.find_deployment(connection, deployment_id)
            if row is None or projected >= seq:
                return row
        await asyncio.sleep(_READ_EVERY)


async def send_messages(
    send: Send,
    row: Row[Any],
    events: Sequence[Row[Any]],
    subscription: FeedSubscription[Update],
    since: int | None,
    *,
    write: Write | None = None,
) -> None:
    """Send the missed messages, the present state, and then live messages without end; those by `write` if possible."""
    view = DeploymentFeedState(row.deployment_id, row.tenant_name)
    for step in merged(events, subscription.recent, since, row.last_seq):
        if isinstance(step, FeedMessage):
            view.update(step)
        else:
            view.replay(step)
        await send(subscription.text(view.message()))
    view.load(row)
    for recent in subscription.recent:
        # The rows may be behind the messages that the client has received.
        if recent.seq <= (since or 0):
            view.update(recent)
    await send(subscription.text(view.message("snapshot")))
    for recent in subscription.recent:
        if view.update(recent):
            await send(subscription.text(view.message()))
    at_once = None if write is None else partial(view.send_at_once, shared=subscription.shared, write=write)
    while True:
        missed, live = await subscription.get(at_once)
        if missed:
            await send(encode({"type": "missed", "count": missed, "deployment_id": row.deployment_id}))
        if live is not None and view.update(live):
            await send(subscription.text(view.message()))


def merged(
    events: Sequence[Row[Any]], recent: Sequence[FeedMessage[Update]], since: int | None, last_seq: int
) -> list[Row[Any] | FeedMessage[Update]]:
    """The messages after `since` up to the row's `last_seq`, in order, from the log and from the feed's memory.

    Both are needed: events are projected concurrently, so the log may be incomplete up to the row's last event.
    """
    if since is None:
        return []
    found: dict[int, Row[Any] | FeedMessage[Update]] = {
        message.seq: message for message in recent if since < message.seq <= last_seq
    }
    found |= {event.seq: event for event in events if event.seq <= last_seq}
    return [found[seq] for seq in sorted(found)]


def receive(message: Any) -> dict[str, Any] | None:
    """This socket accepts no messages."""
    return invalid_message("this socket only sends; reconnect with ?since=<seq> to get the messages after that one")
