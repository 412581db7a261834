"""Counts of pods and ready pods for each controller, updated by each change.

A ReplicaSet with a thousand pods reports its status a thousand times while they start; counting all pods each time
would visit a million.
"""

from typing import NamedTuple

from services.simulator.controllers.pods.pod_objects import is_active
from services.simulator.controllers.runtime.owner_references import controller_uid
from shared.kube.objects import Obj, is_ready


class PodCounts(NamedTuple):
    """Active pods (neither ended nor terminating), and the ready ones among them."""

    active: int = 0
    ready: int = 0


NOTHING = PodCounts()


class PodCountsByOwner:
    """Counts by the uid of the pods' controller."""

    def __init__(self) -> None:
        self._by_owner: dict[str, PodCounts] = {}

    def of(self, uid: str) -> PodCounts:
        """The counts of the controller with this uid."""
        return self._by_owner.get(uid, NOTHING)

    def observe(self, old: Obj | None, new: Obj | None) -> list[str]:
        """Update the counts after a change of a pod; returns the uids whose counts changed."""
        before, after = _contribution(old), _contribution(new)
        if before == after:
            return []
        changed = []
        for (uid, counts), sign in ((before, -1), (after, 1)):
            if uid and counts != NOTHING:
                self._add(uid, counts, sign)
                changed.append(uid)
        return changed

    def _add(self, uid: str, counts: PodCounts, sign: int) -> None:
        present = self.of(uid)
        total = PodCounts(present.active + sign * counts.active, present.ready + sign * counts.ready)
        if total == NOTHING:
            self._by_owner.pop(uid, None)
        else:
            self._by_owner[uid] = total


def _contribution(pod: Obj | None) -> tuple[str | None, PodCounts]:
    if pod is None or not is_active(pod):
        return None, NOTHING
    return controller_uid(pod), PodCounts(1, 1 if is_ready(pod) else 0)
