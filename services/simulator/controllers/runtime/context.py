"""The dependencies that every controller gets."""

from dataclasses import dataclass

from services.simulator.clock import Clock
from services.simulator.controllers.runtime import seeded
from services.simulator.controllers.runtime.events import EventRecorder
from services.simulator.controllers.runtime.ownership import Ownership, PodOwners
from services.simulator.controllers.runtime.work_queue import ChangeDispatcher, WorkQueue
from services.simulator.storage.store import Store
from shared.kube.objects import is_terminating
from shared.kube.texts import format_time


@dataclass(frozen=True, slots=True)
class ControllerContext:
    """Store, clock, work queue and indexes of one cluster; runs with the same `seed` are alike."""

    store: Store
    clock: Clock
    queue: WorkQueue
    changes: ChangeDispatcher
    ownership: Ownership
    pod_owners: PodOwners
    events: EventRecorder
    seed: int

    def timestamp(self) -> str:
        """The current time as a Kubernetes timestamp (whole seconds)."""
        return format_time(self.clock.now())

    def terminating(self, namespace: str) -> bool:
        """True if the namespace is terminating or doesn't exist, so that nothing may be created in it."""
        found = self.store.get("namespaces", "", namespace)
        return found is None or is_terminating(found)

    def fraction(self, *about: object) -> float:
        """A number in [0, 1) that depends only on the seed and on `about`."""
        return seeded.fraction(self.seed, *about)
