"""Marks the alerts that are muted, as the first listener of a transition."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from services.monitor.alerts.transition import Transition
from services.monitor.clock import Now
from services.monitor.silences import silence_store
from services.monitor.silences.muting import MutableAlert


class SilenceListener:
    """Sets `muted_by` of alerts that fire, by what is in effect now: that is when they would be notified of."""

    def __init__(self, now: Now) -> None:
        self._now = now

    async def transitioned(
        self, connection: AsyncConnection, transitions: Sequence[Transition]
    ) -> Sequence[Transition]:
        """The same transitions with their marks. Raises DependencyUnavailable."""
        firing = {each.tenant_id for each in transitions if each.state == "firing"}
        if not firing:
            return transitions
        at = self._now()
        muting = await silence_store.muting(connection, firing, at)
        return [
            replace(each, muted_by=muting.muted_by(_mutable(each))) if each.state == "firing" else each
            for each in transitions
        ]


def _mutable(transition: Transition) -> MutableAlert:
    return MutableAlert(transition.tenant_id, transition.name, transition.severity, transition.labels)
