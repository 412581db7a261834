"""What is drift and what isn't: objects as API servers give them, with the owners of their fields."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.deployer.cluster.managed_fields import content, digest
from services.deployer.drift import differences
from services.deployer.drift.events import event_of
from services.deployer.drift.healing import is_current, is_watched
from services.deployer.state.records import AppliedState, DesiredState, DriftRecord, StatusEvent
from shared.events import DeployOptions, Drift, Phase
from shared.kube.objects import Obj
from shared.outcomes import Outcome
from shared.subjects import Subject

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONTAINER = 'k:{"name":"callbot"}'
OURS: Obj = {"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {CONTAINER: {"f:image": {}}}}}}}


def entry(manager: str, fields: Obj, time: str = "2026-01-01T00:00:00Z", operation: str = "Update", **more: Any) -> Obj:
    return {"manager": manager, "operation": operation, "time": time, "fieldsV1": fields, **more}


def live(*others: Obj, replicas: int | None = 3, image: str = "callbot:1", ours: Obj = OURS, **spec: Any) -> Obj:
    pods = {"spec": {"containers": [{"name": "callbot", "image": image}, *spec.pop("sidecars", ())]}}
    managed = [entry("ecp-orchestrator", ours, operation="Apply"), *others]
    metadata = {"name": "callbot", "namespace": "ns", "uid": "u", "managedFields": managed, **spec.pop("metadata", {})}
    body = {"template": pods} | ({} if replicas is None else {"replicas": replicas}) | spec
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": body}


def test_a_field_that_another_manager_changed_is_drift_with_field_manager_and_values() -> None:
    scaled = live(entry("kubectl", {"f:spec": {"f:replicas": {}}}, subresource="scale"), replicas=0)
    [item] = differences.compare(scaled, live())
    assert item == Drift(
        type="Deployment",
        name="callbot",
        reason="changed",
        field=".spec.replicas",
        manager="kubectl",
        wanted="3",
        found="0",
    )
    assert differences.describe([item]) == "Deployment callbot: .spec.replicas was changed by kubectl (0 instead of 3)"


def test_an_item_of_a_list_is_named_by_its_key_and_owned_by_it() -> None:
    owned = {"f:spec": {"f:template": {"f:spec": {"f:containers": {CONTAINER: {"f:image": {}}}}}}}
    [item] = differences.compare(live(entry("kubectl-set", owned), image="callbot:hotfix"), live())
    assert (item.field, item.manager) == ('.spec.template.spec.containers[name="callbot"].image', "kubectl-set")


def test_a_field_that_is_removed_has_no_owner_and_names_who_wrote_last() -> None:
    earlier, later = entry("helm", {}, "2026-01-01T00:00:01Z"), entry("kubectl-edit", {}, "2026-01-01T00:00:02Z")
    status = entry("kube-controller-manager", {}, "2026-01-01T00:00:03Z", subresource="status")
    [item] = differences.compare(live(later, earlier, status, replicas=None), live())
    assert (item.reason, item.field, item.manager) == ("removed", ".spec.replicas", "kubectl-edit")


def test_a_changed_field_without_an_owner_has_no_manager_rather_than_a_guess() -> None:
    """As a real API server has it for `kubectl scale --replicas=0`."""
    [item] = differences.compare(live(entry("kubectl-annotate", {"f:metadata": {}}), replicas=0), live())
    assert (item.field, item.manager) == (".spec.replicas", None)


def test_what_others_add_is_none() -> None:
    added: dict[str, Any] = {
        "sidecars": [{"name": "proxy", "image": "proxy"}],
        "paused": True,
        "metadata": {"generation": 7},
    }
    there = {**live(entry("istio", {"f:spec": {"f:paused": {}}}), **added), "status": {"replicas": 1}}
    assert differences.compare(there, {**live(**added), "status": {"replicas": 3}}) == []
    assert digest(there) == digest(live()), "no field of ours was taken, so that it isn't even compared"


def test_a_field_that_was_taken_from_us_changes_the_digest() -> None:
    taken = {"f:spec": {"f:template": OURS["f:spec"]["f:template"]}}
    assert digest(live(ours=taken)) != digest(live())
    assert digest({**live(), "metadata": {}}) != digest(live())


@pytest.mark.parametrize(("replicas", "drifts"), [(0, True), (1, True), (2, False), (3, False), (4, False), (5, True)])
def test_replicas_are_an_autoscaler_s_within_its_bounds(replicas: int, drifts: bool) -> None:
    assert bool(differences.out_of_bounds(live(replicas=replicas), (2, 4))) is drifts


def test_a_secret_s_values_are_not_shown() -> None:
    def secret(value: str) -> Obj:
        metadata = {"name": "keys", "managedFields": []}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"key": value}}

    [item] = differences.compare(secret("b2xk"), secret("bmV3"))
    assert (item.field, item.wanted, item.found) == (".data.key", None, None)


def test_others_who_fight_are_backed_off_from_exponentially_and_forgiven_when_it_is_long_ago() -> None:
    pauses = []
    for heals in range(1, 12):
        due = differences.next_heal(heals, NOW)
        assert due is not None
        pauses.append((due - NOW).total_seconds())
    assert differences.next_heal(0, None) is None, "the first time at once"
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600]
    last = DriftRecord(sequence=1, heals=3, healed_at=NOW)
    assert differences.carried(last, (), NOW + timedelta(minutes=9))["heals"] == 3
    assert differences.carried(last, (), NOW + timedelta(minutes=11))["heals"] == 0
    often = last.model_copy(update={"heals": 9})
    assert differences.carried(often, (), NOW + timedelta(minutes=19))["heals"] == 9


def test_another_field_that_drifts_is_no_fight_until_one_comes_again() -> None:
    replicas = Drift(type="Deployment", name="callbot", reason="changed", field=".spec.replicas")
    paused = replicas.model_copy(update={"field": ".spec.paused"})
    last = DriftRecord(sequence=1, heals=2, healed_at=NOW, healed=("Deployment callbot .spec.replicas",))
    assert differences.carried(last, [replicas], NOW)["heals"] == 2
    assert differences.carried(last, [paused], NOW)["heals"] == 0
    assert differences.carried(last, [paused], NOW)["healed"] == last.healed, "so that two that take turns are a fight"


def test_reports_after_a_lost_record_have_higher_numbers_than_those_before() -> None:
    later = NOW + timedelta(hours=1)
    assert differences.initial_record(later).sequence > differences.initial_record(NOW).sequence + 100


def test_a_value_that_its_new_owner_changes_once_more_shows_in_the_content_alone() -> None:
    taken = {"f:spec": {"f:template": {}}}
    once, twice = (live(entry("kubectl", {}), ours=taken, image=f"callbot:{tag}") for tag in ("2", "3"))
    assert digest(once) == digest(twice)
    assert content(once) != content(twice)
    noted = {**once, "status": {"replicas": 1}, "metadata": {**once["metadata"], "resourceVersion": "9"}}
    assert content(noted) == content(once), "a status update is none"


def test_a_job_that_kubernetes_deletes_when_it_is_done_is_not_made_again() -> None:
    assert differences.ends_by_itself({"kind": "Job", "spec": {"ttlSecondsAfterFinished": 0}})
    assert not differences.ends_by_itself({"kind": "Job", "spec": {}})


def applied(
    outcome: Outcome = Outcome.COMPLETED, action: Any = "deploy", generation: int = 1, **more: Any
) -> AppliedState:
    wanted = DesiredState(
        tenant_id="t",
        target="simulator",
        deployment_id="dep-1",
        generation=generation,
        action=action,
        correlation_id="req-1",
        options=DeployOptions(heal_drift=True),
    )
    last_event = StatusEvent(
        subject=Subject.DEPLOY_COMPLETED, sequence=1, phase=Phase.DONE, progress=100, message="done"
    )
    return AppliedState(
        deployment_id="dep-1",
        generation=generation,
        wanted=wanted,
        outcome=outcome,
        started_at=NOW,
        last_event=last_event,
        announced=True,
        digest="sha256:1",
        **more,
    )


@pytest.mark.parametrize(
    ("record", "watched"),
    [
        (applied(), True),
        (applied(Outcome.ROLLED_BACK), True),
        (applied(Outcome.RUNNING), False),
        (applied(Outcome.FAILED), False),
        (applied(action="stop"), False),
        (applied(Outcome.DELETED, action="delete"), False),
    ],
)
def test_only_what_was_deployed_and_should_run_is_watched(record: AppliedState, watched: bool) -> None:
    assert is_watched(record) is watched


def test_nothing_is_healed_against_a_newer_generation_or_while_an_operation_runs() -> None:
    record = applied()
    newer = applied(generation=2).wanted
    assert is_current(record.wanted, record, 1)
    assert not is_current(newer, record, 1)
    assert not is_current(None, record, 1), "the tenant is deleted"
    assert not is_current(newer, applied(Outcome.RUNNING, generation=2), 2)
    stopped = applied(action="stop", generation=2)
    assert not is_current(stopped.wanted, stopped, 2)


def test_the_event_names_who_changes_it_back_again_and_again() -> None:
    item = Drift(type="Deployment", name="callbot", reason="changed", field=".spec.replicas", manager="other-operator")
    known = DriftRecord(sequence=7, items=(item,), heals=3, healed_at=NOW)
    event = event_of(applied(drift=known))
    assert "other-operator" in event.message
    assert "healed 3 times, and changed again each time" in event.message
    assert (event.heals, event.next_heal, event.sequence) == (3, NOW + timedelta(seconds=20), 7)
    mended = event_of(applied(drift=DriftRecord(sequence=8)))
    assert (mended.drift, mended.message) == ((), "what runs is what was deployed again")
