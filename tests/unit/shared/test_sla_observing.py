"""What a cluster alone shows of a promise, reading by reading."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.sla import Observer, is_available, needs_of, service_states

from .sla_objects import Object, deployment, listed, pods, stateful_set

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG_AGO = "2026-11-01T00:00:00Z"


class Watched:
    """A tenant that is read again and again."""

    def __init__(self) -> None:
        self._observer = Observer()
        self._time = NOON

    def read(self, *workloads: Object, running: list[Object], after: float = 5) -> bool | None:
        """Whether it is up, `after` so many seconds."""
        self._time += timedelta(seconds=after)
        found = [listed(each) for each in workloads]
        promise = self._observer.note(needs_of(found, [], []), found, running, self._time)
        return is_available(service_states(promise, found, running))


def managed(replicas: int, *managers: str) -> Object:
    """A Deployment that we applied, and whose replicas `managers` own."""
    applied: dict[str, Any] = {"manager": "ecp-orchestrator", "operation": "Apply", "fieldsV1": {"f:spec": {}}}
    owned = [{"manager": each, "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}} for each in managers]
    return deployment(replicas=replicas, needed=2, managedFields=[applied, *owned])


def first(reason: str, **fields: Any) -> Object:
    made = deployment(needed=2, **fields)
    return {**made, "status": {"conditions": [{"type": "Progressing", "reason": reason}]}}


def test_a_first_rollout_is_unknown_until_it_is_done_and_then_down_when_it_falls() -> None:
    tenant = Watched()
    assert tenant.read(first("ReplicaSetUpdated"), running=pods(ready=1)) is None
    assert tenant.read(first("ReplicaSetUpdated"), running=pods(ready=2)) is True
    assert tenant.read(first("NewReplicaSetAvailable"), running=pods(ready=1)) is False


def test_a_first_rollout_past_its_deadline_is_down() -> None:
    assert Watched().read(first("ProgressDeadlineExceeded"), running=pods(ready=1)) is False
    tenant = Watched()
    assert tenant.read(first("ReplicaSetUpdated"), running=[]) is None
    assert tenant.read(first("ReplicaSetUpdated"), running=[], after=600) is False


def test_what_was_rolled_out_before_is_down_also_for_a_reader_that_has_just_begun() -> None:
    assert Watched().read(deployment(needed=2), running=pods(ready=1)) is False
    assert Watched().read(stateful_set(creationTimestamp=LONG_AGO), running=[]) is False
    old = first("ReplicaSetUpdated")
    old["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "2"
    assert Watched().read(old, running=[]) is False


def test_scaling_up_counts_from_the_first_time_that_it_is_done() -> None:
    tenant = Watched()
    assert tenant.read(deployment(needed=2), running=pods(ready=2)) is True
    assert tenant.read(deployment(needed=4), running=pods(ready=2)) is True
    assert tenant.read(deployment(needed=4), running=pods(ready=1)) is False
    assert tenant.read(deployment(needed=4), running=pods(ready=4)) is True
    assert tenant.read(deployment(needed=4), running=pods(ready=3)) is False


def test_scaling_down_counts_at_once() -> None:
    tenant = Watched()
    assert tenant.read(deployment(needed=4), running=pods(ready=4)) is True
    assert tenant.read(deployment(needed=2), running=pods(ready=2)) is True


def test_a_start_after_a_stop_is_unknown_until_everything_is_up() -> None:
    tenant = Watched()
    redis, store = stateful_set(creationTimestamp=LONG_AGO), pods("redis", ready=1)
    assert tenant.read(deployment(needed=2), redis, running=[*pods(ready=2), *store]) is True
    assert tenant.read(deployment(replicas=0, needed=2), stateful_set(replicas=0), running=[]) is None
    assert tenant.read(deployment(needed=2), redis, running=[*pods(ready=1), *store]) is None
    assert tenant.read(deployment(needed=2), redis, running=[*pods(ready=2), *store]) is True
    assert tenant.read(deployment(needed=2), redis, running=[*pods(ready=1), *store]) is False


def test_a_start_that_takes_longer_than_its_deadline_is_down() -> None:
    tenant = Watched()
    assert tenant.read(deployment(replicas=0, needed=2), running=[]) is None
    assert tenant.read(deployment(needed=2), running=[]) is None
    assert tenant.read(deployment(needed=2), running=[], after=600) is False


def test_a_failure_without_a_stop_is_down() -> None:
    tenant = Watched()
    assert tenant.read(deployment(needed=2), running=pods(ready=2)) is True
    assert tenant.read(deployment(needed=2), running=[]) is False


def test_what_we_deploy_rests_only_when_we_stop_it() -> None:
    tenant = Watched()
    assert tenant.read(managed(2), running=pods(ready=2)) is True
    assert tenant.read(managed(0, "kubectl"), running=[]) is False
    assert tenant.read(managed(0, "ecp-orchestrator"), running=[]) is None


def test_a_new_stateful_set_is_unknown_until_it_is_ready_and_after_its_deadline_down() -> None:
    new = stateful_set(creationTimestamp=NOON.isoformat())
    tenant = Watched()
    assert tenant.read(new, running=[]) is None
    assert tenant.read(new, running=pods("redis", ready=1)) is True
    assert tenant.read(new, running=[]) is False
    tenant = Watched()
    assert tenant.read(new, running=[], after=599) is None
    assert tenant.read(new, running=[], after=1) is False
