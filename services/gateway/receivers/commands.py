"""Requests about receivers to the monitor, which stores them, with two rows in the audit trail for each change.

The rows have neither a URL nor a secret.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from services.gateway.audit.worker_changes import changed_by_worker
from services.gateway.http.errors import found_tenant
from services.gateway.mode_context import ModeContext
from services.gateway.receivers.schemas import Receivers, ReceiverSecret, Replayed, SentNotifications, TestSent
from services.gateway.tenants.repository import find_tenant
from shared.errors import Refused
from shared.rpc.receivers import (
    NotificationsReply,
    NotificationsRequest,
    NotificationState,
    Receiver,
    ReceiverSpec,
    ReceiversReply,
    ReceiversRequest,
    SavedReceiver,
)

_SECRET = {"url", "authorization"}
_OPERATIONS = {
    "create": ("createReceiver", "createTenantReceiver"),
    "change": ("changeReceiver", "changeTenantReceiver"),
    "remove": ("removeReceiver", "removeTenantReceiver"),
    "rotate": ("rotateReceiverSecret", "rotateTenantReceiverSecret"),
    "test": ("testReceiver", "testTenantReceiver"),
    "replay": ("replayNotifications", "replayTenantNotifications"),
}
"""The operation ids of what is done with a receiver of the mode, and of a tenant."""


class ReceiverCommands:
    """Those of one mode; a `tenant_id` of None is the mode's own receivers.

    Each raises Refused, or DependencyUnavailable while the monitor or PostgreSQL is away.
    """

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database
        self._workers = context.workers

    async def list(self, tenant_id: str | None) -> Receivers:
        await self._check_tenant(tenant_id)
        reply = await self._workers.receivers(ReceiversRequest(tenant_id=tenant_id))
        return Receivers(receivers=reply.receivers)

    async def get(self, tenant_id: str | None, name: str) -> Receiver:
        return _named((await self.list(tenant_id)).receivers, name)

    async def create(self, tenant_id: str | None, saved: SavedReceiver) -> ReceiverSecret:
        """Create a receiver; the answer has its secret."""
        request = ReceiversRequest(tenant_id=tenant_id, create=SavedReceiver(name=saved.name, spec=saved.spec))
        reply = await self._change("create", request, saved.name, _recorded(saved.spec))
        return _with_secret(reply, saved.name)

    async def change(self, tenant_id: str | None, name: str, spec: ReceiverSpec) -> Receiver:
        """Replace a receiver's specification."""
        request = ReceiversRequest(tenant_id=tenant_id, change=SavedReceiver(name=name, spec=spec))
        return _named((await self._change("change", request, name, _recorded(spec))).receivers, name)

    async def remove(self, tenant_id: str | None, name: str) -> None:
        """Remove a receiver, with all that waits for it."""
        await self._change("remove", ReceiversRequest(tenant_id=tenant_id, remove=name), name, {"removed": True})

    async def rotate(self, tenant_id: str | None, name: str, minutes: int) -> ReceiverSecret:
        """Give a receiver another secret; the previous one signs too for `minutes`."""
        request = ReceiversRequest(tenant_id=tenant_id, rotate=name, overlap_minutes=minutes)
        return _with_secret(await self._change("rotate", request, name, {"overlap_minutes": minutes}), name)

    async def test(self, tenant_id: str | None, name: str) -> TestSent:
        """Send a test notification."""
        reply = await self._change("test", ReceiversRequest(tenant_id=tenant_id, test=name), name, {"tested": True})
        return TestSent(notification_id=reply.notification_id or "")

    async def sent(
        self, tenant_id: str | None, name: str, state: NotificationState | None, limit: int, before: str | None
    ) -> SentNotifications:
        """What waits, was sent or is dead."""
        await self._check_tenant(tenant_id)
        request = NotificationsRequest(tenant_id=tenant_id, receiver=name, state=state, limit=limit, before=before)
        return SentNotifications(notifications=(await self._workers.notifications(request)).notifications)

    async def replay(self, tenant_id: str | None, name: str, ids: tuple[str, ...]) -> Replayed:
        """Send dead notifications again."""
        await self._check_tenant(tenant_id)
        request = NotificationsRequest(tenant_id=tenant_id, receiver=name, replay=ids)
        reply = await changed_by_worker(
            self._database,
            None,
            NotificationsReply,
            partial(self._workers.notifications, request),
            operation=_OPERATIONS["replay"][tenant_id is not None],
            tenant_id=tenant_id,
            object_id=name,
            after={"replayed": list(ids) or "all"},
            found=lambda answer: {"count": answer.replayed},
        )
        return Replayed(replayed=reply.replayed)

    async def _change(
        self, action: str, request: ReceiversRequest, name: str, after: Mapping[str, Any]
    ) -> ReceiversReply:
        await self._check_tenant(request.tenant_id)
        return await changed_by_worker(
            self._database,
            None,
            ReceiversReply,
            partial(self._workers.receivers, request),
            operation=_OPERATIONS[action][request.tenant_id is not None],
            tenant_id=request.tenant_id,
            object_id=name,
            after=after,
        )

    async def _check_tenant(self, tenant_id: str | None) -> None:
        if tenant_id is not None:
            async with self._database.begin() as connection:
                found_tenant(await find_tenant(connection, tenant_id), tenant_id)


def _recorded(spec: ReceiverSpec) -> dict[str, Any]:
    """A specification as the audit trail has it."""
    return spec.model_dump(mode="json", exclude=_SECRET)


def _with_secret(reply: ReceiversReply, name: str) -> ReceiverSecret:
    return ReceiverSecret(**_named(reply.receivers, name).model_dump(), secret=reply.secret or "")


def _named(receivers: tuple[Receiver, ...], name: str) -> Receiver:
    found = next((each for each in receivers if each.name == name), None)
    if found is None:
        english = f"there is no receiver {name!r}; a list has their names"
        raise Refused(english, code="NOT_FOUND", message_id="receiver-not-found", details={"receiver": name})
    return found
