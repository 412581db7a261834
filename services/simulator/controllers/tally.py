"""How many pods each controller has, and how many are ready: counted by difference, pod by pod.

A ReplicaSet with a thousand pods reports its status a thousand times while they start; counting them anew each time
would be a million looks.
"""

from typing import NamedTuple

from services.simulator.controllers.ownership import controller_uid
from services.simulator.controllers.pods import is_active, is_ready
from services.simulator.objects import Obj


class Tally(NamedTuple):
    """Pods that count (neither ended nor terminating), and those of them that are ready."""

    active: int = 0
    ready: int = 0


NOTHING = Tally()


class PodTallies:
    """Tallies by the uid of the pods' controller."""

    def __init__(self) -> None:
        self._by_owner: dict[str, Tally] = {}

    def of(self, uid: str) -> Tally:
        """The tally of the controller with this uid."""
        return self._by_owner.get(uid, NOTHING)

    def observe(self, old: Obj | None, new: Obj | None) -> list[str]:
        """Counts a change of a pod; answers the uids whose tally it changed."""
        before, after = _contribution(old), _contribution(new)
        if before == after:
            return []
        changed = []
        for (uid, tally), sign in ((before, -1), (after, 1)):
            if uid and tally != NOTHING:
                self._add(uid, tally, sign)
                changed.append(uid)
        return changed

    def _add(self, uid: str, tally: Tally, sign: int) -> None:
        present = self.of(uid)
        total = Tally(present.active + sign * tally.active, present.ready + sign * tally.ready)
        if total == NOTHING:
            self._by_owner.pop(uid, None)
        else:
            self._by_owner[uid] = total


def _contribution(pod: Obj | None) -> tuple[str | None, Tally]:
    if pod is None or not is_active(pod):
        return None, NOTHING
    return controller_uid(pod), Tally(1, 1 if is_ready(pod) else 0)
