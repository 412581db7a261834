"""Looks for room before a deployment applies anything, and again where its pods get no node.

Without it the part of a tenant that fits would take the room from others and serve no caller: pods of a tenant that can
never run as a whole kept another one waiting until the first had failed.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from services.deployer.cluster.api import ClusterRefused, KindUnknown, Obj
from services.deployer.reconcile.deadlines import Deadlines, DeploymentFailed
from services.deployer.state.records import DesiredState
from services.deployer.state.status_recorder import StatusRecorder
from shared.errors import TemporaryError
from shared.rpc import RoomReply

_log = structlog.get_logger(__name__)
_LOOK_EVERY = 3.0
_SHORT = "INSUFFICIENT_RESOURCES"
FindRoom = Callable[[str, Sequence[Obj]], Awaitable[RoomReply]]
"""Whether the objects' pods have room in a namespace. Raises ClusterUnavailable, ClusterRefused and KindUnknown."""


class WaitingForRoom(TemporaryError):
    """The deployment waits for room, which takes no turn, no lease and no time of its own."""


class RoomCheck:
    """The room of one generation of one tenant."""

    def __init__(
        self,
        desired: DesiredState,
        ledger: StatusRecorder,
        patience: Deadlines,
        find_room: FindRoom | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._desired = desired
        self._ledger = ledger
        self._patience = patience
        self._find_room = find_room
        self._clock = clock

    async def check(self, namespace: str, objects: Sequence[Obj]) -> None:
        """Raise DeploymentFailed if there is no room for the pods of `objects`, or NoRoom where it may wait."""
        waits = self._desired.options.wait_for_capacity
        if waits and self._ledger.applied.has_room_since is not None:
            return
        room = await self._look(namespace, objects)
        if room is not None and room.is_short:
            if not waits:
                raise DeploymentFailed(f"there is no room on {room.target}: {room.sentence}", code=_SHORT)
            await self._ledger.say_waiting(f"waiting for room on {room.target}: {room.sentence}")
            raise WaitingForRoom(room.sentence, delay=_LOOK_EVERY)
        if waits and self._ledger.applied.failure is None:
            self._patience.start_at(self._clock())
            await self._ledger.note_room()

    async def check_again(self, namespace: str, objects: Sequence[Obj], now: datetime) -> None:
        """Raise DeploymentFailed if pods have had no node for a while and there is none for them: others were faster.

        A deployment that may wait for room does so: its pods are in Kubernetes' own queue by now.
        """
        lasts = self._patience.longest_unscheduled(now)
        if self._desired.options.wait_for_capacity or lasts < self._patience.limits.capacity_grace:
            return
        room = await self._look(namespace, objects)
        if room is not None and room.is_short:
            raise DeploymentFailed(f"there is no room left on {room.target}: {room.sentence}", code=_SHORT)

    async def _look(self, namespace: str, objects: Sequence[Obj]) -> RoomReply | None:
        """None where it isn't known, or doesn't matter: going back to what was healthy is tried whatever it takes."""
        if self._find_room is None or self._ledger.applied.failure is not None:
            return None
        try:
            return await self._find_room(namespace, objects)
        except (ClusterRefused, KindUnknown) as error:
            _log.warning(f"Room is not checked: {error.message}", action="skip-room-check")
            return None
