"""Which workloads start again after they were stopped on purpose, so that it is no downtime.

A cluster's objects don't tell: a Deployment that was scaled from 0 looks like one whose pods have all gone. So what
rests is remembered from reading to reading. A monitor that takes over in the middle of a start doesn't know, and counts
the rest of it as down.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from services.monitor.sampling import ClusterState, Key, autoscaler_floors, key_of, minimum_ready, wanted_replicas

_PATIENCE = 600
"""Seconds: Kubernetes' default of `progressDeadlineSeconds`."""


class Starts:
    """The workloads of one cluster that rest, or start again."""

    def __init__(self) -> None:
        self._starting: dict[Key, datetime | None] = {}
        """Since when; None while it rests."""

    def note(self, state: ClusterState, now: datetime) -> frozenset[Key]:
        """Those that start at `now`: were at 0 replicas, and haven't had their minimum ready since."""
        floors = autoscaler_floors(state.autoscalers)
        noted: dict[Key, datetime | None] = {}
        for deployment in state.deployments:
            key = key_of(deployment)
            if not wanted_replicas(deployment):
                noted[key] = None
            elif key in self._starting and not _has_started(deployment, floors):
                since = self._starting[key] or now
                patience = timedelta(seconds=deployment["spec"].get("progressDeadlineSeconds", _PATIENCE))
                if now - since < patience:
                    noted[key] = since
        self._starting = noted
        return frozenset(key for key, since in noted.items() if since is not None)


def _has_started(deployment: Mapping[str, object], floors: Mapping[Key, int]) -> bool:
    status = deployment.get("status")
    ready = status.get("readyReplicas", 0) if isinstance(status, dict) else 0
    return bool(ready >= minimum_ready(deployment, floors.get(key_of(deployment))))
