"""The last listener of a transition: what receivers are to be told, written in the transition's transaction.

A firing alert is told to each of its receivers once, also if it comes again because its marks have changed. A
resolution goes to those receivers that were told of the firing, also if the alert is muted by then: what was opened
has to be closed.
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.alerts.transition import Transition
from services.monitor.clock import Now
from services.monitor.notifications.notices import fired_notice, pending_row, resolved_notice, told_row
from services.monitor.notifications.pending_store import add_pending, tell, untell
from services.monitor.notifications.receiver_rows import StoredReceiver, add_receiver, receivers_of
from services.monitor.notifications.routing import missing_receivers, routed


class NotificationListener:
    """A `TransitionListener`."""

    def __init__(self, now: Now, *, group_seconds: float) -> None:
        """`group_seconds` is the grouping interval of receivers that are made for rules' actions."""
        self._now = now
        self._group_seconds = group_seconds

    async def transitioned(
        self, connection: AsyncConnection, transitions: Sequence[Transition]
    ) -> Sequence[Transition]:
        """Add what receivers are to be told. The transitions are returned as they are."""
        firing = [each for each in transitions if each.state == "firing" and not (each.muted_by or each.inhibited_by)]
        if firing:
            await self._fired(connection, firing)
        resolved = {each.alert_id: each for each in transitions if each.state == "resolved"}
        if resolved:
            now = self._now()
            told = await untell(connection, resolved)
            rows = [
                pending_row(
                    each.receiver_id, each.spec, resolved_notice(each.notice, resolved[each.notice.alert_id]), now
                )
                for each in told
            ]
            await add_pending(connection, rows)
        return transitions

    async def _fired(self, connection: AsyncConnection, firing: Sequence[Transition]) -> None:
        receivers = await self._receivers(connection, firing)
        now = self._now()
        rows = {
            (receiver.receiver_id, transition.alert_id): told_row(
                receiver.receiver_id, receiver.spec, fired_notice(transition), now
            )
            for transition in firing
            for receiver in routed(receivers, transition)
        }
        new = await tell(connection, list(rows.values()))
        await add_pending(connection, [row for key, row in rows.items() if key in new])

    async def _receivers(self, connection: AsyncConnection, firing: Sequence[Transition]) -> Sequence[StoredReceiver]:
        """The receivers that may be told, with those that the actions need, which are made."""
        tenants = {each.tenant_id for each in firing}
        receivers = await receivers_of(connection, tenants)
        missing = list(missing_receivers(receivers, firing, self._group_seconds))
        if not missing:
            return receivers
        for each in missing:
            await add_receiver(connection, each.tenant_id, each.name, each.spec, origin="rule")
        return await receivers_of(connection, tenants)
