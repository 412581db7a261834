"""Checks for room before a deployment applies anything, and again if its pods get no node.

Without this check, the pods of a tenant that can never run as a whole would take room from others and serve no caller.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from services.deployer.cluster.api import ClusterRefused, KindUnknown
from services.deployer.reconcile.deadlines import Deadlines, DeploymentFailed
from services.deployer.state.records import DesiredState
from services.deployer.state.status_recorder import StatusRecorder
from shared.errors import TemporaryError
from shared.kube.objects import Obj
from shared.rpc import RoomReply

_log = structlog.get_logger(__name__)
_RETRY_SECONDS = 3.0
_SHORT = "INSUFFICIENT_RESOURCES"
FindRoom = Callable[[str, Sequence[Obj]], Awaitable[RoomReply]]
"""Whether the objects' pods have room in a namespace. Raises ClusterUnavailable, ClusterRefused and KindUnknown."""


class WaitingForRoom(TemporaryError):
    """The deployment waits for room. Meanwhile it holds no slot and no lease, and its timeout doesn't run."""


class RoomCheck:
    """The checks of one generation of one tenant."""

    def __init__(
        self,
        desired: DesiredState,
        recorder: StatusRecorder,
        deadlines: Deadlines,
        find_room: FindRoom | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._desired = desired
        self._recorder = recorder
        self._deadlines = deadlines
        self._find_room = find_room
        self._clock = clock

    async def check(self, namespace: str, objects: Sequence[Obj]) -> None:
        """Raise DeploymentFailed if the pods of `objects` have no room; WaitingForRoom if the deployment may wait."""
        waits = self._desired.options.wait_for_capacity
        if waits and self._recorder.applied.has_room_since is not None:
            return
        room = await self._find(namespace, objects)
        if room is not None and room.is_short:
            if not waits:
                raise DeploymentFailed(f"there is no room on {room.target}: {room.sentence}", code=_SHORT)
            await self._recorder.report_waiting(f"waiting for room on {room.target}: {room.sentence}")
            raise WaitingForRoom(room.sentence, delay=_RETRY_SECONDS)
        if waits and self._recorder.applied.failure is None:
            self._deadlines.start_at(self._clock())
            await self._recorder.record_capacity()

    async def check_again(self, namespace: str, objects: Sequence[Obj], now: datetime) -> None:
        """Raise DeploymentFailed if pods have had no node for a while and have no room: other pods were faster.

        Not for a deployment that may wait for room: its pods wait in Kubernetes' own queue by now.
        """
        lasts = self._deadlines.longest_unscheduled(now)
        if self._desired.options.wait_for_capacity or lasts < self._deadlines.timeouts.capacity_grace:
            return
        room = await self._find(namespace, objects)
        if room is not None and room.is_short:
            raise DeploymentFailed(f"there is no room left on {room.target}: {room.sentence}", code=_SHORT)

    async def _find(self, namespace: str, objects: Sequence[Obj]) -> RoomReply | None:
        """None if it can't be known, or while a failure is undone: going back is always attempted."""
        if self._find_room is None or self._recorder.applied.failure is not None:
            return None
        try:
            return await self._find_room(namespace, objects)
        except (ClusterRefused, KindUnknown) as error:
            _log.warning(f"Room check skipped: {error.message}", action="skip-room-check")
            return None
