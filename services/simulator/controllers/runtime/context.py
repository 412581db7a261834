"""What every controller works with, and the few small things that all of them do."""

from dataclasses import dataclass

from services.simulator.clock import Clock
from services.simulator.controllers.runtime import seeded
from services.simulator.controllers.runtime.events import EventRecorder
from services.simulator.controllers.runtime.ownership import Ownership, PodOwners
from services.simulator.controllers.runtime.work_queue import ChangeDispatcher, WorkQueue
from services.simulator.objects import timestamp
from services.simulator.storage.store import Store
from shared.kube.objects import is_terminating


@dataclass(frozen=True, slots=True)
class ControllerContext:
    """One cluster's store, time, work queue and indexes; `seed` makes two runs alike or different."""

    store: Store
    clock: Clock
    queue: WorkQueue
    changes: ChangeDispatcher
    ownership: Ownership
    pod_owners: PodOwners
    events: EventRecorder
    seed: int

    def timestamp(self) -> str:
        """Now, as Kubernetes writes times (whole seconds)."""
        return timestamp(self.clock.now())

    def terminating(self, namespace: str) -> bool:
        """True when the namespace ends or is gone: then nothing may be made in it."""
        found = self.store.get("namespaces", "", namespace)
        return found is None or is_terminating(found)

    def fraction(self, *about: object) -> float:
        """A number in [0, 1) that depends on the seed and on what it is about, and on nothing else."""
        return seeded.fraction(self.seed, *about)
