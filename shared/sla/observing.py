"""What a tenant promises as far as its cluster alone shows it, reading by reading.

For readers without a record of what was deployed: the simulator, which is a cluster, and the monitor for tenants that
something else deploys (GitOps, kubectl). A rollout is done when as many replicas as it promises were ready once; from
then on k is its own. A start is done when that was so of every service. What was rolled out before the first reading
shows in the objects' status, and in a StatefulSet's age.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.kube.objects import Obj, annotations_of
from shared.sla.promise import Need, Promise, WorkloadKey, key_of, wanted_replicas
from shared.sla.readiness import ready_pods

FIELD_MANAGER = "ecp-orchestrator"
"""The deployer's, under which it applies and patches."""
_DEADLINE = 600
"""Seconds: Kubernetes' default of `progressDeadlineSeconds`."""
_REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True)
class _ServiceRollout:
    """`needed` is None while it rests or starts, since `since`."""

    needed: int | None = None
    since: datetime | None = None


class Observer:
    """One tenant."""

    def __init__(self) -> None:
        self._services: dict[WorkloadKey, _ServiceRollout] = {}
        self._has_started = False

    def note(
        self, needs: Mapping[WorkloadKey, Need], workloads: Iterable[Obj], pods: Sequence[Obj], now: datetime
    ) -> Promise:
        """The promise that counts at `now`. `needs` are what the workloads ask for, or what is known to be missing."""
        found = {key_of(each): each for each in workloads}
        self._services = {key: self._noted(key, need, found.get(key), pods, now) for key, need in needs.items()}
        if found and all(map(is_stopped, found.values())):
            self._has_started = False
        elif needs and all(each.needed is not None for each in self._services.values()):
            self._has_started = True
        return Promise({key: self._need(key, need, found.get(key)) for key, need in needs.items()})

    def _noted(
        self, key: WorkloadKey, need: Need, workload: Obj | None, pods: Sequence[Obj], now: datetime
    ) -> _ServiceRollout:
        known = self._services.get(key)
        if workload is None:
            known = known or _ServiceRollout(since=now)
            is_late = known.since is not None and now - known.since >= timedelta(seconds=_DEADLINE)
            return _ServiceRollout(need.needed) if is_late else known
        if is_stopped(workload):
            return _ServiceRollout()
        known = known or _first_seen(need, workload, now)
        ready, _ = ready_pods(workload, pods)
        if ready >= need.needed:
            return _ServiceRollout(need.needed)
        if known.needed is not None:
            return _ServiceRollout(min(known.needed, need.needed))
        since = known.since or now
        return _ServiceRollout(need.needed) if _is_overdue(workload, since, now) else _ServiceRollout(since=since)

    def _need(self, key: WorkloadKey, need: Need, workload: Obj | None) -> Need:
        needed = self._services[key].needed
        if workload is not None and is_stopped(workload):
            return Need(need.needed, 0, is_due=False)
        if needed is None:
            return need._replace(is_due=False)
        return Need(min(needed, need.needed), need.wanted, self._has_started)


def is_stopped(workload: Obj) -> bool:
    """Whether it was stopped on purpose. What we deploy rests only when we stop it, not by `kubectl scale`."""
    if wanted_replicas(workload):
        return False
    entries = workload["metadata"].get("managedFields") or ()
    ours = [each for each in entries if each.get("manager") == FIELD_MANAGER]
    return not ours or any("f:replicas" in ((each.get("fieldsV1") or {}).get("f:spec") or {}) for each in ours)


def _first_seen(need: Need, workload: Obj, now: datetime) -> _ServiceRollout:
    """What was rolled out before we looked is promised already."""
    created = workload["metadata"].get("creationTimestamp")
    since = datetime.fromisoformat(created) if created else now
    if key_of(workload).kind == "Deployment":
        return _ServiceRollout(since=since) if _is_first_rollout(workload) else _ServiceRollout(need.needed)
    is_new = created is not None and not _is_overdue(workload, since, now)
    return _ServiceRollout(since=since) if is_new else _ServiceRollout(need.needed)


def _is_first_rollout(deployment: Obj) -> bool:
    revision = annotations_of(deployment).get(_REVISION, "1")
    return revision == "1" and _progress(deployment) not in ("NewReplicaSetAvailable", "ProgressDeadlineExceeded")


def _is_overdue(workload: Obj, since: datetime, now: datetime) -> bool:
    deadline = timedelta(seconds=workload["spec"].get("progressDeadlineSeconds") or _DEADLINE)
    return now - since >= deadline or _progress(workload) == "ProgressDeadlineExceeded"


def _progress(workload: Obj) -> str | None:
    conditions = (workload.get("status") or {}).get("conditions") or ()
    found: str | None = next((each.get("reason") for each in conditions if each.get("type") == "Progressing"), None)
    return found
