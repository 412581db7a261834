"""What a tenant was promised, and whether that is kept: the cases of docs/sla.md."""

import pytest

from shared.kube.labels import SERVICES
from shared.sla import Need, Promise, WorkloadKey, in_force, is_available, promise_of, service_states
from shared.sla.promise import NOTHING, declared_in

from .sla_objects import NAMESPACE, Object, autoscaler, budget, deployment, listed, pods, stateful_set

CALLBOT, CHATBOT = WorkloadKey(NAMESPACE, "Deployment", "callbot"), WorkloadKey(NAMESPACE, "Deployment", "chatbot")


def promised(**needed: int) -> Promise:
    return promise_of(deployment(name, replicas=k + 1, needed=k) for name, k in needed.items())


def up(promise: Promise, *workloads: Object, running: list[Object]) -> bool | None:
    return is_available(service_states(promise, [listed(each) for each in workloads], running))


def test_k_is_the_sizing_s_and_n_the_autoscaler_s_minimum() -> None:
    promise = promise_of([deployment(replicas=None, needed=2), autoscaler(floor=3)])
    assert promise.services == {CALLBOT: Need(needed=2, wanted=3)}


@pytest.mark.parametrize(
    ("spec", "needed"),
    [
        ({"minAvailable": 2}, 2),
        ({"minAvailable": "50%"}, 3),
        ({"maxUnavailable": 1}, 4),
        ({"maxUnavailable": "25%"}, 3),
        ({"minAvailable": 9}, 5),
        ({"maxUnavailable": 5}, 1),
    ],
)
def test_a_manifest_of_the_user_s_own_needs_its_disruption_budget_s_minimum(spec: Object, needed: int) -> None:
    promise = promise_of([deployment(replicas=5), budget(**spec), budget("other", minAvailable=5)])
    assert promise.services[CALLBOT].needed == needed


def test_a_workload_without_annotation_and_budget_needs_one_replica() -> None:
    assert promise_of([deployment(replicas=5)]).services[CALLBOT] == Need(needed=1, wanted=5)


def test_an_annotation_that_is_no_number_is_none() -> None:
    strange = deployment()
    strange["metadata"]["annotations"] = {"ecp.ai/needed-replicas": "all"}
    assert promise_of([strange]).services[CALLBOT].needed == 1


def test_spare_replicas_that_are_missing_are_no_outage() -> None:
    promise, callbot = promised(callbot=2), deployment(replicas=3)
    assert up(promise, callbot, running=pods(ready=2)) is True
    assert up(promise, callbot, running=pods(ready=1)) is False


def test_a_deleted_deployment_is_down_whatever_pods_are_left_of_it() -> None:
    promise = promised(callbot=1, chatbot=1)
    running = [*pods("callbot", ready=1), *pods("chatbot", ready=1)]
    assert up(promise, deployment("callbot"), deployment("chatbot"), running=running) is True
    assert up(promise, deployment("callbot"), running=running) is False
    leaving = deployment("chatbot", deletionTimestamp="2026-11-20T12:00:00Z")
    assert up(promise, deployment("callbot"), leaving, running=running) is False


def test_a_deployment_that_is_scaled_to_zero_is_down() -> None:
    assert up(promised(callbot=1), deployment(replicas=0), running=[]) is False


def test_what_was_deployed_without_replicas_is_not_promised() -> None:
    """A user's own manifest may leave a workload out for now: that is no outage."""
    promise = promise_of([deployment("callbot"), deployment("batch", replicas=0)])
    assert up(promise, deployment("callbot"), deployment("batch", replicas=0), running=pods(ready=1)) is True
    assert [key.name for key in promise.services] == ["callbot"]


@pytest.mark.parametrize("text", ['{"Deployment/callbot": 1e999}', "[" * 100_000, '{"Deployment/callbot": "x"}'])
def test_services_that_can_not_be_read_declare_nothing(text: str) -> None:
    assert declared_in({"metadata": {"name": "ecp-ai-acme", "annotations": {SERVICES: text}}}) == {}


def test_a_deleted_autoscaler_takes_the_floor_from_nothing_and_fewer_replicas_than_promised_are_down() -> None:
    promise = promise_of([deployment(replicas=None, needed=3), autoscaler(floor=3)])
    [state] = service_states(promise, [listed(deployment(replicas=1))], pods(ready=1)).values()
    assert (state.up, state.ready, state.needed, state.wanted) == (False, 1, 3, 3)


def test_an_annotation_that_was_removed_by_hand_changes_nothing() -> None:
    assert up(promised(callbot=2), deployment(replicas=3), running=pods(ready=1)) is False


def test_a_workload_that_was_not_deployed_changes_nothing() -> None:
    stranger = deployment("stranger", replicas=3)
    assert up(promised(callbot=1), deployment(), stranger, running=pods(ready=1)) is True


def test_replicas_that_an_autoscaler_adds_are_no_outage_until_they_are_ready() -> None:
    promise = promise_of([deployment(replicas=None, needed=3), autoscaler(floor=3)])
    [state] = service_states(promise, [listed(deployment(replicas=6))], pods(ready=3, unready=3)).values()
    assert (state.up, state.wanted) == (True, 6)


def test_what_depends_on_pods_whose_node_does_not_answer_is_unknown() -> None:
    assert up(promised(callbot=2), deployment(), running=pods(ready=1, unknown=1)) is None
    assert up(promised(callbot=3), deployment(), running=pods(ready=1, unknown=1)) is False
    assert up(promised(callbot=1), deployment(), running=pods(ready=1, unknown=1)) is True


def test_one_service_that_is_down_outweighs_another_that_is_unknown() -> None:
    running = [*pods("callbot", unknown=1), *pods("chatbot", unready=1)]
    both = promised(callbot=1, chatbot=1)
    assert up(both, deployment("callbot"), deployment("chatbot"), running=running) is False


def test_a_stateful_set_is_a_service_like_another() -> None:
    promise = promise_of([deployment(), stateful_set()])
    assert up(promise, deployment(), stateful_set(), running=[*pods(ready=1), *pods("redis", ready=1)]) is True
    assert up(promise, deployment(), running=pods(ready=1)) is False


def test_a_first_start_is_unknown_until_everything_is_up() -> None:
    promise = in_force(None, [promised(callbot=2, chatbot=1)])
    workloads = deployment("callbot"), deployment("chatbot")
    assert up(promise, *workloads, running=pods("callbot", ready=2)) is None
    assert up(promise, running=[]) is None
    assert up(promise, *workloads, running=[*pods("callbot", ready=2), *pods("chatbot", ready=1)]) is True


def test_scaling_up_is_no_outage_as_long_as_the_replicas_of_before_are_ready() -> None:
    promise = in_force(promised(callbot=33), [promised(callbot=36)])
    assert up(promise, deployment(replicas=37), running=pods(ready=33, unready=4)) is True
    assert up(promise, deployment(replicas=37), running=pods(ready=32, unready=5)) is False
    assert up(promised(callbot=36), deployment(replicas=37), running=pods(ready=33, unready=4)) is False


def test_scaling_down_is_no_outage() -> None:
    promise = in_force(promised(callbot=5), [promised(callbot=3)])
    assert up(promise, deployment(replicas=4), running=pods(ready=3)) is True
    assert up(promise, deployment(replicas=4), running=pods(ready=2)) is False


def test_a_rolling_update_asks_for_what_was_asked_for_before() -> None:
    promise = in_force(promised(callbot=2), [promised(callbot=2)])
    assert up(promise, deployment(replicas=3), running=pods(ready=2, unready=2)) is True
    assert up(promise, deployment(replicas=3), running=pods(ready=1, unready=3)) is False


def test_a_rollout_that_another_pushed_aside_may_have_taken_replicas_away() -> None:
    promise = in_force(promised(callbot=5), [promised(callbot=2), promised(callbot=5)])
    assert up(promise, deployment(replicas=6), running=pods(ready=2, unready=4)) is True


def test_a_service_that_a_rollout_adds_is_not_due_and_hides_no_other() -> None:
    promise = in_force(promised(callbot=1), [promised(callbot=1, chatbot=1)])
    assert up(promise, deployment("callbot"), running=pods("callbot", ready=1)) is True
    assert up(promise, deployment("callbot"), running=[]) is False
    states = service_states(promise, [listed(deployment("callbot"))], pods("callbot", ready=1))
    assert states[CHATBOT].up is None


def test_a_service_that_a_rollout_leaves_out_is_promised_no_longer() -> None:
    promise = in_force(promised(callbot=1, chatbot=1), [promised(callbot=1)])
    assert up(promise, deployment("callbot"), running=pods("callbot", ready=1)) is True


def test_a_start_is_unknown_until_everything_is_up() -> None:
    promise = in_force(promised(callbot=2), [promised(callbot=2)], is_start=True)
    assert up(promise, deployment(), running=pods(ready=1, unready=1)) is None
    assert up(promise, deployment(), running=pods(ready=2)) is True


def test_a_stopped_tenant_and_one_that_is_deleted_are_unknown() -> None:
    stopped = Promise(promised(callbot=1).services, rests=True)
    assert up(stopped, deployment(replicas=0), running=[]) is None
    assert up(stopped, deployment(replicas=2), running=pods(ready=2)) is None
    [state] = service_states(stopped, [listed(deployment(replicas=0))], []).values()
    assert (state.ready, state.wanted) == (0, 0)
    assert up(NOTHING, running=[]) is None
