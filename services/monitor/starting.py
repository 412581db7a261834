"""Which workloads start: after they were stopped on purpose, or a StatefulSet for the first time. It is no downtime.

A cluster's objects don't tell: a Deployment that was scaled from 0 looks like one whose pods have all gone, and a
StatefulSet never says whether it was complete. So what rests, and what was ready once, is remembered from reading to
reading. A monitor that takes over in the middle of a start after a stop doesn't know, and counts the rest of it as
down; of a StatefulSet's first minutes it knows their beginning, which is its creation.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from services.monitor.sampling import (
    ClusterState,
    Key,
    Obj,
    autoscaler_floors,
    is_stateful,
    key_of,
    minimum_ready,
    wanted_replicas,
    workload_key,
)

_PATIENCE = 600
"""Seconds: Kubernetes' default of `progressDeadlineSeconds`."""


class Starts:
    """The workloads of one cluster that rest, or start."""

    def __init__(self) -> None:
        self._starting: dict[Key, datetime | None] = {}
        """Since when; None while it rests."""
        self._started: frozenset[Key] = frozenset()
        """The StatefulSets that had their minimum ready once."""

    def note(self, state: ClusterState, now: datetime) -> frozenset[Key]:
        """Those that start at `now`: were at 0 replicas or are new, and haven't had their minimum ready since."""
        floors = autoscaler_floors(state.autoscalers)
        noted: dict[Key, datetime | None] = {}
        started: set[Key] = set()
        for workload in state.workloads:
            key = workload_key(workload)
            has_started = _has_started(workload, floors)
            if is_stateful(workload) and (has_started or key in self._started):
                started.add(key)
            if not wanted_replicas(workload):
                noted[key] = None
            elif not has_started and (since := self._since(workload, now)) is not None:
                patience = timedelta(seconds=workload["spec"].get("progressDeadlineSeconds", _PATIENCE))
                if now - since < patience:
                    noted[key] = since
        self._starting, self._started = noted, frozenset(started)
        return frozenset(key for key, since in noted.items() if since is not None)

    def _since(self, workload: Obj, now: datetime) -> datetime | None:
        """When a workload began to start, if it does."""
        key = workload_key(workload)
        if key in self._starting:
            return self._starting[key] or now
        created = workload["metadata"].get("creationTimestamp")
        if is_stateful(workload) and key not in self._started and created:
            return datetime.fromisoformat(created)
        return None


def _has_started(workload: Obj, floors: Mapping[Key, int]) -> bool:
    floor = None if is_stateful(workload) else floors.get(key_of(workload))
    ready = (workload.get("status") or {}).get("readyReplicas", 0)
    return bool(ready >= minimum_ready(workload, floor))
