"""One simulated cluster: a store, a clock and the controllers.

`start()` works on an empty store and on one that was loaded from the journal: it creates missing nodes and namespaces
and dispatches every object to every controller as if it were new. Controllers are level-triggered, so work that was
in progress when the process ended continues.
"""

import asyncio

from services.simulator.clock import Clock
from services.simulator.controllers.autoscaling.autoscaler import Autoscaler
from services.simulator.controllers.autoscaling.metrics_server import MetricsServer
from services.simulator.controllers.cluster.availability import AvailabilityTracker
from services.simulator.controllers.cluster.garbage_collector import GarbageCollector
from services.simulator.controllers.cluster.namespaces import NamespaceController
from services.simulator.controllers.cluster.nodes import nodes_of
from services.simulator.controllers.cluster.quotas import QuotaController
from services.simulator.controllers.pods.kubelet import Kubelets
from services.simulator.controllers.runtime.context import ControllerContext
from services.simulator.controllers.runtime.events import EventRecorder
from services.simulator.controllers.runtime.ownership import Ownership, PodOwners
from services.simulator.controllers.runtime.work_queue import ChangeDispatcher, WorkQueue
from services.simulator.controllers.scheduling.scheduler import Scheduler
from services.simulator.controllers.scheduling.volumes import STORAGE_CLASSES, VolumeController, standard_class
from services.simulator.controllers.workloads.daemonset import DaemonSetController
from services.simulator.controllers.workloads.deployment import DeploymentController
from services.simulator.controllers.workloads.disruption import DisruptionController
from services.simulator.controllers.workloads.job import JobController
from services.simulator.controllers.workloads.replicaset import ReplicaSetController
from services.simulator.controllers.workloads.statefulset import StatefulSetController
from services.simulator.storage.store import Store
from shared.kube.objects import Obj
from shared.kube.texts import format_time

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
# Seconds of real time, and at most twice as long; the watch cache of a real API server keeps as much. The changes of an
# idle cluster, such as the status of autoscalers every 15 s, would otherwise be a large part of its memory.
CHANGES_KEPT_SECONDS = 75.0
# Dispatched first at a start: pods need their nodes and namespaces.
_FIRST = ("namespaces", "nodes")


class VirtualCluster:
    """A store, a clock and the controllers; the API also reads `scheduler`, `metrics` and `availability`."""

    def __init__(self, name: str, store: Store, clock: Clock, seed: int = 0) -> None:
        """Create the controllers; the same `seed` and input give the same run."""
        self.name, self.store, self.clock = name, store, clock
        self._changes = ChangeDispatcher()
        self._queue = WorkQueue(clock)
        ownership = Ownership(store)
        events = EventRecorder(store, clock)
        self._changes.watch_objects(ownership.observe)
        self._changes.watch("events", events.observe)
        self.availability = AvailabilityTracker(clock, store)
        pod_owners = PodOwners(self._changes, self._queue)
        context = ControllerContext(store, clock, self._queue, self._changes, ownership, pod_owners, events, seed)
        self.scheduler = Scheduler(context)
        self.metrics = MetricsServer(context)
        self._controllers = [
            NamespaceController(context),
            GarbageCollector(context),
            Kubelets(context),
            ReplicaSetController(context),
            DeploymentController(context),
            StatefulSetController(context),
            DaemonSetController(context),
            JobController(context),
            Autoscaler(context),
            VolumeController(context),
            QuotaController(context),
            DisruptionController(context),
        ]

    def start(self) -> None:
        """Start the controllers. Call it once, after the journal's objects were loaded into the store."""
        for resource in sorted(self.store.resources(), key=lambda name: (name not in _FIRST, name)):
            for obj in sorted(self.store.list(resource), key=_age):
                self._changes.dispatch(resource, None, obj)
        self.store.hooks.append(self._changes.dispatch)
        now = format_time(self.clock.now())
        for name in NAMESPACES:
            if self.store.get("namespaces", "", name) is None:
                self.store.create("namespaces", _namespace(name))
        standard = standard_class()
        if self.store.get(STORAGE_CLASSES, "", standard["metadata"]["name"]) is None:
            self.store.create(STORAGE_CLASSES, standard)
        for node in nodes_of(self.name, now):
            if self.store.get("nodes", "", node["metadata"]["name"]) is None:
                self.store.create("nodes", node)
        self.availability.start()

    async def run(self) -> None:
        """Run the controllers in real time until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.clock.run())
            group.create_task(self._forget_old_changes())

    async def _forget_old_changes(self) -> None:
        while True:
            await asyncio.sleep(CHANGES_KEPT_SECONDS)
            self.store.forget_old_changes()


def _age(obj: Obj) -> tuple[str, int]:
    metadata = obj["metadata"]
    return metadata.get("creationTimestamp") or "", int(metadata.get("resourceVersion") or 0)


def _namespace(name: str) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }
